/** What becomes of policies, and of what they decided, in a real API server: as an engine sees it that follows it all. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { isOut } from '../../engine/rotation/decision.ts';
import type { ServiceState } from '../../engine/rotation/state.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { createManualClock, createMemoryStore, type EngineWorld, engineWorld } from '../support/engine.ts';
import { evidenceOf } from '../support/fixtures.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd, withLooseCrd } from './crd.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4, 5, 6].map((n) => ({ name: `p${n}`, ip: `10.1.0.${n}` }));
const soon = { timeoutMs: 20_000 };

/** `errors > 5`, evaluated every second, acting at once; a minute out, and back in three steps of two seconds. */
const breaker = (name: string) => ({
  name,
  evaluationPeriod: 1,
  threshold: { query: 'max_over_time(errors[1s])', operator: '>', value: 5 },
});
const specOf = (more: object = {}) => ({
  service: 'pricer',
  settle: 0,
  warmUp: 0,
  breakers: [breaker('errors')],
  activator: { period: 60, ramp: { weights: [5, 50, 100], stepPeriod: 2 } },
  ...more,
});

describeWith(['kube-apiserver', 'etcd'], 'an engine that follows a cluster', (executables) => {
  let plane: ControlPlane;
  let folder: string;
  let shop: Shop;
  let count = 0;
  let store: ReturnType<typeof createMemoryStore>;
  let clock: ReturnType<typeof createManualClock>;
  let worlds: EngineWorld[];
  const errors = new Map<string, number>();

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-life-'));
    await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator'));
    await installCrd(plane.api);
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    worlds = [];
    errors.clear();
    store = createMemoryStore();
    // That of the API server, which dates what it marks.
    clock = createManualClock(Date.now());
    shop = await createShop(plane.api, `life-${(count += 1)}`);
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
  });

  afterEach(async () => {
    for (const world of worlds) await world.stop();
  });

  interface Life extends EngineWorld {
    of(service?: string): ServiceState | undefined;
    out(service?: string): readonly string[];
    policy(service?: string): string | undefined;
    told(): readonly string[];
  }

  /** A process that has what was written down, and reads the cluster. */
  async function start(): Promise<Life> {
    const source = createKubernetesSource({
      client: await connect({ kubeconfig: join(folder, 'kube.yaml') }, systemClock),
      clock: systemClock,
      random: Math.random,
      namespaces: [shop.namespace],
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    const world = await engineWorld([], {
      store,
      clock,
      source,
      gather: async (_, fleet, atMs) => ({
        evidence: evidenceOf(Object.fromEntries(fleet.backends.map(({ id, name }) => [id, errors.get(name) ?? 0]))),
        evaluatedAtMs: atMs,
        lookbackMs: 1000,
      }),
    });
    worlds.push(world);
    const of = (service = 'pricer') =>
      world.engine.states().find((state) => state.service === serviceKey(shop.namespace, service));
    return {
      ...world,
      of,
      out: (service) =>
        [...(of(service)?.enforced.decisions.values() ?? [])]
          .filter(isOut)
          .map(({ name }) => name)
          .sort(),
      policy: (service) => of(service)?.policy?.name,
      told: () => source.problems().map(formatProblem),
    };
  }

  /** Two policies of the same age would be told apart by name. */
  async function nextSecond(): Promise<void> {
    const second = Math.floor(Date.now() / 1000);
    await eventually(() => Math.floor(Date.now() / 1000) > second + 1, soon);
  }

  it('the oldest policy decides, and when it goes the next one takes over with the decisions', async () => {
    await done(shop.policy('z-old', specOf({ breakers: [breaker('errors'), breaker('more')] })));
    await nextSecond();
    await done(shop.policy('a-new', specOf()));
    const life = await start();
    expect(life.policy()).toBe('z-old');
    expect(life.told()).toEqual([
      expect.stringMatching(/a-new is ignored, because .*z-old is for Service pricer too and is older/),
    ]);

    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);
    const decided = life.of()?.enforced.decisions;
    await shop.delete('kubervisorservices/z-old');
    await eventually(() => life.policy() === 'a-new', soon);
    expect(life.of()?.enforced.decisions).toEqual(decided);
    expect(life.told()).toEqual([]);
    // It settles as after an edit (settle is 0), and judges.
    errors.set('p2', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1', 'p2']);
  });

  it('one that becomes invalid freezes its Service, through a restart too, and is no handover; then it is mended', async () => {
    await done(shop.policy('z-old', specOf()));
    await nextSecond();
    await done(shop.policy('a-new', specOf({ breakers: [breaker('others')] })));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);

    await withLooseCrd(plane.api, () =>
      eventually(async () => (await shop.policy('z-old', specOf({ settle: 'often' }))).status < 300, soon),
    );
    await eventually(() => life.told().some((text) => text.includes('KV0104')), soon);
    expect([life.policy(), life.out()]).toEqual(['z-old', ['p1']]);
    // Frozen is the policy, not the work.
    errors.set('p2', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1', 'p2']);
    const [told, decided] = [life.told(), life.of()?.enforced.decisions];
    await life.stop();

    const next = await start();
    expect([next.policy(), next.out()]).toEqual(['z-old', ['p1', 'p2']]);
    expect(next.of()?.enforced.decisions).toEqual(decided);
    expect(next.told()).toEqual(told);
    expect(told).toContainEqual(expect.stringMatching(/KV0113.*a-new is ignored/));
    // Not by server-side apply: what is stored is nothing that its types could be applied to.
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/z-old`;
    const { body } = await plane.api.get(path);
    await done(plane.api.put(path, { ...(body as object), spec: specOf({ settle: 1 }) }));
    await eventually(() => next.of()?.policy?.settle === 1, soon);
    expect(next.out()).toEqual(['p1', 'p2']);
  });

  it('a field that a newer version has is warned of, and the rest is in force', async () => {
    await withLooseCrd(plane.api, async () => {
      await eventually(async () => (await shop.policy('p', specOf({ sooner: true }))).status < 300, soon);
      const life = await start();
      expect(life.policy()).toBe('p');
      expect(life.told()).toEqual([expect.stringMatching(/p: warning KV0103 spec\.sooner: is not a known field/)]);
      errors.set('p1', 9);
      await clock.advance(3000);
      expect(life.out()).toEqual(['p1']);
    });
  });

  it('whom a removed breaker took out ramps back; whom another one took out stays', async () => {
    const high = { ...breaker('high'), threshold: { query: 'max_over_time(errors[1s])', operator: '>', value: 100 } };
    await done(shop.policy('p', specOf({ breakers: [high, breaker('errors')] })));
    const life = await start();
    errors.set('p1', 9).set('p2', 900);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1', 'p2']);
    const accused = new Map(
      [...(life.of()?.enforced.decisions.values() ?? [])].map(({ name, cause }) => [name, cause]),
    );
    expect([accused.get('p1'), accused.get('p2')]).toMatchObject([{ breaker: 'errors' }, { breaker: 'high' }]);
    errors.clear();
    await done(shop.policy('p', specOf({ breakers: [high] })));
    await eventually(() => life.of()?.policy?.breakers.length === 1, soon);
    await clock.advance(5000);
    expect(life.out()).toEqual(['p2']);
  });

  it('one that is edited to be for another Service lets the first one go, and takes the other', async () => {
    await shop.service('other');
    await shop.slice('other', pods.slice(0, 4));
    await done(shop.policy('p', specOf()));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    expect([life.out('pricer'), life.out('other')]).toEqual([['p1'], []]);
    await done(shop.policy('p', specOf({ service: 'other' })));
    await eventually(() => life.policy('other') === 'p' && life.policy('pricer') === undefined, soon);
    await clock.advance(3000);
    expect(life.out('other')).toEqual(['p1']);
    // A Service without a policy has the ramp of a policy that does not say.
    await clock.advance(27_000);
    expect(life.out('pricer')).toEqual([]);
  });

  it('one that is deleted and made anew finds those it took out on their way back, and they go on by time', async () => {
    await done(shop.policy('p', specOf()));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    await shop.delete('kubervisorservices/p');
    await eventually(() => life.of() !== undefined && life.policy() === undefined, soon);
    await done(shop.policy('p', specOf()));
    await eventually(() => life.policy() === 'p', soon);
    const [decision] = [...(life.of()?.enforced.decisions.values() ?? [])];
    expect(decision).toMatchObject({ state: 'ramping', returning: { kind: 'time', note: 'breaker-removed' } });
    errors.clear();
    await clock.advance(5000);
    expect(life.of()?.enforced.decisions.size).toBe(0);
  });

  it('a Service that is deleted takes its decisions along; made anew it begins anew, under the same policy', async () => {
    await done(shop.policy('p', specOf()));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);
    await shop.delete('services/pricer');
    await eventually(() => life.removed.length === 1, soon);
    expect(life.of()?.enforced.decisions.size).toBe(0);
    expect(life.told()).toEqual([expect.stringMatching(/KV0216.*there is no Service/)]);
    await shop.service('pricer');
    await eventually(() => life.of()?.fleet.backends.length === 6, soon);
    expect([life.out(), life.policy(), life.told()]).toEqual([[], 'p', []]);
    // All of them had just left.
    await clock.advance(63_000);
    expect(life.out()).toEqual(['p1']);
  });

  it('a node is drained: nobody else goes while its pod does, and a drain that is refused holds nobody', async () => {
    await shop.pod('pricer', { name: 'p7', ip: '10.1.0.7', node: 'n1' });
    await shop.slice('pricer', [...pods, { name: 'p7', ip: '10.1.0.7' }]);
    await done(shop.policy('p', specOf()));
    const life = await start();
    const evict = (name: string) =>
      plane.api.post(`/api/v1/namespaces/${shop.namespace}/pods/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
      });
    // Nobody is there to say that any disruption is allowed.
    const budgets = `/apis/policy/v1/namespaces/${shop.namespace}/poddisruptionbudgets`;
    await done(
      plane.api.post(budgets, {
        metadata: { name: 'all' },
        spec: { minAvailable: 7, selector: { matchLabels: { app: 'pricer' } } },
      }),
    );
    expect((await evict('p7')).status).toBe(429);
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);

    await done(plane.api.delete(`${budgets}/all`));
    await done(evict('p7'));
    await eventually(
      () => life.of()?.fleet.backends.some(({ disruptedSinceMs }) => disruptedSinceMs !== undefined),
      soon,
    );
    expect(life.of()?.fleet.backends.find(({ name }) => name === 'p7')).toMatchObject({ terminating: true });
    errors.set('p2', 9);
    await clock.advance(3000);
    expect([...(life.of()?.enforced.held.values() ?? [])]).toMatchObject([{ cause: 'node-drain' }]);
    await shop.deletePod('p7');
    await shop.slice('pricer', pods);
    await eventually(() => life.of()?.fleet.backends.length === 6, soon);
    await clock.advance(1000);
    expect(life.out()).toEqual(['p1', 'p2']);
  });

  it('a namespace that is deleted leaves nothing, in whatever order its contents go', async () => {
    await done(shop.policy('p', specOf()));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(store.records.size).toBe(1);
    await done(plane.api.delete(`/api/v1/namespaces/${shop.namespace}`));
    // The controller that empties a namespace is not here.
    const of = (api: string, resource: string): string => `${api}/namespaces/${shop.namespace}/${resource}`;
    for (const path of [
      `${of('/api/v1', 'pods')}?gracePeriodSeconds=0`,
      of('/apis/discovery.k8s.io/v1', 'endpointslices'),
      of('/api/v1', 'services'),
    ]) {
      await done(plane.api.delete(path));
    }
    await eventually(() => life.removed.length === 1, soon);
    // The policy is the last to go, and until then it is there without anybody to judge.
    expect([life.policy(), life.of()?.fleet.backends]).toEqual(['p', []]);
    await done(plane.api.delete(of('/apis/breaker.kubervisor.io/v1', 'kubervisorservices')));
    await eventually(() => life.engine.states().length === 0, soon);
    await eventually(() => store.records.size === 0, soon);
  });
});
