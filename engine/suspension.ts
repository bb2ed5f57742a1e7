/** The suspension of everything: it holds at once, and is written down as soon as the store can. */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from './clock.ts';
import { fieldsOf } from './is-record.ts';
import type { EpochMs } from './model.ts';
import type { Problem } from './problem.ts';
import { Type } from './json-schema.ts';
import { noAnswer, storeDeadlineMs, storeRetryMs } from './recorder.ts';
import { suspensionSchema } from './rotation/record-schema.ts';
import type { Suspension } from './rotation/state.ts';
import { schemaCheck } from './schema-check.ts';
import type { JsonValue, SaveGlobalResult, Store } from './store/store.ts';

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

/** What somebody said here. */
interface Word {
  readonly suspension: Suspension | undefined;
  readonly saidMs: EpochMs;
  /** What was known to be on record then. */
  readonly basis: JsonValue | undefined;
}

export function createGlobalSuspension({ clock, store, observer, stopping }: SuspensionOptions): GlobalSuspension {
  let current: Suspension | undefined;
  let said: Word | undefined;
  /** Could not be written down at once, or waited for one that could not. */
  let late: Word | undefined;
  /** On record, as far as we were told. */
  let known: JsonValue | undefined;
  let problem: Problem | undefined;
  let unreadable: Problem | undefined;
  let isSaving = false;
  /** Who wants to know whether what they said is on record. */
  let waiting: readonly ((failure: Problem | undefined) => void)[] = [];
  let cancelRetry: () => void = () => undefined;

  /** Until the store has what was said last. One write at a time, each to its end: of two the older one might land last. */
  async function save(): Promise<void> {
    cancelRetry();
    if (isSaving || said === undefined) return;
    isSaving = true;
    let word = said;
    let result = await write(word);
    while (result.kind !== 'failed' && result.kind !== 'full' && word !== said) {
      word = said;
      result = await write(word);
    }
    isSaving = false;

    if (result.kind === 'saved' || result.kind === 'overtaken') {
      known = result.kind === 'saved' ? globalOf(word.suspension, word.saidMs) : result.current;
      problem = undefined;
      answer(undefined);
      if (result.kind === 'overtaken') tellGivenUp(word, result.current);
      // Of what we were told meanwhile nobody could say whether it was written before or after ours.
      store.retellGlobal?.();
      return;
    }
    late = said;
    tell(result.problem);
    if (!stopping.aborted) cancelRetry = clock.at(clock.now() + storeRetryMs, () => void save());
  }

  async function write(word: Word): Promise<SaveGlobalResult> {
    const cancel = clock.at(clock.now() + storeDeadlineMs, () => tell(noAnswer));
    const body = globalOf(word.suspension, word.saidMs);
    // Who reaches the store has the last word, whatever the clocks say. Who was cut off has it no more once others spoke.
    const givesWayTo = word === late ? (found: JsonValue | undefined): boolean => isSaidSince(found, word) : undefined;
    return store.saveGlobal(body, givesWayTo).finally(cancel);
  }

  function tellGivenUp({ suspension, saidMs }: Word, global: JsonValue | undefined): void {
    const found = readGlobal(global);
    if (found.kind === 'read' && (found.suspension === undefined) === (suspension === undefined)) return;
    observer.problem(givenUp(suspension, saidMs));
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
      said = { suspension, saidMs: suspension?.sinceMs ?? clock.now(), basis: known };
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
      known = global;
      if (current === undefined) take(global);
    },
    follow(global) {
      known = global;
      if (!isSaving && problem === undefined) take(global);
    },
    problem: () => problem ?? unreadable,
  };
}

/** The value that concerns no single Service, as all who share a store keep it. Both words say when they were said. */
export function globalOf(suspension: Suspension | undefined, saidMs: EpochMs): JsonValue {
  return suspension === undefined ? { resumedMs: saidMs } : { suspension: { ...suspension } };
}

/** By the clocks of those who said it. Of what a hand wrote, or an older version, nobody knows when: it does not count. */
function isSaidSince(global: JsonValue | undefined, { saidMs, basis }: Word): boolean {
  const reading = readGlobal(global);
  if (reading.kind === 'unreadable') return false;
  const atMs = reading.suspension?.sinceMs ?? fieldsOf(global)['resumedMs'];
  return typeof atMs === 'number' && atMs > saidMs && !isDeepStrictEqual(global, basis);
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

function givenUp(suspension: Suspension | undefined, saidMs: EpochMs): Problem {
  const at = new Date(saidMs).toISOString();
  const here = suspension === undefined ? 'resumed here' : `suspended here by ${suspension.actor}`;
  return {
    code: 'KV0842',
    severity: 'warning',
    message: `everything was ${here} at ${at}, which could not be written down, and ${suspension === undefined ? 'suspended' : 'resumed'} elsewhere since: that holds here too now`,
    remedy: 'if what was said here is still meant, say it again',
  };
}
