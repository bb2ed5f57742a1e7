/**
 * A copy of all objects of one kind, kept in step with the API server: list once, then watch from there.
 *
 * Ours, because the client library's informer dies of a failed request, believes a list that is older than what it
 * has, and asks for no bookmarks. What can go wrong, and what is done:
 * - the watch ends in good order (it is asked to, twice a minute): it goes on from the last version heard of;
 * - the version is too old for the server (410): a new list, soon, against which what went missing is found;
 * - the connection is half open, and nothing comes any more: the watch is given up 15 s after it should have ended;
 * - the server is away, or says wait (429): equal-jittered backoff, and at least as long as it says; who asks for a list
 *   meanwhile, as a replica that has just been elected does, need not wait for the rest of it;
 * - a list lacks much of what is known: a second one must confirm it before it is believed (R3);
 * - a list, or an object, is older than what is known, as after a failover to a replica that lags: it is not believed;
 * - an event was lost on the way: every ten minutes a list is compared with the copy, and what was missed is counted.
 */
import type { Clock } from '../clock.ts';
import { defect } from '../defect.ts';
import { createBackoff } from '../metrics/backoff.ts';
import { isRecord } from '../is-record.ts';
import type { EpochMs } from '../model.ts';
import type { Problem } from '../problem.ts';
import { type Check, createCheck } from './check.ts';
import { isExpired, type KubeClient, KubeError } from './kube-client.ts';
import { listAll } from './list.ts';
import { type Identified, identityOf, versionOf } from './object-meta.ts';
import { isOlder } from './resource-version.ts';
import { sleep } from './sleep.ts';

export interface ReflectorOptions<T> {
  /** Such as `/api/v1/pods`. */
  readonly path: string;
  /** Label and field selectors, as query parameters. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** What is kept of an object; the rest of it is forgotten. */
  readonly keep: (object: Readonly<Record<string, unknown>>) => T;
  /** Called in order. What it throws is reported and changes nothing here. */
  readonly onChange: (change: Change<T>) => void;
  readonly onProblem: (problem: Problem) => void;
  /** The server failed, or is well again. */
  readonly onHealth?: () => void;
  /** Default: it ends after 30 to 45 s, and is given up 15 s later, so that a silent one is noticed within a minute. */
  readonly watching?: WatchTiming;
}

/** How long a watch lasts: the server is asked to end it, and one that it does not end is half open. */
export interface WatchTiming {
  /** After so many seconds it ends, or up to `moreSeconds` later. At least 2: what ends sooner has failed. */
  readonly leastSeconds: number;
  readonly moreSeconds: number;
  /** How long after that it is given up. */
  readonly graceMs: number;
}

export type Change<T> =
  /** A list: all there is now. `gone` was there before (or was another object of that name), and no event said why. */
  | { readonly kind: 'listed'; readonly items: ReadonlyMap<string, T>; readonly gone: ReadonlyMap<string, T> }
  | { readonly kind: 'changed'; readonly key: string; readonly object: T; readonly before?: T }
  | { readonly kind: 'gone'; readonly key: string; readonly before: T };

export interface Reflector<T> {
  /** Keeps the copy in step until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves with the first list. */
  readonly synced: Promise<void>;
  /** By `namespace/name`. */
  items(): ReadonlyMap<string, T>;
  /**
   * Asks for a list at once, or within seconds while the server fails: somebody doubts the last one. Resolves when one was told that began after this; one that is
   * under way may show less than is known by now. Never rejects, and never resolves when the signal aborts first.
   */
  relist(): Promise<void>;
  health(): ReflectorHealth;
}

export interface ReflectorHealth {
  readonly path: string;
  readonly lists: number;
  readonly watches: number;
  /** Lists and watches that failed. */
  readonly failures: number;
  /** Events that a check found to be lost. */
  readonly misses: number;
  /** Objects and lists that were older than what was known. */
  readonly stale: number;
  /** When the server was last heard, bookmarks included; undefined before the first list. */
  readonly heardAtMs?: EpochMs;
  /** Why the last list or watch failed; absent while all is well. */
  readonly error?: KubeError;
}

interface Item<T> extends Identified {
  readonly object: T;
}

const defaultWatching: WatchTiming = { leastSeconds: 30, moreSeconds: 15, graceMs: 15_000 };
/** A watch that ends sooner than this has failed, whatever it says: otherwise we would ask without a pause. */
const shortestWatchMs = 1_000;
const checkEveryMs = 600_000;
/** How long after a list that lacks much the second one is asked for that has to confirm it. */
const confirmMs = 1_000;
/** For so long a list that is older than what we know is not believed; a cluster restored from a backup is older for good. */
const disbeliefMs = 60_000;
/** Nobody who asks for a list makes us try again sooner than this. */
const askedMs = 5_000;
const backoff = { baseMs: 800, maxMs: 30_000, maxRetryAfterMs: 120_000 };

export function createReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  const { path, selector = {}, client, clock, random, keep, watching = defaultWatching } = options;
  const pause = createBackoff(backoff, random);
  const isSynced = Promise.withResolvers<void>();
  const counts = { lists: 0, watches: 0, failures: 0, misses: 0, stale: 0 };
  let items = new Map<string, Item<T>>();
  /** Where a watch may go on from; undefined: a list is needed. */
  let version: string | undefined;
  /** How often somebody has asked for a list, and how many of those the last one that was told, or tried, had begun after. */
  const asks = { made: 0, answered: 0, tried: 0 };
  let waiting: readonly { readonly ask: number; readonly resolve: () => void }[] = [];
  /** The newest state heard of. */
  let newest: string | undefined;
  let isConfirming = false;
  /** The last failure was that too, and no list has mended it yet. */
  let wasExpired = false;
  let disbelievedSinceMs: EpochMs | undefined;
  let heardAtMs: EpochMs | undefined;
  let lastCheckMs = clock.now();
  let check: Check | undefined;
  let error: KubeError | undefined;
  let interrupt = new AbortController();

  async function list(signal: AbortSignal): Promise<void> {
    counts.lists += 1;
    const asked = asks.made;
    const listed = new Map<string, Item<T>>();
    const read = await listAll(client, path, selector, (objects) => takePage(objects, listed), signal);
    if (newest !== undefined && isOlder(read.version, newest) && !isDisbeliefOver()) {
      counts.stale += 1;
      throw new KubeError(`the list is of version ${read.version}, and ${newest} is known already`);
    }
    disbelievedSinceMs = undefined;
    if (lacksMany(items, listed) && !isConfirming) {
      isConfirming = true;
      await sleep(clock, confirmMs, signal);
      return;
    }
    isConfirming = false;
    const gone = new Map<string, T>();
    for (const [key, { object, uid }] of items) if (listed.get(key)?.uid !== uid) gone.set(key, object);
    items = listed;
    version = read.version;
    newest = read.version;
    asks.answered = asked;
    check = undefined;
    lastCheckMs = clock.now();
    heard();
    tell({ kind: 'listed', items: copyOf(items), gone });
    isSynced.resolve();
    for (const { ask, resolve } of waiting) if (ask <= asked) resolve();
    waiting = waiting.filter(({ ask }) => ask > asked);
  }

  const isListNeeded = (): boolean => version === undefined || asks.answered < asks.made;

  function isDisbeliefOver(): boolean {
    disbelievedSinceMs ??= clock.now();
    return Math.abs(clock.now() - disbelievedSinceMs) >= disbeliefMs;
  }

  function takePage(objects: readonly unknown[], into: Map<string, Item<T>>): void {
    for (const object of objects) {
      const identity = identityOf(object);
      if (identity === undefined || !isRecord(object))
        throw new KubeError('the list holds something that is no object');
      into.set(identity.key, { ...identity, object: keep(object) });
    }
  }

  async function watch(from: string, signal: AbortSignal): Promise<void> {
    counts.watches += 1;
    const startedMs = clock.now();
    const timeoutSeconds = watching.leastSeconds + Math.floor(random() * watching.moreSeconds);
    const silent = new AbortController();
    const cancel = clock.at(startedMs + timeoutSeconds * 1000 + watching.graceMs, () => silent.abort());
    interrupt = new AbortController();
    const query = { ...selector, watch: true, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds };
    try {
      await client.watch(
        path,
        query,
        { opened: heard, event: takeEvent },
        AbortSignal.any([signal, silent.signal, interrupt.signal]),
      );
    } catch (failure) {
      if (interrupt.signal.aborted) return;
      if (!silent.signal.aborted || signal.aborted) throw failure;
      throw new KubeError('the watch went silent and did not end when it should have');
    } finally {
      cancel();
    }
    if (Math.abs(clock.now() - startedMs) < shortestWatchMs && !interrupt.signal.aborted) {
      throw new KubeError('the watch ended as soon as it began');
    }
    succeeded();
  }

  function takeEvent(event: unknown): void {
    if (!isRecord(event)) throw new KubeError('the watch sent something that is no event');
    const { type, object } = event;
    if (type === 'ERROR') throw errorOf(object);
    const at = versionOf(object);
    if (at === undefined) throw new KubeError('the watch sent an event without a version');
    heard();
    // Not with a list: one that succeeds each time, before a watch that fails each time, would be asked for without end.
    succeeded();
    if (type !== 'BOOKMARK') takeObject(type, object);
    if (!isOlder(at, version ?? at)) version = at;
    newest = version;
    finishCheck();
  }

  function takeObject(type: unknown, object: unknown): void {
    const identity = identityOf(object);
    if (identity === undefined || !isRecord(object)) throw new KubeError('the watch sent something that is no object');
    const { key, uid } = identity;
    check?.touched.add(key);
    const known = items.get(key);
    if (known?.uid === uid && isOlder(identity.version, known.version)) {
      counts.stale += 1;
      return;
    }
    if (type === 'DELETED') {
      items.delete(key);
      if (known !== undefined) tell({ kind: 'gone', key, before: known.object });
      return;
    }
    const kept = keep(object);
    items.set(key, { ...identity, object: kept });
    tell({ kind: 'changed', key, object: kept, ...(known === undefined ? {} : { before: known.object }) });
  }

  /** Compared only when the watch has come as far as the list: until then their difference means nothing. */
  function finishCheck(): void {
    if (check === undefined || version === undefined || isOlder(version, check.version)) return;
    const missed = check.missed(items);
    check = undefined;
    if (missed.length === 0) return;
    counts.misses += missed.length;
    void relist();
  }

  function relist(): Promise<void> {
    asks.made += 1;
    interrupt.abort();
    return new Promise((resolve) => {
      waiting = [...waiting, { ask: asks.made, resolve }];
    });
  }

  function heard(): void {
    heardAtMs = clock.now();
    if (error === undefined) return;
    error = undefined;
    options.onHealth?.();
  }

  function tell(change: Change<T>): void {
    try {
      options.onChange(change);
    } catch (failure) {
      options.onProblem(defect(`obeying a change of ${path}`, failure));
    }
  }

  function succeeded(): void {
    pause.succeeded();
    wasExpired = false;
  }

  function failed(failure: unknown): void {
    counts.failures += 1;
    const found = failure instanceof KubeError ? failure : new KubeError(String(failure));
    if (isExpired(failure)) {
      version = undefined;
      if (!wasExpired) {
        // It is there, and has forgotten what was before, as every API server does that starts anew: a list mends that,
        // nobody has to read of it, and after a time without the server nobody has to wait for it much longer.
        wasExpired = true;
        pause.succeeded();
        pause.failed(pause.round(), clock.now(), found.retryAfterMs);
        return;
      }
    }
    error = found;
    options.onHealth?.();
    pause.failed(pause.round(), clock.now(), found.retryAfterMs);
  }

  /** Until the backoff is over. Who asks is worth one try before that, and the server's own word more than any. */
  async function rest(askedToMs: number, signal: AbortSignal): Promise<void> {
    const sinceMs = clock.now();
    const longestMs = pause.waitMs(sinceMs);
    if (asks.made === asks.tried) {
      interrupt = new AbortController();
      await sleep(clock, longestMs, AbortSignal.any([signal, interrupt.signal]));
    }
    if (asks.made === asks.tried) return;
    const restMs = Math.min(longestMs, Math.max(askedMs, askedToMs)) - Math.abs(clock.now() - sinceMs);
    if (restMs > 0) await sleep(clock, restMs, signal);
  }

  async function turn(signal: AbortSignal): Promise<void> {
    asks.tried = asks.made;
    if (isListNeeded()) await list(signal);
    // A clock that was set, either way, makes it early rather than late.
    else if (Math.abs(clock.now() - lastCheckMs) >= checkEveryMs) {
      lastCheckMs = clock.now();
      check = await createCheck(client, path, selector, signal);
    }
    if (version !== undefined && !isListNeeded()) await watch(version, signal);
  }

  return {
    synced: isSynced.promise,
    items: () => copyOf(items),
    relist,
    health: () => ({
      path,
      ...counts,
      ...(heardAtMs === undefined ? {} : { heardAtMs }),
      ...(error === undefined ? {} : { error }),
    }),
    async run(signal) {
      while (!signal.aborted) {
        try {
          await turn(signal);
        } catch (failure) {
          if (signal.aborted) return;
          failed(failure);
          await rest(failure instanceof KubeError ? (failure.retryAfterMs ?? 0) : 0, signal);
        }
      }
    },
  };
}

function copyOf<T>(items: ReadonlyMap<string, Item<T>>): ReadonlyMap<string, T> {
  return new Map([...items].map(([key, { object }]) => [key, object]));
}

/** Over 30 % and at least 3 of what was known, or all of it: what a server says that has lost its data, or most of it. */
function lacksMany(known: ReadonlyMap<string, unknown>, listed: ReadonlyMap<string, unknown>): boolean {
  if (known.size === 0) return false;
  const missing = [...known.keys()].filter((key) => !listed.has(key)).length;
  return missing === known.size || (missing >= 3 && missing * 100 > 30 * known.size);
}

/** An ERROR event carries a Status. */
function errorOf(status: unknown): KubeError {
  if (!isRecord(status)) return new KubeError('the watch sent an error without saying which');
  const { code, message } = status;
  return new KubeError(typeof message === 'string' ? message : 'the watch sent an error', {
    ...(typeof code === 'number' ? { status: code } : {}),
  });
}
