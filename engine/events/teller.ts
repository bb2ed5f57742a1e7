/**
 * Writes Events to the cluster, later and few at a time. Whoever tells it something never waits, and what cannot be
 * written is lost, and counted: an Event is a courtesy, the audit is the record.
 */
import type { Clock } from '../clock.ts';
import { type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { isRecord } from '../is-record.ts';
import { sleep } from '../kubernetes/sleep.ts';
import type { EpochMs } from '../model.ts';
import type { Problem } from '../problem.ts';
import { eventProblem } from '../pods/problems.ts';
import type { EventReason } from './happening.ts';
import { eventBody, eventsPath, seriesBody, type Telling } from './kube-event.ts';

export interface TellerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Who writes them: this process. */
  readonly instance: string;
  readonly count: (result: EventResult) => void;
  readonly limits: TellerLimits;
}

export type EventResult = 'written' | 'counted' | 'failed' | 'dropped';

export interface TellerLimits {
  /** Between two requests, in milliseconds. Default 100. */
  readonly gapMs: number;
  /** How long the API server may ask to be left alone, in milliseconds. Default 2 min. */
  readonly maxRestMs: number;
  /** Tellings that wait, of changes and of all else each; what comes beyond is dropped. Default 200. */
  readonly maxWaiting: number;
  /** Events of one reason about one object in `similarMs`; more of them are counted in the last one. Default 10. */
  readonly maxSimilar: number;
  /** Default 10 min. */
  readonly similarMs: number;
  /** Pairs of reason and object kept in mind. Default 1000. */
  readonly maxKnown: number;
}

export const tellerLimits: TellerLimits = {
  gapMs: 100,
  maxRestMs: 120_000,
  maxWaiting: 200,
  maxSimilar: 10,
  similarMs: 600_000,
  maxKnown: 1000,
};

export interface Teller {
  tell(telling: Telling): void;
  /** Resolves when the signal aborts; what still waits then is lost. */
  run(signal: AbortSignal): Promise<void>;
  problems(): readonly Problem[];
}

/** Nothing has changed for anybody. When data is gone these come of all policies at once. */
const unchanged: ReadonlySet<EventReason> = new Set([
  'DetectorFailed',
  'DetectorRecovered',
  'EjectionHeld',
  'BudgetExhausted',
]);

interface Waiting {
  readonly telling: Telling;
  readonly atMs: EpochMs;
}

/** Events of one reason about one object. */
interface Similar {
  readonly startedMs: EpochMs;
  /** Objects that were made. */
  readonly made: number;
  /** The last of them, and how often it stands for by now. */
  readonly last: { readonly name: string; readonly note: string; readonly count: number };
}

export function createTeller({ client, clock, instance, count, limits }: TellerOptions): Teller {
  /** Written before all else, and not crowded out by it. */
  const changes: Waiting[] = [];
  const others: Waiting[] = [];
  const known = new Map<string, Similar>();
  let wake = (): void => undefined;
  let problem: Problem | undefined;

  async function write(telling: Telling, atMs: EpochMs, signal: AbortSignal): Promise<EventResult> {
    const key = `${telling.reason} ${telling.regarding.kind} ${telling.regarding.uid}`;
    const similar = recent(known.get(key), atMs);
    const path = eventsPath(telling.regarding.namespace);
    const isMore = similar?.last.note === telling.note || (similar?.made ?? 0) >= limits.maxSimilar;
    if (similar !== undefined && isMore) {
      const { name, note, count: before } = similar.last;
      try {
        await client.send('patch', `${path}/${name}`, seriesBody(before + 1, atMs), signal);
        remember(key, { ...similar, last: { name, note, count: before + 1 } });
        return 'counted';
      } catch (error) {
        // The API server keeps Events for an hour or less; then there is another first one.
        if (!(error instanceof KubeError) || error.status !== 404) throw error;
      }
    }
    const name = nameOf(await client.send('post', path, eventBody(telling, instance, atMs), signal));
    const { startedMs = atMs, made = 0 } = similar ?? {};
    if (name !== undefined) {
      remember(key, { startedMs, made: made + 1, last: { name, note: telling.note, count: 1 } });
    }
    return 'written';
  }

  function recent(similar: Similar | undefined, atMs: EpochMs): Similar | undefined {
    if (similar === undefined || Math.abs(atMs - similar.startedMs) > limits.similarMs) return undefined;
    return similar;
  }

  /** The longest not heard of is forgotten first. */
  function remember(key: string, similar: Similar): void {
    known.delete(key);
    known.set(key, similar);
    const oldest = known.keys().next().value;
    if (known.size > limits.maxKnown && oldest !== undefined) known.delete(oldest);
  }

  return {
    tell(telling) {
      const waiting = unchanged.has(telling.reason) ? others : changes;
      if (waiting.length >= limits.maxWaiting) {
        count('dropped');
        return;
      }
      waiting.push({ telling, atMs: clock.now() });
      wake();
    },
    async run(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const next = changes.shift() ?? others.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        let askedForMs = 0;
        try {
          count(await write(next.telling, next.atMs, signal));
          problem = undefined;
        } catch (error) {
          if (signal.aborted) return;
          count('failed');
          const message = error instanceof Error ? error.message : String(error);
          const { status, retryAfterMs = 0 } = error instanceof KubeError ? error : {};
          // A wrong header must not keep us from it for a day.
          askedForMs = Math.min(retryAfterMs, limits.maxRestMs);
          // While the API server is away others say so. The first refusal stands for all until one is taken.
          if (status !== undefined) problem ??= eventProblem({ message, status });
        }
        await sleep(clock, Math.max(limits.gapMs, askedForMs), signal);
      }
    },
    problems: () => (problem === undefined ? [] : [problem]),
  };
}

function nameOf(event: unknown): string | undefined {
  if (!isRecord(event) || !isRecord(event['metadata'])) return undefined;
  const { name } = event['metadata'];
  return typeof name === 'string' ? name : undefined;
}
