/**
 * How much of the fleet a breaker has data of. Half of the series gone is half of a metric source gone, or a rollout of
 * the exporter: who is left then looks bad against too few peers, and nobody can say what the others do. Idle is not
 * silent: a backend that did too little to be judged, or whose value is 0/0, has a series and so was seen.
 */
import type { BackendId } from '../model.ts';
import type { MatchedSamples } from './readings.ts';
import type { Subject } from './subject.ts';
import type { Verdict } from './verdict.ts';

/** Of those that serve at full weight, are ready and warm. */
export interface Coverage {
  readonly seen: number;
  readonly of: number;
}

/** Share of the fleet that may be silent. */
const silentShare = 0.2;

/** From this size on one silent backend is its own fault, and must not keep all others in. */
const leastForOne = 3;

/** At least 80 % are seen; of three and more, all but one will do. */
export function isCovered({ seen, of }: Coverage): boolean {
  return of - seen <= allowedSilent(of);
}

function allowedSilent(of: number): number {
  return of < leastForOne ? 0 : Math.max(1, Math.floor(silentShare * of));
}

export function describeCoverage({ seen, of }: Coverage): string {
  return `${seen} of ${of} backends have data, it takes ${of - allowedSilent(of)}`;
}

export function coverageOf(subjects: readonly Subject[], isSeen: (id: BackendId) => boolean): Coverage {
  const reference = subjects.filter(({ role }) => role === 'reference');
  return { seen: reference.filter(({ id }) => isSeen(id)).length, of: reference.length };
}

/** In any of these answers there is a series of its own. */
export function hasSeries(answers: readonly (MatchedSamples | undefined)[], id: BackendId): boolean {
  return answers.some((answer) => (answer?.byBackend.get(id)?.length ?? 0) > 0 && answer?.ambiguous.has(id) !== true);
}

/** What a custom service says of a backend, other than nothing. */
export function isJudgedBy(verdict: Verdict | undefined): boolean {
  return (
    verdict !== undefined && verdict.kind !== 'error' && !(verdict.kind === 'insufficient' && verdict.unseen === true)
  );
}
