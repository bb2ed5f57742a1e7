/** Which samples speak about a backend as it is now. */
import { isCovered } from '../breakers/coverage.ts';
import type { Verdict } from '../breakers/verdict.ts';
import type { BackendId, EpochMs } from '../model.ts';
import type { LastJudgement, ServiceState, TrackName } from './state.ts';

/**
 * Samples that reach back before this moment are of another process, of a time without traffic, or of a smaller weight:
 * they would convict or acquit the backend of its past. What is really out gets no traffic, so that counts for the
 * shadow too.
 */
export function evidenceFromMs(state: ServiceState, track: TrackName, backend: BackendId): EpochMs {
  return Math.max(
    state.evidenceFrom.get(backend) ?? 0,
    state.enforced.decisions.get(backend)?.evidenceFromMs ?? 0,
    state[track].decisions.get(backend)?.evidenceFromMs ?? 0,
  );
}

/** The verdict of a judgement, if the backend is still what was judged. */
export function verdictNow(
  state: ServiceState,
  track: TrackName,
  judgement: LastJudgement,
  backend: BackendId,
): Verdict | undefined {
  const verdict = judgement.verdicts.get(backend);
  const isPresent = verdict !== undefined && windowStartOf(judgement, verdict) >= evidenceFromMs(state, track, backend);
  return isPresent ? verdict : undefined;
}

/** Since when the samples of a verdict are: a few verdicts look back less far than their breaker. */
export function windowStartOf(
  { evaluatedAtMs, windowStartMs }: Pick<LastJudgement, 'evaluatedAtMs' | 'windowStartMs'>,
  verdict: Verdict,
): EpochMs {
  const lookbackMs = 'lookbackMs' in verdict ? verdict.lookbackMs : undefined;
  return lookbackMs === undefined ? windowStartMs : evaluatedAtMs - lookbackMs;
}

/**
 * The fleet as a whole is at another level, or the group of the backend is: its peers are no reference, and no verdict on
 * it is one on it alone. Other groups of the fleet are judged as ever.
 */
export function hasMoved({ kind, groups }: LastJudgement, backend: BackendId): boolean {
  if (kind === 'fleet-wide') return true;
  return groups?.some((group) => group.kind === 'fleet-wide' && group.members.includes(backend)) === true;
}

/** It has data of too little of the fleet: it may take nobody new out, and lets nobody further up. */
export function isPartial({ coverage }: Pick<LastJudgement, 'coverage'>): boolean {
  return coverage !== undefined && !isCovered(coverage);
}
