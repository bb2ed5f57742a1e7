/** The suspension of everything: it holds at once, and is written down as soon as the store can. */
import type { Clock } from './clock.ts';
import type { Problem } from './problem.ts';
import { Type } from './json-schema.ts';
import { noAnswer, storeDeadlineMs, storeRetryMs } from './recorder.ts';
import { suspensionSchema } from './rotation/record-schema.ts';
import type { Suspension } from './rotation/state.ts';
import { schemaCheck } from './schema-check.ts';
import type { JsonValue, Store } from './store/store.ts';

export interface SuspensionOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'saveGlobal' | 'retellGlobal'>;
  readonly observer: { problem(problem: Problem): void };
  /** No more writes after the one under way. */
  readonly stopping: AbortSignal;
}

export interface GlobalSuspension {
  current(): Suspension | undefined;
  /**
   * Holds at once. Resolves when it is on record, or with the problem for which it is not yet, after 5 s at most. Never
   * rejects.
   */
  set(suspension: Suspension | undefined): Promise<Problem | undefined>;
  /** What was on record; a suspension that somebody asked for meanwhile outranks it. */
  load(global: JsonValue | undefined): void;
  /** Another replica wrote it. What was said here and is not on record yet outranks it. */
  follow(global: JsonValue | undefined): void;
  /** Set while the last write failed, or is late, or what another replica wrote last cannot be read. */
  problem(): Problem | undefined;
}

export function createGlobalSuspension({ clock, store, observer, stopping }: SuspensionOptions): GlobalSuspension {
  let current: Suspension | undefined;
  let problem: Problem | undefined;
  let unreadable: Problem | undefined;
  let isSaving = false;
  /** Who wants to know whether what they said is on record. */
  let waiting: readonly ((failure: Problem | undefined) => void)[] = [];
  let cancelRetry: () => void = () => undefined;

  /** Until the store has what holds now. One write at a time, each to its end: of two the older one might land last. */
  async function save(): Promise<void> {
    cancelRetry();
    if (isSaving) return;
    isSaving = true;
    let saved: Suspension | undefined;
    let failure: Problem | undefined;
    do {
      saved = current;
      failure = await write(saved);
    } while (failure === undefined && saved !== current);
    isSaving = false;

    if (failure === undefined) {
      problem = undefined;
      answer(undefined);
      // Of what we were told meanwhile nobody could say whether it was written before or after ours.
      store.retellGlobal?.();
      return;
    }
    tell(failure);
    if (!stopping.aborted) cancelRetry = clock.at(clock.now() + storeRetryMs, () => void save());
  }

  async function write(suspension: Suspension | undefined): Promise<Problem | undefined> {
    const cancel = clock.at(clock.now() + storeDeadlineMs, () => tell(noAnswer));
    const result = await store.saveGlobal(globalOf(suspension)).finally(cancel);
    return result.kind === 'saved' ? undefined : result.problem;
  }

  function tell(failure: Problem): void {
    if (problem === undefined) observer.problem(failure);
    problem = failure;
    answer(failure);
  }

  function answer(failure: Problem | undefined): void {
    const answered = waiting;
    waiting = [];
    for (const resolve of answered) resolve(failure);
  }

  /** What cannot be read changes nothing. */
  function take(global: JsonValue | undefined): void {
    const reading = readGlobal(global);
    if (reading.kind === 'read') {
      current = reading.suspension;
      unreadable = undefined;
      return;
    }
    if (unreadable === undefined) observer.problem(reading.problem);
    unreadable = reading.problem;
  }

  stopping.addEventListener('abort', () => cancelRetry(), { once: true });
  return {
    current: () => current,
    set(suspension) {
      current = suspension;
      unreadable = undefined;
      // The write before it is late, and has said so.
      const isBehind = isSaving && problem !== undefined;
      void save();
      if (isBehind) return Promise.resolve(problem);
      return new Promise((resolve) => {
        waiting = [...waiting, resolve];
      });
    },
    load(global) {
      if (current === undefined) take(global);
    },
    follow(global) {
      if (!isSaving && problem === undefined) take(global);
    },
    problem: () => problem ?? unreadable,
  };
}

/** The value that concerns no single Service, as all who share a store keep it. */
export function globalOf(suspension: Suspension | undefined): JsonValue {
  return suspension === undefined ? {} : { suspension: { ...suspension } };
}

const check = schemaCheck(Type.Object({ suspension: Type.Optional(suspensionSchema) }));

type GlobalReading =
  | { readonly kind: 'read'; readonly suspension: Suspension | undefined }
  | { readonly kind: 'unreadable'; readonly problem: Problem };

/** Whether everything is suspended, by what a store or a cluster has of it. */
export function readGlobal(global: unknown): GlobalReading {
  if (global === undefined) return { kind: 'read', suspension: undefined };
  if (check.accepts(global)) return { kind: 'read', suspension: global.suspension };
  return { kind: 'unreadable', problem: notRead };
}

const notRead: Problem = {
  code: 'KV0813',
  severity: 'error',
  message: 'what is stored about the suspension of everything cannot be read: what held before holds',
  remedy: 'kubervisor suspend or kubervisor resume, without a Service, writes it anew',
};
