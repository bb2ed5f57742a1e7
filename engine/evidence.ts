/**
 * From a breaker's question to evidence: ask the source (and for activity), then say which sample speaks of which backend.
 */
import type { Evidence } from './breakers/judge.ts';
import type { Clock } from './clock.ts';
import type { Gather, Gathered } from './loop.ts';
import type { CustomServices } from './metrics/custom-service.ts';
import { type MatchResult, matchSamples } from './metrics/match.ts';
import type { MetricSources } from './metrics/registry.ts';
import type { QueryAnswer } from './metrics/source.ts';
import { type EpochMs, type Fleet, serviceKey, splitServiceKey } from './model.ts';
import { type Breaker, type Detector, queriesOf } from './policy/policy.ts';

export interface GatherOptions {
  readonly metrics: MetricSources;
  readonly customServices: CustomServices;
  readonly clock: Clock;
  /** How well samples and backends fit: what is unmatched usually is a wrong label, which a person must see. */
  readonly matched?: (
    breaker: Breaker,
    fleet: Fleet,
    result: Pick<MatchResult, 'unmatched' | 'unmatchedCount'>,
  ) => void;
}

type CustomService = Extract<Detector, { kind: 'customService' }>;
type QueryDetector = Exclude<Detector, CustomService>;

/** No evaluation may take longer, however long its period: an answer that old is about another fleet. */
const longestTimeoutMs = 10_000;

export function createGather(options: GatherOptions): Gather {
  const { metrics, customServices, clock, matched } = options;

  return (breaker, fleet, atMs, signal) => {
    const { detector } = breaker;
    return detector.kind === 'customService'
      ? askService(breaker, detector, fleet, signal)
      : askSource(breaker, detector, fleet, atMs, signal);
  };

  async function askSource(
    breaker: Breaker,
    detector: QueryDetector,
    fleet: Fleet,
    atMs: EpochMs,
    signal: AbortSignal,
  ): Promise<Gathered> {
    const { activity, lookbackMs } = breaker;
    const { namespace } = splitServiceKey(fleet.service);
    const source = metrics.get(breaker.source, namespace);
    const timeoutMs = Math.min(breaker.evaluationPeriodMs, longestTimeoutMs);
    const ask = (query: string): Promise<QueryAnswer> => source.query({ query, atMs, timeoutMs, lookbackMs }, signal);
    const [first, second] = queriesOf(detector);
    const [answer, other, did] = await Promise.all([
      ask(first.query),
      second === undefined ? undefined : ask(second.query),
      activity === undefined ? undefined : ask(activity.query),
    ]);
    if (answer.kind !== 'samples') return unusable(answer.message, atMs, lookbackMs);
    if (other !== undefined && other.kind !== 'samples') {
      return unusable(`${second?.field}: ${other.message}`, atMs, lookbackMs);
    }
    if (did !== undefined && did.kind !== 'samples') return unusable(`activity: ${did.message}`, atMs, lookbackMs);

    const match = (given: Extract<QueryAnswer, { kind: 'samples' }>): MatchResult =>
      matchSamples(breaker.match, namespace, fleet.backends, given.samples);
    const samples = match(answer);
    const further = other && match(other);
    const total = second?.field === 'total' ? further : undefined;
    const long = second?.field === 'longQuery' ? further : undefined;
    // A backend without a bad event may have no series of bad events; all that did anything have a total.
    matched?.(breaker, fleet, total ?? samples);
    const evidence: Evidence = {
      kind: 'samples',
      samples,
      ...(total === undefined ? {} : { total }),
      ...(long === undefined ? {} : { long }),
      ...(did === undefined ? {} : { activity: match(did) }),
    };
    // The oldest of the answers bounds what all speak of.
    const evaluatedAtMs = Math.min(...[answer, other, did].flatMap((given) => given?.evaluatedAtLocalMs ?? []));
    return { evidence, evaluatedAtMs, lookbackMs };
  }

  async function askService(
    breaker: Breaker,
    detector: CustomService,
    fleet: Fleet,
    signal: AbortSignal,
  ): Promise<Gathered> {
    const { namespace } = splitServiceKey(fleet.service);
    const service = serviceKey(namespace, detector.service);
    const answer = await customServices.ask({ service, port: detector.port, backends: fleet.backends }, signal);
    if (answer.kind === 'error') return unusable(answer.message, clock.now(), breaker.lookbackMs);
    const lookbackMs = answer.windowMs ?? breaker.lookbackMs;
    return { evidence: { kind: 'verdicts', verdicts: answer.verdicts }, evaluatedAtMs: answer.askedAtMs, lookbackMs };
  }
}

function unusable(reason: string, evaluatedAtMs: EpochMs, lookbackMs: number): Gathered {
  return { evidence: { kind: 'unusable', reason }, evaluatedAtMs, lookbackMs };
}
