import { expect, it } from 'vitest';
import { fleetOf, policyOf, service } from '../../test/support/fixtures.ts';
import { world } from '../../test/support/world.ts';
import { backendId } from '../model.ts';
import type { Problem } from '../problem.ts';
import { createPolicyParser } from '../policy/parse.ts';
import { toRecord } from '../rotation/record.ts';
import { emptyBreaker, emptyTrack, initialState, type ServiceState } from '../rotation/state.ts';
import type { PolicyClaim } from '../sources/policies.ts';
import type { JsonValue } from '../store/store.ts';
import { createPolicyStatus } from './describe.ts';

const fleet = fleetOf(6);
const policy = policyOf({});
const state: ServiceState = { ...initialState(fleet), policy, peaks: [{ atMs: 0, ready: 6 }] };

function claim(name: string, outcome: PolicyClaim['outcome']): PolicyClaim {
  return { namespace: policy.namespace, name, generation: 4, servicePlace: {}, outcome };
}

function statusOf(
  claims: readonly PolicyClaim[],
  name: string,
  more: { known?: ServiceState; hasService?: boolean; record?: JsonValue; nowMs?: number; blind?: Problem } = {},
) {
  const { known = state, hasService = true, record, nowMs = 0, blind } = more;
  const status = createPolicyStatus({
    stateOf: () => known,
    suspension: () => undefined,
    now: () => nowMs,
    whyBlind: (_, { name }) => (name === 'errors' ? blind : undefined),
  });
  const owner = `${policy.namespace}/${claims[0]?.name ?? ''}`;
  const fleets = new Set(hasService ? [service] : []);
  status.onPolicies({ claims, owners: new Map([[service, owner]]), fleets });
  return status.describe({ namespace: policy.namespace, name }, record) ?? {};
}

function conditions(status: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const list = status['conditions'] as readonly { type: string; status: string; reason: string }[];
  return Object.fromEntries(list.map(({ type, status: is, reason }) => [type, `${is} ${reason}`]));
}

const accepted = (name: string): PolicyClaim =>
  claim(name, { kind: 'accepted', policy: { ...policy, name }, warnings: [] });

it('a policy in force: in numbers, and ready although its breakers have not spoken', () => {
  const status = statusOf([accepted('p')], 'p');
  expect(status).toMatchObject({
    observedGeneration: 4,
    target: 'Service/pricer',
    enforcement: 'Enforce',
    serving: '6/6',
    summary: { total: 6, serving: 6, out: 0, ejected: 0 },
    budget: { minAvailable: 3, ejectionsAllowed: 2, text: '2 left (floor 3)' },
    ejectedEndpoints: [],
  });
  expect(conditions(status)).toEqual({
    Ready: 'True Enforcing',
    Accepted: 'True Accepted',
    DetectorsHealthy: 'Unknown NotEvaluated',
    EndpointsEjected: 'False NoneOut',
    BudgetExhausted: 'False WithinBudget',
  });
});

it('those that there should be and are not leave nothing over', () => {
  const workloads = { desired: 7, rollingOut: [], scaling: [] };
  const status = statusOf([accepted('p')], 'p', { known: { ...state, fleet: { ...fleet, workloads } } });
  expect(status).toMatchObject({ budget: { minAvailable: 3, ejectionsAllowed: 1, text: '1 left (floor 3)' } });
});

it('one that came too late says whose the Service is, and nothing of it', () => {
  const status = statusOf([accepted('a'), accepted('b')], 'b');
  expect(status).toMatchObject({ serving: null, ejectedEndpoints: null });
  expect(conditions(status)).toEqual({
    Ready: 'False Conflicted',
    Accepted: 'False Conflicted',
    Stalled: 'True Conflicted',
  });
});

it('one that is invalid says what is wrong, and that the last accepted one stays in force', () => {
  const outcome = createPolicyParser().parseObject({
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
  });
  const status = statusOf([claim('p', outcome)], 'p');
  expect(conditions(status)).toMatchObject({
    Ready: 'False Invalid',
    Accepted: 'False Invalid',
    Stalled: 'True Invalid',
  });
  expect(JSON.stringify(status)).toContain('the last accepted policy of the Service stays in force');
  // Its breakers are not those of the one in force.
  expect(Object.keys(conditions(status))).toEqual([
    ...['Ready', 'Accepted', 'Stalled', 'EndpointsEjected', 'BudgetExhausted'],
  ]);
  const { policy: _, ...nothing } = state;
  expect(Object.keys(conditions(statusOf([claim('p', outcome)], 'p', { known: nothing })))).toEqual([
    ...['Ready', 'Accepted', 'Stalled'],
  ]);
});

it('who is out is counted once, by its state, and all of them together', () => {
  const w = world({ policy: policyOf({ budget: { maxEjectedPercent: 100 } }) });
  w.evaluations(2, w.bad('p1'));
  w.command({ verb: 'pause', backend: backendId('p2'), forMs: 60_000, force: true, actor: 'ann', reason: 'x' });
  const { summary } = statusOf([accepted('p')], 'p', { known: w.state });
  expect(summary).toMatchObject({
    total: 6,
    serving: 4,
    out: 2,
    ejected: 1,
    probing: 0,
    ramping: 0,
    paused: 1,
    evicted: 0,
  });
});

it('a breaker without a usable answer is named: at once and with the reason where that is ours to tell, else after three periods', () => {
  const [first] = policy.breakers;
  if (first === undefined) throw new Error('a breaker is needed');
  const two = {
    ...policy,
    breakers: [
      { ...first, name: 'errors' },
      { ...first, name: 'price' },
    ],
  };
  const last = {
    kind: 'unusable',
    reason: 'secret',
    verdicts: new Map(),
    evaluatedAtMs: 0,
    receivedAtMs: 0,
    windowStartMs: 0,
  } as const;
  const breakers = new Map(two.breakers.map(({ name }) => [name, { ...emptyBreaker('f'), last }]));
  const known = { ...state, policy: two, breakers };
  const blind = { code: 'KV0332', severity: 'error', message: 'there is no such source' } as const;
  const detectors = (nowMs: number): unknown => {
    const list = statusOf([accepted('p')], 'p', { known, nowMs, blind })['conditions'];
    return (list as readonly { type: string }[]).find(({ type }) => type === 'DetectorsHealthy');
  };
  const ours = 'no usable answer for errors: KV0332 there is no such source';
  expect(detectors(0)).toMatchObject({ status: 'False', reason: 'NoUsableAnswer', message: ours });
  const both = `${ours}; no usable answer for price; the leader's log says why`;
  expect(detectors(60_000)).toMatchObject({ status: 'False', message: both });
});

it('detectors are healthy when each has had a usable answer, and until then that is not known', () => {
  const first = world({ policy });
  const of = (known: ServiceState): unknown =>
    conditions(statusOf([accepted('p')], 'p', { known }))['DetectorsHealthy'];
  expect(of(first.state)).toBe('Unknown NotEvaluated');
  first.evaluate({ kind: 'unusable', reason: 'away' });
  expect(of(first.state)).toBe('Unknown NotEvaluated');
  first.evaluate(first.all(0));
  expect(of(first.state)).toBe('True Evaluating');
  first.evaluate({ kind: 'unusable', reason: 'away' });
  expect(of(first.state)).toBe('True Evaluating');
});

it.each([
  [{ formatVersion: 99 }, 'KV0412'],
  [null, 'KV0819'],
])(
  'one whose record cannot be read is not ready and says why, and its numbers stay as they were: %j',
  (record, code) => {
    const status = statusOf([accepted('p')], 'p', { record });
    expect(Object.keys(status)).toEqual(['observedGeneration', 'target', 'conditions']);
    expect(conditions(status)).toEqual({
      Ready: 'False RecordUnreadable',
      Accepted: 'True Accepted',
      Stalled: 'True RecordUnreadable',
    });
    expect(JSON.stringify(status)).toContain(`${code} the decisions of shop/pricer`);
    const readable = JSON.parse(JSON.stringify(toRecord(state, 1))) as JsonValue;
    expect(conditions(statusOf([accepted('p')], 'p', { record: readable }))).toMatchObject({ Ready: 'True Enforcing' });
  },
);

it('of a Service that is not there waiting may help', () => {
  expect(conditions(statusOf([accepted('p')], 'p', { hasService: false }))).toMatchObject({
    Ready: 'False TargetNotFound',
    Accepted: 'False TargetNotFound',
  });
});

it('whoever suspended it is named, and it is ready all the same', () => {
  const suspended = { ...state, suspension: { actor: 'ann', reason: 'drill', sinceMs: 0 }, enforced: emptyTrack };
  const status = statusOf([accepted('p')], 'p', { known: suspended });
  expect(conditions(status)['Ready']).toBe('True Suspended');
  expect(status['enforcement']).toBe('Suspended');
});
