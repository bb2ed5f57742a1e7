/** Fleets, breakers, policies and samples for tests: what is not said is the documented default. */
import type { Evidence } from '../../engine/breakers/judge.ts';
import type { Sample } from '../../engine/metrics/source.ts';
import { type Backend, backendId, type Fleet, serviceKey } from '../../engine/model.ts';
import { type Decision, type RotationState, unraised } from '../../engine/rotation/decision.ts';
import type { ActivatorPolicy, Breaker, BudgetPolicy, Detector, Policy } from '../../engine/policy/policy.ts';

export const service = serviceKey('shop', 'pricer');

/** What a backend's series says: a number, something that is no number, several series, or nothing at all. */
export type Value = number | 'NaN' | '+Inf' | '-Inf' | 'histogram' | readonly Sample[] | undefined;
export type Values = Readonly<Record<string, Value>>;

export function backendOf(name: string, change: Partial<Backend> = {}): Backend {
  const index = Number(name.replace(/\D/g, '')) || 0;
  return {
    id: backendId(name),
    name,
    podName: name,
    podUid: name,
    ready: true,
    serving: true,
    terminating: false,
    endpoints: [{ portName: 'http', address: `10.0.${index >> 8}.${index & 255}`, port: 8080 }],
    ...change,
  };
}

/** A person took it out, and it comes back by evidence. */
export function decisionOf(name: string, state: RotationState, change: Partial<Decision> = {}): Decision {
  return {
    backend: backendId(name),
    name,
    state,
    sinceMs: 0,
    outSinceMs: 0,
    evidenceFromMs: 0,
    step: 0,
    retries: 0,
    healthyMs: 0,
    ...unraised,
    closed: false,
    cause: { kind: 'manual', verb: 'eject', actor: 'ana', reason: 'disk' },
    returning: { kind: 'evidence' },
    epoch: 1,
    seq: 1,
    ...change,
  };
}

export function fleetOf(backends: number | readonly Backend[]): Fleet {
  const list =
    typeof backends === 'number'
      ? Array.from({ length: backends }, (_, index) => backendOf(`p${index + 1}`))
      : backends.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { service, ports: [{ name: 'http', number: 80 }], backends: list };
}

/** `errors > 5` is anomalous; confirmed by 2 of 3, evaluated every 5 s over the last 5 s. */
export function breakerOf(change: Partial<Breaker> = {}): Breaker {
  return {
    name: 'errors',
    enforcement: 'Enforce',
    evaluationPeriodMs: 5_000,
    confirm: { of: 3, atLeast: 2 },
    onNoData: 'Hold',
    source: 'default',
    match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
    detector: { kind: 'threshold', query: 'errors', operator: '>', value: 5 },
    lookbackMs: 5_000,
    fingerprint: `${change.name ?? 'errors'}-1`,
    ...change,
  };
}

export function deviationOf(change: Partial<Extract<Detector, { kind: 'continuousValueDeviation' }>> = {}): Detector {
  return { kind: 'continuousValueDeviation', query: 'price', maxDeviationPercent: 50, direction: 'Both', ...change };
}

export type PolicyChange = Partial<Omit<Policy, 'budget' | 'activator'>> & {
  readonly budget?: Partial<BudgetPolicy>;
  readonly activator?: Partial<ActivatorPolicy>;
};

/** The documented defaults, but acting at once: no settling, no warm-up. Every edit has its own fingerprint. */
export function policyOf(change: PolicyChange = {}): Policy {
  const { budget, activator, ...rest } = change;
  const meaning = {
    enforcement: 'Enforce' as const,
    settle: 0,
    eject: { how: 'Drain', then: 'None' } as const,
    proximity: 'None' as const,
    warmUpMs: 0,
    breakers: [breakerOf()],
    ...rest,
    budget: {
      minAvailableCount: 1,
      minAvailableRatioPercent: 50,
      maxEjectedPercent: 34,
      velocity: { count: 3, percent: 10 },
      holdAbovePercent: 50,
      onBreach: 'Readmit' as const,
      ...budget,
    },
    activator: {
      mode: 'periodic' as const,
      periodMs: 30_000,
      maxRetryCount: 3,
      maxPauseCount: 1,
      resetAfterMs: 600_000,
      maxEvictionsPerHour: 2,
      ramp: { weights: [5, 25, 50, 100], stepPeriodMs: 10_000 },
      ...activator,
    },
  };
  return { namespace: 'shop', name: 'pricer', service, fingerprint: JSON.stringify(meaning), ...meaning };
}

/** A budget that lets everything go: what then stays in was kept in by another rule. */
export const generousBudget: BudgetPolicy = {
  minAvailableCount: 0,
  minAvailableRatioPercent: 0,
  maxEjectedPercent: 100,
  velocity: { count: 1000, percent: 100 },
  holdAbovePercent: 100,
  onBreach: 'Readmit',
};

export function samplesOf(name: string, value: Value): readonly Sample[] {
  const labels = { pod: name };
  if (value === undefined) return [];
  if (typeof value === 'number') return [{ labels, value: { kind: 'number', value } }];
  if (value === 'NaN') return [{ labels, value: { kind: 'nan' } }];
  if (value === '+Inf') return [{ labels, value: { kind: 'infinite', sign: 1 } }];
  if (value === '-Inf') return [{ labels, value: { kind: 'infinite', sign: -1 } }];
  if (value === 'histogram') return [{ labels, value: { kind: 'histogram' } }];
  return value;
}

export function evidenceOf(values: Values): Extract<Evidence, { kind: 'samples' }> {
  const byBackend = new Map(
    Object.entries(values).map(([name, value]) => [backendId(name), samplesOf(name, value)] as const),
  );
  return { kind: 'samples', samples: { byBackend, ambiguous: new Map() } };
}

/** Bad events and all events of each, as a ratio's two queries give them. */
export function countsOf(
  counts: Readonly<Record<string, readonly [bad: number, total: number]>>,
): Extract<Evidence, { kind: 'samples' }> {
  const part = (which: 0 | 1) => evidenceOf(Object.fromEntries(Object.entries(counts).map(([k, v]) => [k, v[which]])));
  return { ...part(0), total: part(1).samples };
}
