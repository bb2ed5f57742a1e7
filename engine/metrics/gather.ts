/** What a breaker needs to know, from whoever knows it: samples of metric sources, verdicts of custom services. */
import type { Evidence } from '../breakers/judge.ts';
import type { MatchedSamples } from '../breakers/readings.ts';
import type { EpochMs, Fleet } from '../model.ts';
import { serviceKey, splitServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { CustomServices } from './custom-service.ts';
import { matchSamples } from './match.ts';
import type { MetricSources } from './registry.ts';
import type { QueryAnswer } from './source.ts';

export interface GatherOptions {
  readonly sources: MetricSources;
  readonly customServices: CustomServices;
}

export interface Gathered {
  readonly evidence: Evidence;
  /** The moment the evidence is of, on our clock. */
  readonly evaluatedAtMs: EpochMs;
  /** How far back from there it looks. */
  readonly lookbackMs: number;
}

export function createGather({ sources, customServices }: GatherOptions) {
  const ask = async (breaker: Breaker, query: string, atMs: EpochMs, signal: AbortSignal): Promise<QueryAnswer> =>
    sources
      .get(breaker.source)
      // An answer that comes later than the next question is of no use to anybody.
      .query({ query, atMs, timeoutMs: breaker.evaluationPeriodMs, lookbackMs: breaker.lookbackMs }, signal);

  const samples = async (
    breaker: Breaker,
    query: string,
    fleet: Fleet,
    atMs: EpochMs,
    signal: AbortSignal,
  ): Promise<Gathered> => {
    const { activity, lookbackMs } = breaker;
    const answers = await Promise.all([
      ask(breaker, query, atMs, signal),
      ...(activity === undefined ? [] : [ask(breaker, activity.query, atMs, signal)]),
    ]);
    const matched: MatchedSamples[] = [];
    let evaluatedAtMs = atMs;
    for (const answer of answers) {
      if (answer.kind !== 'samples')
        return { evidence: { kind: 'unusable', reason: answer.message }, evaluatedAtMs: atMs, lookbackMs };
      matched.push(
        matchSamples(breaker.match, splitServiceKey(fleet.service).namespace, fleet.backends, answer.samples),
      );
      evaluatedAtMs = Math.min(evaluatedAtMs, answer.evaluatedAtLocalMs);
    }
    const [main, activitySamples] = matched;
    if (main === undefined) throw new Error('a query without an answer');
    const evidence: Evidence = {
      kind: 'samples',
      samples: main,
      ...(activitySamples !== undefined && { activity: activitySamples }),
    };
    return { evidence, evaluatedAtMs, lookbackMs };
  };

  const verdicts = async (
    breaker: Breaker,
    service: string,
    port: number,
    fleet: Fleet,
    atMs: EpochMs,
    signal: AbortSignal,
  ): Promise<Gathered> => {
    const { namespace } = splitServiceKey(fleet.service);
    const answer = await customServices.ask(
      { service: serviceKey(namespace, service), port, backends: fleet.backends },
      signal,
    );
    if (answer.kind === 'error') {
      return {
        evidence: { kind: 'unusable', reason: answer.message },
        evaluatedAtMs: atMs,
        lookbackMs: breaker.lookbackMs,
      };
    }
    const { verdicts: given, askedAtMs, windowMs } = answer;
    return {
      evidence: { kind: 'verdicts', verdicts: given },
      evaluatedAtMs: askedAtMs,
      lookbackMs: windowMs ?? breaker.lookbackMs,
    };
  };

  /** Never throws: what cannot be had is evidence of kind `unusable`. */
  return (breaker: Breaker, fleet: Fleet, atMs: EpochMs, signal: AbortSignal): Promise<Gathered> => {
    const { detector } = breaker;
    return detector.kind === 'customService'
      ? verdicts(breaker, detector.service, detector.port, fleet, atMs, signal)
      : samples(breaker, detector.query, fleet, atMs, signal);
  };
}
