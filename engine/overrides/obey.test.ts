/** Whose turn it is, on a clock that is played; what becomes of an override is in test/cluster/overrides.test.ts. */
import { afterEach, expect, it } from 'vitest';
import { createFakeKube, type FakeKube, fakeObject, type FakeObject } from '../../test/support/fake-kube.ts';
import { decisionOf, fleetOf } from '../../test/support/fixtures.ts';
import { createManualClock, type ManualClock, settle } from '../../test/support/manual-clock.ts';
import { commandRefusal } from '../admin/refusal.ts';
import type { Acts } from '../admin/acts.ts';
import { KubeError } from '../kubernetes/kube-client.ts';
import { serviceKey, type ServiceKey } from '../model.ts';
import { initialState, type ServiceState } from '../rotation/state.ts';
import { createOverrides, type OverridesTiming } from './obey.ts';

let stopping = new AbortController();
afterEach(() => {
  stopping.abort();
  stopping = new AbortController();
});

interface Bench {
  /** How often the states of all Services were asked for. */
  readonly walks: { count: number };
  readonly kube: FakeKube;
  readonly clock: ManualClock;
  /** What was asked of the engine, as `NAMESPACE/ENDPOINT`, in order. */
  readonly asked: string[];
  readonly states: Map<ServiceKey, ServiceState>;
}

function overrideObject(namespace: string, name: string, version: number, endpoint = name): FakeObject & object {
  const { metadata } = fakeObject(name, version, `${namespace}-${name}`);
  return {
    metadata: { ...metadata, namespace, creationTimestamp: new Date(version * 1000).toISOString(), generation: 1 },
    spec: { service: 'pricer', endpoint, action: 'Restore', reason: 'checked' },
    status: {},
  } as FakeObject;
}

function stateOf(namespace: string, pods: readonly string[]): [ServiceKey, ServiceState] {
  const service = serviceKey(namespace, 'pricer');
  const all = fleetOf(pods.length).backends.map((backend, index) => ({ ...backend, name: pods[index] ?? '' }));
  return [service, initialState({ ...fleetOf(all), service })];
}

/** Refuses each of them, so that each is done with by one answer. */
async function start(objects: readonly FakeObject[], timing: Partial<OverridesTiming> = {}): Promise<Bench> {
  const kube = createFakeKube();
  kube.objects = objects;
  kube.version = 20_000;
  const clock = createManualClock(20_000_000);
  const asked: string[] = [];
  const walks = { count: 0 };
  const states = new Map<ServiceKey, ServiceState>();
  const refuse = async (request: { namespace: string; backend: string }): Promise<never> => {
    asked.push(`${request.namespace}/${request.backend}`);
    throw commandRefusal('not-out', 'it is serving already');
  };
  const overrides = createOverrides({
    client: {
      ...kube,
      // As the API server: what is told is on the object from then on.
      async send(_verb, path, body) {
        const found = kube.objects.find(({ metadata: { namespace, name } }) =>
          path.endsWith(`${namespace}/endpointoverrides/${name}/status`),
        );
        if (found === undefined) throw new KubeError('you may not', { status: 403 });
        const { metadata } = found;
        return { ...found, ...(body as object), metadata: { ...metadata, resourceVersion: `${(kube.version += 1)}` } };
      },
    },
    clock,
    random: () => 0.5,
    namespaces: [],
    engine: {
      states: () => {
        walks.count += 1;
        return [...states.values()];
      },
      state: (service) => states.get(service),
      role: () => ({ kind: 'leading', epoch: 1 }),
      knows: () => true,
    },
    leads: () => true,
    acts: { eject: refuse, pause: refuse, restore: refuse } as unknown as Acts,
    onProblem: ({ message }) => {
      throw new Error(message);
    },
    timing: { keptMs: 1e9, restoreWithinMs: 1e9, ...timing },
  });
  void overrides.run(stopping.signal);
  await settle();
  return { kube, clock, asked, states, walks };
}

/** In steps, for what is answered at once, and yet takes a few turns of the event loop. */
async function played(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await clock.advance(50);
    for (let turns = 0; turns < 20; turns++) await settle();
  }
}

it('thousands of one namespace make nobody else wait', async () => {
  const pods = Array.from({ length: 500 }, (_, index) => `p${index}`);
  const many = pods.map((pod, index) => overrideObject('greedy', pod, index + 1));
  const bench = await start([...many, overrideObject('shop', 'p1', 900)], { mostOfALook: 20 });
  bench.states.set(...stateOf('greedy', pods));
  bench.states.set(...stateOf('shop', ['p1', 'p2']));
  await played(bench.clock, 2_000);
  expect(bench.asked.slice(0, 3)).toEqual(['greedy/p0', 'shop/p1', 'greedy/p1']);
  const before = bench.asked.length;
  expect(before).toBeLessThan(500);
  const late = overrideObject('shop', 'p2', 11_000);
  bench.kube.objects = [...bench.kube.objects, late];
  bench.kube.emit({ type: 'ADDED', object: late });
  await played(bench.clock, 400);
  expect(bench.asked.slice(before, before + 40)).toContain('shop/p2');
  await played(bench.clock, 20_000);
  expect(bench.asked).toHaveLength(502);
  // Once a look, and not for each override.
  expect(bench.walks.count).toBeLessThan(200);
  expect(new Set(bench.asked).size).toBe(502);
});

it('a name that nobody has is waited for, and asked for once', async () => {
  const { clock, asked, states } = await start([overrideObject('shop', 'late', 1), overrideObject('shop', 'typo', 2)]);
  states.set(...stateOf('shop', ['p1']));
  await played(clock, 400);
  expect(asked).toEqual([]);
  states.set(...stateOf('shop', ['late']));
  await played(clock, 10_000);
  expect(asked).toEqual(['shop/late', 'shop/typo']);
});

it('what cannot be written down is not asked for again and again meanwhile', async () => {
  const { clock, kube, asked, states } = await start([overrideObject('shop', 'p1', 1)], { retryMs: 5_000 });
  const objects = kube.objects;
  kube.objects = [];
  states.set(...stateOf('shop', ['p1']));
  await played(clock, 4_000);
  expect(asked).toEqual(['shop/p1']);
  kube.objects = objects;
  await played(clock, 60_000);
  expect(asked).toEqual(['shop/p1', 'shop/p1']);
});

it('whose overrides are deleted all at once come back a few at a time, and who is refused is not asked for at each look', async () => {
  const pods = Array.from({ length: 50 }, (_, index) => `p${index}`);
  const { clock, asked, states } = await start([overrideObject('shop', 'other', 1, 'typo')], {
    mostOfALook: 20,
    retryMs: 60_000,
    lookEveryMs: 500,
  });
  const [service, state] = stateOf('shop', pods);
  const cause = { kind: 'manual', verb: 'eject', actor: 'EndpointOverride shop/gone#12345678', reason: 'x' } as const;
  const decisions = state.fleet.backends.map(({ id, name }) => decisionOf(name, 'ejected', { backend: id, cause }));
  states.set(service, {
    ...state,
    enforced: { ...state.enforced, decisions: new Map(decisions.map((each) => [each.backend, each])) },
  });
  const steps: number[] = [];
  for (let step = 0; step < 20; step++) {
    const before = asked.length;
    await played(clock, 50);
    steps.push(asked.length - before);
  }
  expect(steps.filter((asks) => asks > 0)).toEqual([20, 20, 10]);
  await played(clock, 20_000);
  expect(asked.filter((each) => each !== 'shop/typo')).toHaveLength(50);
});
