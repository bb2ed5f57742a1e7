/** Carries out evictions that are on record, few at a time, and says what became of each. */
import type { Clock } from '../clock.ts';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import type { EpochMs } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { Decision } from '../rotation/decision.ts';
import type { EvictionAnswer } from '../rotation/evictions.ts';
import type { ServiceState } from '../rotation/state.ts';
import { evict, type EvictionResult } from './evict.ts';
import type { PodName } from './pod.ts';
import { evictionProblem } from './problems.ts';

/** A decision on record that says `evicted`, of a pod that is still there. */
export interface DueEviction extends PodName {
  readonly state: ServiceState;
  readonly decision: Decision;
}

export interface EvictorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** What is due now; nothing while somebody else leads. */
  readonly due: () => readonly DueEviction[];
  /** For the record: what is in the way of this one, or nothing any more. */
  readonly answer: (due: DueEviction, answer: EvictionAnswer | undefined) => void;
  readonly tell: (due: DueEviction, result: 'evicted' | 'refused' | 'failed') => void;
  readonly timing: EvictorTiming;
}

export interface EvictorTiming {
  /** Evictions in any minute over all Services. Default 10. */
  readonly maxPerMinute: number;
  /** Until a refused one is asked for again, at first; then twice as long each time, up to 32 times. Default 10 s. */
  readonly retryMs: number;
}

export const evictorTiming: EvictorTiming = { maxPerMinute: 10, retryMs: 10_000 };

export interface Evictor {
  /** Tries what is due, one after the other. @returns when to come again */
  round(signal: AbortSignal): Promise<EpochMs | undefined>;
  problems(): readonly Problem[];
}

interface Attempt {
  readonly count: number;
  readonly atMs: EpochMs;
  /** Until the next one. */
  readonly restMs: number;
  readonly problem?: Problem;
}

const minuteMs = 60_000;

export function createEvictor(options: EvictorOptions): Evictor {
  const { client, clock, due, answer, tell, timing } = options;
  /** By UID; of pods that are due only. */
  const attempts = new Map<string, Attempt>();
  let evictedAtMs: readonly EpochMs[] = [];

  const isDue = (uid: string): boolean => due().some((each) => each.uid === uid);

  async function attempt(target: DueEviction, signal: AbortSignal): Promise<void> {
    const result = await evict(client, target, () => isDue(target.uid), signal);
    if (signal.aborted) return;
    const count = (attempts.get(target.uid)?.count ?? 0) + 1;
    const problem = result.kind === 'failed' ? evictionProblem(target, result) : undefined;
    attempts.set(target.uid, {
      count,
      atMs: clock.now(),
      restMs: restMs(result, count),
      ...(problem && { problem }),
    });
    if (result.kind === 'evicted') evictedAtMs = [...evictedAtMs, clock.now()];
    if (result.kind === 'evicted' || result.kind === 'refused' || result.kind === 'failed') tell(target, result.kind);
    const said = answerOf(result);
    if (said !== 'none') answer(target, said.answer);
  }

  /** Of what is done we hear by the watch; should it have been in vain, we look again. */
  function restMs(result: EvictionResult, count: number): number {
    const backoffMs = timing.retryMs * 2 ** Math.min(5, count - 1);
    const asked = 'retryAfterMs' in result ? (result.retryAfterMs ?? 0) : 0;
    return Math.max(backoffMs, asked);
  }

  /** A clock that was set back must not stretch the rest, so an attempt "in the future" ends it. */
  function againMs(attempted: Attempt | undefined): EpochMs {
    const now = clock.now();
    return attempted === undefined || attempted.atMs > now ? now : attempted.atMs + attempted.restMs;
  }

  return {
    async round(signal) {
      const all = due();
      const uids = new Set(all.map(({ uid }) => uid));
      for (const uid of attempts.keys()) if (!uids.has(uid)) attempts.delete(uid);
      for (const target of all) {
        if (againMs(attempts.get(target.uid)) > clock.now()) continue;
        evictedAtMs = evictedAtMs.filter((atMs) => Math.abs(clock.now() - atMs) < minuteMs);
        if (evictedAtMs.length >= timing.maxPerMinute) return Math.min(...evictedAtMs) + minuteMs;
        await attempt(target, signal);
        if (signal.aborted) return undefined;
      }
      return attempts.size === 0 ? undefined : Math.min(...[...attempts.values()].map(againMs));
    },
    problems: () => [...attempts.values()].flatMap(({ problem }) => problem ?? []),
  };
}

/** An API server that is away or busy has said nothing about this pod, nor has one whose pod changes all the time. */
function isPassing(status: number | undefined): boolean {
  return status === undefined || [409, 429, 502, 503, 504].includes(status);
}

/** What the record should say. */
function answerOf(result: EvictionResult): { readonly answer: EvictionAnswer | undefined } | 'none' {
  switch (result.kind) {
    case 'evicted':
      return { answer: undefined };
    case 'refused':
      return { answer: 'disruption-budget' };
    case 'irreplaceable':
      return { answer: 'no-controller' };
    case 'failed':
      return isPassing(result.status) ? 'none' : { answer: 'eviction-refused' };
    case 'gone':
    case 'dropped':
      return 'none';
  }
}
