/**
 * Equal requests are asked once. Many breakers of many policies use the same query, and a tick evaluates all of them at
 * the same moment: the answer for a moment is the same for everybody of one tenant who asks for that moment.
 */
import type { Clock } from '../clock.ts';
import type { MetricSource, QueryAnswer, QueryRequest } from './source.ts';

/**
 * How long an answer can still be joined. It cannot get stale, as a later evaluation is another request; this is only
 * how long memory holds it, and how long an error for a moment is not asked for again.
 */
const keepMs = 1000;

interface Shared {
  readonly answer: Promise<QueryAnswer>;
  readonly controller: AbortController;
  waiting: number;
  settledAtMs?: number;
}

export function createSharedSource(source: MetricSource, clock: Clock): MetricSource {
  const entries = new Map<string, Shared>();
  let sweptAtMs = clock.now();

  const sweep = (nowMs: number): void => {
    if (Math.abs(nowMs - sweptAtMs) < keepMs) return;
    sweptAtMs = nowMs;
    for (const [key, entry] of entries) if (isOld(entry, nowMs)) entries.delete(key);
  };

  const start = (key: string, request: QueryRequest): Shared => {
    const controller = new AbortController();
    const entry: Shared = { answer: source.query(request, controller.signal), controller, waiting: 0 };
    entries.set(key, entry);
    const settle = (): void => {
      entry.settledAtMs = clock.now();
    };
    void entry.answer.then(settle, settle);
    return entry;
  };

  return {
    async query(request, signal) {
      if (signal.aborted) return cancelled;
      const nowMs = clock.now();
      sweep(nowMs);
      const key = JSON.stringify([request.query, request.atMs, request.timeoutMs, request.lookbackMs, request.tenant]);
      const known = entries.get(key);
      const entry = known === undefined || isOld(known, nowMs) ? start(key, request) : known;

      entry.waiting += 1;
      const answer = await unlessAborted(entry.answer, signal);
      entry.waiting -= 1;
      if (entry.waiting === 0 && entry.settledAtMs === undefined && answer === cancelled) {
        // The last one who waited has gone. Whoever comes next must not join a query that is being cancelled.
        if (entries.get(key) === entry) entries.delete(key);
        entry.controller.abort();
      }
      return answer;
    },
    health: () => source.health(),
  };
}

const cancelled: QueryAnswer = { kind: 'error', cause: 'timeout', message: 'cancelled' };

function isOld(entry: Shared, nowMs: number): boolean {
  return entry.settledAtMs !== undefined && Math.abs(nowMs - entry.settledAtMs) >= keepMs;
}

/** One caller's abort must not take the answer from the others. */
function unlessAborted(answer: Promise<QueryAnswer>, signal: AbortSignal): Promise<QueryAnswer> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(cancelled);
    signal.addEventListener('abort', giveUp, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
