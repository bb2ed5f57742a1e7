/**
 * The port to wherever decisions survive us. The store knows nothing of what it keeps: one opaque body per Service and
 * one for the whole installation. A reduction of what is served is saved first and served after, so `save` resolving
 * with `saved` is a promise that no crash, and no restart, takes back.
 */
import type { ServiceKey } from '../model.ts';
import type { Place, Problem } from '../problem.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

export interface StoredRecord {
  readonly service: ServiceKey;
  /** Given by the store; every later version of a record has a higher one. */
  readonly revision: number;
  /**
   * Everything of the Service that must survive: decisions, baselines, the last accepted policy, B and floor. It carries
   * its own format version; the store never looks inside.
   */
  readonly body: JsonValue;
  /** Where a person finds it, for when its body turns out to be no use. */
  readonly place?: Place;
  /** Why it is not known what is there by now, as in `cannot be read: ...`. The body says nothing then. */
  readonly unread?: string;
}

export interface StoredState {
  readonly records: ReadonlyMap<ServiceKey, StoredRecord>;
  /** What was last given to `saveGlobal`; absent before the first time. */
  readonly global?: JsonValue;
  /** Higher than any epoch this store ever handed out, and already on record: two loads never return the same one. */
  readonly epoch: number;
  /** Warnings: what was damaged and could be recovered. */
  readonly problems: readonly Problem[];
}

export type SaveResult =
  | { readonly kind: 'saved'; readonly revision: number }
  /** Somebody else changed the record: nothing was written. Absent `current`: the record does not exist any more. */
  | { readonly kind: 'conflict'; readonly current?: StoredRecord }
  /** There is no room for this body, and nothing is ever cut to fit: a smaller one may still be saved. */
  | { readonly kind: 'full'; readonly problem: Problem }
  /** It is not known whether the body was kept; a later load gives this one or the one before. */
  | { readonly kind: 'failed'; readonly problem: Problem };

export type RemoveResult = { readonly kind: 'removed' } | Exclude<SaveResult, { readonly kind: 'saved' }>;

export type SaveGlobalResult =
  | { readonly kind: 'saved' }
  /** It gave way to what is there. Nothing was written. */
  | { readonly kind: 'overtaken'; readonly current: JsonValue | undefined }
  | Exclude<SaveResult, { readonly kind: 'saved' | 'conflict' }>;

/** What this process may do with a shared store: write decisions, or only follow those of who may. */
export type Role =
  | { readonly kind: 'leading'; readonly epoch: number }
  /** `leader`: by what name it is known, if anybody leads. */
  | { readonly kind: 'following'; readonly leader?: string };

/** What a shared store tells the one that uses it. */
export interface StoreWatcher {
  /**
   * Another process wrote the record, or (undefined) what held it is gone. In the order of the versions; never a write of
   * our own that was answered.
   */
  record(service: ServiceKey, record: StoredRecord | undefined): void;
  global(body: JsonValue | undefined): void;
  /** Before `leading`, every record there is was read afresh and handed over. */
  role(role: Role): void;
}

/** The revision to expect where there is no record. */
export const noRevision = 0;

export interface Store {
  /**
   * Reads everything and claims a new epoch. To be called once, before anything else. A shared store claims nothing and
   * says epoch 0: the epoch comes with the role.
   * @throws ProblemError when a part is damaged beyond recovery, cannot be read, or belongs to a newer version: what
   * cannot be read is never taken for "no decisions", because that would put broken backends back into rotation.
   */
  load(signal: AbortSignal): Promise<StoredState>;

  /**
   * Makes `body` durable, if the record is still at `expectedRevision` ({@link noRevision} where there is none).
   *
   * A Service has one write under way at a time. Saves called meanwhile, with the revision the caller knew at that
   * moment, wait for it and are written as one: the latest body stands for all of them, so a body must contain
   * everything its predecessors said. Never throws and never rejects.
   */
  save(service: ServiceKey, body: JsonValue, expectedRevision: number): Promise<SaveResult>;

  /** Forgets the Service, under the same rules as `save`. */
  remove(service: ServiceKey, expectedRevision: number): Promise<RemoveResult>;

  /**
   * Keeps the one value that concerns no single Service; the last writer wins. Never throws and never rejects.
   * @param givesWayTo asked by a shared store about what is there: whether that is to stay
   */
  saveGlobal(body: JsonValue, givesWayTo?: (found: JsonValue | undefined) => boolean): Promise<SaveGlobalResult>;

  /**
   * Only a shared store has it; any other is led by whoever has it open. Called once, after `load`: until it says
   * otherwise, we follow.
   */
  watch?(watcher: StoreWatcher): void;

  /**
   * Only a shared store has it: tells the watcher once more what the global value is. Once our own save was answered, or
   * gave way, that is what was written last, by whomever.
   */
  retellGlobal?(): void;

  /**
   * How long a save may take, in milliseconds, before it counts as failed; absent: 5 s. A store that makes writes wait for
   * their turn needs longer, and sees itself to one that gets no answer.
   */
  readonly patienceMs?: number;

  /** Only a shared store has it: whether we lead, at this very moment. Asked before each step and each write. */
  leads?(): boolean;

  /**
   * Only a shared store has it: stands down for good, so that another can lead at once. What others write is still told.
   */
  resign?(): Promise<void>;

  /** Waits for writes under way and gives the place free for another process. Later saves fail. */
  close(): Promise<void>;
}
