/** What the breakers of a policy would see and flag, if they looked now. Nothing is decided and nothing is served. */
import { noBaseline } from '../engine/breakers/baseline.ts';
import { judge } from '../engine/breakers/judge.ts';
import type { Subject } from '../engine/breakers/subject.ts';
import { systemClock } from '../engine/clock.ts';
import { loadConfig, parseConfig } from '../engine/config.ts';
import { createGather } from '../engine/evidence.ts';
import { groupKeyOf } from '../engine/group-key.ts';
import { callableAddresses } from '../engine/metrics/callable.ts';
import { createCustomServices } from '../engine/metrics/custom-service.ts';
import { createMetricSources } from '../engine/metrics/registry.ts';
import type { Sample } from '../engine/metrics/source.ts';
import { type Fleet, members, type ServiceKey } from '../engine/model.ts';
import { type Breaker, type Policy, questionOf } from '../engine/policy/policy.ts';
import type { Problem } from '../engine/problem.ts';
import type { LintInput } from './lint-input.ts';

export interface OnlineCheck {
  readonly service: ServiceKey;
  readonly breaker: string;
  /** Whom it asked: the metric source and where that is, or the custom service. */
  readonly source: string;
  readonly outcome: 'judged' | 'fleet-wide' | 'unusable';
  /** Series of the Service's namespace, or backends a custom service spoke of. */
  readonly series: number;
  /** Backends with at least one series, out of `backends`. */
  readonly matched: number;
  readonly backends: number;
  /** Series that name no backend. */
  readonly unmatched: number;
  /** Anomalous now; confirmation and budget would still have to agree. */
  readonly flagged: readonly { readonly name: string; readonly reason: string }[];
  readonly problems: readonly Problem[];
}

/** Of policies alone: whom a query should speak of is not known, and so nothing is asked. */
export function notAsked({ policies, fleets }: LintInput): readonly Problem[] {
  return policies
    .filter(({ service }) => !fleets.has(service))
    .map(({ service }) => ({
      code: 'KV0740',
      severity: 'warning',
      message: `${service}: nothing was asked: its Service and EndpointSlices are not in these files`,
      remedy: 'put them beside the policy: kubectl get service,endpointslice -o yaml',
    }));
}

/** @throws ProblemError for a serving config that cannot be used. */
export async function checkPolicies(
  { policies, fleets }: LintInput,
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<readonly OnlineCheck[]> {
  const { metricSources } =
    configFile === undefined ? parseConfig('source: {files: .}', 'default') : await loadConfig(configFile, signal);
  const clock = systemClock;
  const metrics = createMetricSources({ sources: metricSources, clock, random: Math.random });
  try {
    const checks: OnlineCheck[] = [];
    for (const policy of policies) {
      const fleet = fleets.get(policy.service);
      if (fleet === undefined) continue;
      for (const breaker of policy.breakers) checks.push(await check(policy, breaker, fleet));
    }
    return checks;
  } finally {
    metrics.close();
  }

  function sourceOf({ detector, source }: Breaker): string {
    if (detector.kind === 'customService') return `custom service ${questionOf(detector)}`;
    const url = metricSources.get(source)?.url;
    return url === undefined ? source : `${source} at ${url}`;
  }

  async function check(policy: Policy, breaker: Breaker, fleet: Fleet): Promise<OnlineCheck> {
    let unmatched: readonly Sample[] = [];
    let unmatchedCount = 0;
    const customServices = createCustomServices({
      clock,
      resolve: (service, port) => callableAddresses(fleets.get(service), port, 'slice'),
    });
    const gather = createGather({
      metrics,
      customServices,
      clock,
      matched: (_, __, result) => ({ unmatched, unmatchedCount } = result),
    });
    const { evidence, evaluatedAtMs, lookbackMs } = await gather(breaker, fleet, clock.now(), signal);

    const backends = members(fleet);
    const { groupBy } = breaker;
    const subjects = backends.map(
      (backend): Subject => ({
        id: backend.id,
        role: backend.ready ? 'reference' : 'excluded',
        ...(groupBy === undefined ? {} : { group: groupKeyOf(backend, groupBy) }),
      }),
    );
    // As if it had settled just now: what the fleet shows is taken for its level.
    const window = { startMs: evaluatedAtMs - lookbackMs, endMs: evaluatedAtMs };
    const { judgement } = judge({ breaker, subjects, baseline: noBaseline, settled: true, window }, evidence);
    const seen = evidence.kind === 'samples' ? evidence.samples.byBackend : new Map<string, readonly Sample[]>();
    const found = { series: sum(seen) + unmatchedCount, matched: seen.size, unmatched: unmatchedCount };
    const long = evidence.kind === 'samples' ? evidence.long?.byBackend.size : undefined;
    const verdicts = judgement.kind === 'unusable' ? undefined : judgement.verdicts;
    const spoken =
      evidence.kind === 'verdicts' ? { series: evidence.verdicts.size, matched: evidence.verdicts.size } : {};
    const result = { ...found, ...spoken };
    return {
      service: policy.service,
      breaker: breaker.name,
      source: sourceOf(breaker),
      outcome: judgement.kind,
      ...result,
      backends: backends.length,
      flagged: backends.flatMap(({ id, name }) => {
        const verdict = verdicts?.get(id);
        return verdict?.kind === 'anomalous' ? [{ name, reason: verdict.reason }] : [];
      }),
      problems: problemsOf(`${policy.service}, breaker ${breaker.name}`, breaker, {
        ...result,
        backends: backends.length,
        long,
        example: unmatched[0],
        unusable: judgement.kind === 'unusable' ? judgement.reason : undefined,
      }),
    };
  }
}

interface Facts {
  readonly series: number;
  readonly matched: number;
  readonly backends: number;
  readonly unmatched: number;
  /** Backends with a series of the long window; undefined where there is none. */
  readonly long: number | undefined;
  readonly example: Sample | undefined;
  readonly unusable: string | undefined;
}

function problemsOf(what: string, { match }: Breaker, facts: Facts): readonly Problem[] {
  const { series, matched, backends, unmatched, long, example, unusable } = facts;
  if (unusable !== undefined) {
    return [{ code: 'KV0740', severity: 'error', message: `${what}: nothing could be judged: ${unusable}` }];
  }
  if (series === 0) {
    const message = `${what}: the query finds no series`;
    return [{ code: 'KV0741', severity: 'warning', message, remedy: 'ask it at the source, and check its labels' }];
  }
  if (unmatched > 0 && matched < backends) {
    const labels = JSON.stringify(example?.labels ?? {});
    const message = `${what}: ${unmatched} of ${series} series name no backend, such as ${labels}`;
    const remedy = `match is label ${match.label} by ${match.by}: set match to what the series have`;
    return [{ code: 'KV0742', severity: 'warning', message, remedy }];
  }
  if (long !== undefined && long < matched) {
    const message = `${what}: longQuery finds ${long} of the ${matched} backends that query finds`;
    return [{ code: 'KV0743', severity: 'warning', message, remedy: 'the others are not judged; compare the two' }];
  }
  if (matched < backends) {
    const message = `${what}: ${backends - matched} of ${backends} backends have no series`;
    return [
      { code: 'KV0743', severity: 'warning', message, remedy: 'they are not judged; check that they are scraped' },
    ];
  }
  return [];
}

function sum(samples: ReadonlyMap<string, readonly Sample[]>): number {
  return [...samples.values()].reduce((total, list) => total + list.length, 0);
}
