/** What has to be asked of the past for a policy: each query at the moments at which the engine would have asked it. */
import type { EpochMs } from '../model.ts';
import { type Breaker, type Policy, queriesOf } from '../policy/policy.ts';
import { phaseMsOf } from '../schedule.ts';

export interface Question {
  /** Name of the metric source. */
  readonly source: string;
  readonly query: string;
  readonly startMs: EpochMs;
  readonly stepMs: number;
  /** Moments; the last one is `startMs + (count - 1) * stepMs`. */
  readonly count: number;
}

export interface Period {
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
}

/** Those of all breakers, each once; custom services keep no history and are not asked. */
export function questionsOf(policies: readonly Policy[], period: Period): readonly Question[] {
  const questions = policies.flatMap(({ breakers }) =>
    breakers.flatMap((breaker) => questionsOfBreaker(breaker, period)),
  );
  return [...new Map(questions.map((question) => [JSON.stringify(question), question])).values()];
}

export function questionsOfBreaker(breaker: Breaker, { fromMs, untilMs }: Period): readonly Question[] {
  const { source, evaluationPeriodMs: stepMs, detector, activity } = breaker;
  if (detector.kind === 'customService') return [];
  const phaseMs = phaseMsOf(breaker);
  const startMs = Math.ceil((fromMs - phaseMs) / stepMs) * stepMs + phaseMs;
  const count = Math.floor((untilMs - startMs) / stepMs) + 1;
  if (count < 1) return [];
  const queries = [
    ...queriesOf(detector).map(({ query }) => query),
    ...(activity === undefined ? [] : [activity.query]),
  ];
  return queries.map((query) => ({ source, query, startMs, stepMs, count }));
}
