/** What becomes of policies, and of what they decided, in a real API server: as an engine sees it that follows it all. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { serviceKey } from '../../engine/model.ts';
import { formatProblem, type Problem } from '../../engine/problem.ts';
import { isOut } from '../../engine/rotation/decision.ts';
import type { ServiceState } from '../../engine/rotation/state.ts';
import { createPolicyStatus } from '../../engine/policy-status/describe.ts';
import { createPolicyFeed } from '../../engine/sources/kubernetes/policy-feed.ts';
import { createKubernetesSource, type KubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { createStatusStore } from '../../engine/store/kubernetes/status-store.ts';
import {
  createManualClock,
  createMemoryStore,
  type EngineWorld,
  type EngineWorldOptions,
  engineWorld,
} from '../support/engine.ts';
import { evidenceOf } from '../support/fixtures.ts';
import { playedElection } from '../support/played-election.ts';
import { describeWith } from '../support/parts.ts';
import { withLooseCrd } from './crd.ts';
import { useCluster } from './use-cluster.ts';
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

interface RecordOnStatus {
  readonly epoch: number;
  readonly revision: number;
  readonly body: { readonly formatVersion?: number; readonly enforced: object };
}

interface PolicyStatusObject {
  readonly conditions?: readonly { readonly type: string; readonly reason: string; readonly message: string }[];
  readonly ejectedEndpoints?: readonly { readonly name: string }[];
  readonly record?: string;
}

describeWith(['kube-apiserver', 'etcd'], 'an engine that follows a cluster', (executables) => {
  const cluster = useCluster(executables);
  let shop: Shop;
  let count = 0;
  let store: ReturnType<typeof createMemoryStore>;
  let clock: ReturnType<typeof createManualClock>;
  let worlds: EngineWorld[];
  const errors = new Map<string, number>();

  beforeAll(async () => {
    await writeFile(join(cluster.folder, 'kube.yaml'), cluster.plane.kubeconfig('administrator'));
  });

  beforeEach(async () => {
    worlds = [];
    errors.clear();
    store = createMemoryStore();
    // That of the API server, which dates what it marks.
    clock = createManualClock(Date.now());
    shop = await createShop(cluster.plane.api, `life-${(count += 1)}`);
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
      client: await connect({ kubeconfig: join(cluster.folder, 'kube.yaml') }, systemClock),
      clock: systemClock,
      random: Math.random,
      namespaces: [shop.namespace],
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    return live(source, { store });
  }

  async function live(source: KubernetesSource, kept: Pick<EngineWorldOptions, 'store' | 'shared'>): Promise<Life> {
    const world = await engineWorld([], {
      ...kept,
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

  interface Replica extends Life {
    lead(transitions: number): Promise<void>;
    follow(): void;
  }

  /** One of several: what is decided is in the status of the policies, and an election is the test's word. */
  async function replica(): Promise<Replica> {
    const client = await connect({ kubeconfig: join(cluster.folder, 'kube.yaml') }, systemClock);
    const onProblem = (problem: Problem): void => {
      throw new Error(formatProblem(problem));
    };
    const common = { client, clock: systemClock, random: Math.random, onProblem };
    const namespaces = [shop.namespace];
    const policies = createPolicyFeed({ ...common, namespaces });
    const running: { engine?: EngineWorld['engine'] } = {};
    const status = createPolicyStatus({
      whyBlind: () => undefined,
      stateOf: (service) => running.engine?.states().find((state) => state.service === service),
      suspension: () => running.engine?.suspension(),
      now: () => clock.now(),
    });
    const election = playedElection();
    const kept = createStatusStore({
      ...common,
      policies,
      namespace: shop.namespace,
      lease: 'kubervisor',
      elect: election.elect,
      describe: status.describe,
      timing: { perObjectMs: 10, lookMs: 50, peopleMs: 100 },
    });
    const source = createKubernetesSource({
      ...common,
      policies,
      namespaces,
      onPolicies(known) {
        status.onPolicies(known);
        kept.onPolicies(known);
      },
    });
    const life = await live(source, { shared: kept });
    running.engine = life.engine;
    return {
      ...life,
      async lead(transitions) {
        election.stand({ kind: 'leading', transitions });
        await eventually(() => life.engine.role().kind === 'leading', soon);
      },
      follow: () => election.stand({ kind: 'following' }),
    };
  }

  /** As the API server has it. */
  async function statusOf(name: string): Promise<PolicyStatusObject> {
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/${name}`;
    return ((await cluster.plane.api.get(path)).body as { status?: PolicyStatusObject }).status ?? {};
  }

  /** The pod turns bad; resolves when the leader has taken it out, and the API server has that in the status of the policy. */
  async function untilWritten(leader: Life, policy: string, pod: string): Promise<void> {
    errors.set(pod, 9);
    for (let second = 0; second < 10 && !leader.out().includes(pod); second++) await clock.advance(1000);
    await eventually(async () => {
      const { ejectedEndpoints = [] } = await statusOf(policy);
      return ejectedEndpoints.some(({ name }) => name === pod);
    }, soon);
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

  it('leader and follower come over with the decisions, and so does who leads next; the loser is told, and then governs', async () => {
    await done(shop.policy('z-old', specOf()));
    await nextSecond();
    await done(shop.policy('a-new', specOf()));
    const one = await replica();
    const two = await replica();
    await one.lead(1);
    const accepted = async (name: string) =>
      (await statusOf(name)).conditions?.find(({ type }) => type === 'Accepted')?.reason;
    await eventually(async () => (await accepted('a-new')) === 'Conflicted', soon);
    expect((await statusOf('a-new')).conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', message: expect.stringContaining('z-old is for Service pricer too') }),
    );
    await untilWritten(one, 'z-old', 'p1');
    await eventually(() => two.out().length === 1, soon);
    const decided = one.of()?.enforced.decisions;
    expect(two.of()?.enforced.decisions).toEqual(decided);

    await shop.delete('kubervisorservices/z-old');
    await eventually(() => one.policy() === 'a-new' && two.policy() === 'a-new', soon);
    await eventually(async () => (await statusOf('a-new')).record !== undefined, soon);
    await eventually(async () => (await accepted('a-new')) === 'Accepted', soon);
    for (const each of [one, two]) expect(each.of()?.enforced.decisions).toEqual(decided);
    expect((await statusOf('a-new')).ejectedEndpoints).toMatchObject([{ name: 'p1' }]);

    one.follow();
    await two.lead(2);
    await untilWritten(two, 'a-new', 'p2');
    await eventually(() => one.out().length === 2, soon);
    expect([one.out(), two.out()]).toEqual([
      ['p1', 'p2'],
      ['p1', 'p2'],
    ]);
    const first = [...(decided?.values() ?? [])][0];
    expect([...(two.of()?.enforced.decisions.values() ?? [])]).toContainEqual(first);
  });

  it('what the last accepted policy was is on record: an invalid one freezes the Service for who starts next as well', async () => {
    await done(shop.policy('p', specOf()));
    const one = await replica();
    await one.lead(1);
    await untilWritten(one, 'p', 'p1');
    await withLooseCrd(cluster.plane.api, () =>
      eventually(async () => (await shop.policy('p', specOf({ settle: 'often' }))).status < 300, soon),
    );
    const two = await replica();
    await eventually(() => one.told().some((text) => text.includes('KV0104')), soon);
    // While a CRD changes, the API server may say for a moment that its storage begins anew.
    await eventually(() => two.told().join() === one.told().join(), soon);
    expect([two.policy(), two.out()]).toEqual(['p', ['p1']]);
    expect(two.of()?.policy).toEqual(one.of()?.policy);
    one.follow();
    await two.lead(2);
    // Written too: what was stored and is invalid need not be mended to take a status.
    await untilWritten(two, 'p', 'p2');
    expect(two.out()).toEqual(['p1', 'p2']);
  });

  it('one whose very Service cannot be read any more freezes the one it governed, for who starts next as well', async () => {
    await done(shop.policy('p', specOf()));
    const one = await replica();
    await one.lead(1);
    await untilWritten(one, 'p', 'p1');
    await withLooseCrd(cluster.plane.api, () =>
      eventually(async () => (await shop.policy('p', specOf({ service: 'Pri_cer!' }))).status < 300, soon),
    );
    await eventually(() => one.told().some((text) => text.includes('spec.service')), soon);
    const two = await replica();
    await eventually(() => two.told().join() === one.told().join(), soon);
    expect([two.policy(), two.out()]).toEqual([one.policy(), ['p1']]);
    one.follow();
    await two.lead(2);
    await untilWritten(two, 'p', 'p2');
    await eventually(() => one.out().length === 2, soon);
    expect([one.out(), two.out()]).toEqual([
      ['p1', 'p2'],
      ['p1', 'p2'],
    ]);
  });

  it('a record of a newer version changes nothing for who follows, and that is told; one that can be read is followed again', async () => {
    await done(shop.policy('p', specOf()));
    const one = await replica();
    await one.lead(1);
    await untilWritten(one, 'p', 'p1');
    const two = await replica();
    expect(two.out()).toEqual(['p1']);
    one.follow();
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/p`;
    const write = async (change: (record: RecordOnStatus) => RecordOnStatus): Promise<void> => {
      const object = (await cluster.plane.api.get(path)).body as { readonly status: { readonly record: string } };
      const record = JSON.stringify(change(JSON.parse(object.status.record) as RecordOnStatus));
      await done(cluster.plane.api.put(`${path}/status`, { ...object, status: { ...object.status, record } }));
    };
    const known = two.of()?.enforced.decisions;
    let readable: RecordOnStatus['body'] = { enforced: {} };
    await write((record) => {
      readable = record.body;
      return { ...record, epoch: 9, revision: 90, body: { formatVersion: 99, enforced: {} } };
    });
    await eventually(() => two.problems.some(({ code }) => code === 'KV0412'), soon);
    expect(two.of()?.enforced.decisions).toEqual(known);
    // An older version leads again, and has brought everybody back.
    const enforced = { ...readable.enforced, decisions: [] };
    await write((record) => ({ ...record, revision: 91, body: { ...readable, epoch: 9, seq: 99, enforced } }));
    await eventually(() => two.out().length === 0, soon);
  });

  it.each([
    ['a newer version wrote it', 'KV0412', (body) => ({ ...body, formatVersion: 99 })],
    ['a field is missing', 'KV0819', ({ enforced: _, ...body }) => body],
    ['there is nothing in it', 'KV0819', () => null],
  ] satisfies readonly (readonly [string, string, (body: RecordOnStatus['body']) => unknown])[])(
    'a record that cannot be read, as %s, freezes its Service, whoever leads, and the remedy ends it without a restart',
    async (_, code, change) => {
      await done(shop.policy('p', specOf()));
      await shop.service('other');
      await shop.slice('other', pods);
      await done(shop.policy('q', specOf({ service: 'other' })));
      const one = await replica();
      await one.lead(1);
      await untilWritten(one, 'p', 'p1');
      const two = await replica();
      const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/p`;
      const text = (await statusOf('p')).record ?? '';
      const written = JSON.parse(text) as RecordOnStatus;
      const damaged = JSON.stringify({ ...written, epoch: 9, revision: 90, body: change(written.body) });
      await done(cluster.plane.api.patch(`${path}/status`, { status: { record: damaged } }));
      const problemsOf = ({ engine }: Life) => engine.problems().map((problem) => problem.code);
      await eventually(() => problemsOf(one).length > 0 && problemsOf(two).length > 0, soon);
      expect([problemsOf(one), problemsOf(two)]).toEqual([[code], [code]]);

      one.follow();
      await two.lead(2);
      errors.clear();
      errors.set('p2', 9);
      // Longer than anybody is out, in steps that let the store answer.
      const startedMs = clock.now();
      await eventually(async () => {
        await clock.advance(1000);
        return two.out('other').includes('p2') && clock.now() - startedMs > 90_000;
      }, soon);
      const ready = async () => (await statusOf('p')).conditions?.find(({ type }) => type === 'Ready')?.reason;
      await eventually(async () => (await ready()) === 'RecordUnreadable', soon);
      expect([one.out(), two.out()]).toEqual([['p1'], ['p1']]);
      expect(await statusOf('p')).toMatchObject({ record: damaged, ejectedEndpoints: [{ name: 'p1' }] });
      const third = await replica();
      const names = third.published.map(({ service }) => service);
      expect(new Set(names)).toEqual(new Set([serviceKey(shop.namespace, 'other')]));

      const [problem] = two.engine.problems();
      expect(problem).toMatchObject({ file: `KubervisorService ${shop.namespace}/p`, field: 'status.record' });
      const [, command = '', patch = ''] = /(kubectl patch .*) -p '(.*)'/.exec(problem?.remedy ?? '') ?? [];
      expect(command).toBe(`kubectl patch kvs p -n ${shop.namespace} --subresource=status --type=merge`);
      errors.clear();
      await done(cluster.plane.api.patch(`${path}/status`, JSON.parse(patch) as object));
      const all = [one, two, third];
      await eventually(() => all.every((each) => problemsOf(each).length === 0), soon);
      for (const each of all) {
        const served = each.published.findLast(({ service }) => service === serviceKey(shop.namespace, 'pricer'));
        const endpoints = served?.ports.flatMap(({ localities }) =>
          localities.flatMap((locality) => locality.endpoints),
        );
        expect(endpoints?.map(({ status }) => status)).toEqual(pods.map(() => 'HEALTHY'));
      }
      await untilWritten(two, 'p', 'p5');
      await eventually(() => all.every((each) => each.out().includes('p5')), soon);
      await eventually(async () => (await ready()) === 'Enforcing', soon);
    },
  );

  it('a record that is put back as it was is gone on with, by the leader that wrote it too', async () => {
    await done(shop.policy('p', specOf()));
    const one = await replica();
    await one.lead(1);
    await untilWritten(one, 'p', 'p1');
    const two = await replica();
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/p/status`;
    const { record = '' } = await statusOf('p');
    const frozen = () => [one, two].map(({ engine }) => engine.problems().length);
    await done(cluster.plane.api.patch(path, { status: { record: record.slice(1) } }));
    await eventually(() => frozen().every((count) => count > 0), soon);
    await done(cluster.plane.api.patch(path, { status: { record } }));
    await eventually(() => frozen().every((count) => count === 0), soon);
    await untilWritten(one, 'p', 'p2');
    await eventually(() => two.out().length === 2, soon);
    expect([one.out(), two.out()]).toEqual([
      ['p1', 'p2'],
      ['p1', 'p2'],
    ]);
  });

  it('one that becomes invalid freezes its Service, through a restart too, and is no handover; then it is mended', async () => {
    await done(shop.policy('z-old', specOf()));
    await nextSecond();
    await done(shop.policy('a-new', specOf({ breakers: [breaker('others')] })));
    const life = await start();
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);

    await withLooseCrd(cluster.plane.api, () =>
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
    // What it did not wait for, as Deployments, it may still have to hear of.
    await eventually(() => {
      expect(next.told()).toEqual(told);
      return true;
    }, soon);
    expect(told).toContainEqual(expect.stringMatching(/KV0113.*a-new is ignored/));
    // Not by server-side apply: what is stored is nothing that its types could be applied to.
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/z-old`;
    const { body } = await cluster.plane.api.get(path);
    await done(cluster.plane.api.put(path, { ...(body as object), spec: specOf({ settle: 1 }) }));
    await eventually(() => next.of()?.policy?.settle === 1, soon);
    expect(next.out()).toEqual(['p1', 'p2']);
  });

  it('a field that a newer version has is warned of, and the rest is in force', async () => {
    await withLooseCrd(cluster.plane.api, async () => {
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
      cluster.plane.api.post(`/api/v1/namespaces/${shop.namespace}/pods/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
      });
    // Nobody is there to say that any disruption is allowed.
    const budgets = `/apis/policy/v1/namespaces/${shop.namespace}/poddisruptionbudgets`;
    await done(
      cluster.plane.api.post(budgets, {
        metadata: { name: 'all' },
        spec: { minAvailable: 7, selector: { matchLabels: { app: 'pricer' } } },
      }),
    );
    expect((await evict('p7')).status).toBe(429);
    errors.set('p1', 9);
    await clock.advance(3000);
    expect(life.out()).toEqual(['p1']);

    await done(cluster.plane.api.delete(`${budgets}/all`));
    await done(evict('p7'));
    // The API server says why first, and deletes then.
    await eventually(() => {
      const p7 = life.of()?.fleet.backends.find(({ name }) => name === 'p7');
      return p7?.disruptedSinceMs !== undefined && p7.terminating;
    }, soon);
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
    await done(cluster.plane.api.delete(`/api/v1/namespaces/${shop.namespace}`));
    // The controller that empties a namespace is not here.
    const of = (api: string, resource: string): string => `${api}/namespaces/${shop.namespace}/${resource}`;
    for (const path of [
      `${of('/api/v1', 'pods')}?gracePeriodSeconds=0`,
      of('/apis/discovery.k8s.io/v1', 'endpointslices'),
      of('/api/v1', 'services'),
    ]) {
      await done(cluster.plane.api.delete(path));
    }
    await eventually(() => life.removed.length === 1, soon);
    // The policy is the last to go, and until then it is there without anybody to judge.
    expect([life.policy(), life.of()?.fleet.backends]).toEqual(['p', []]);
    await done(cluster.plane.api.delete(of('/apis/breaker.kubervisor.io/v1', 'kubervisorservices')));
    await eventually(() => life.engine.states().length === 0, soon);
    await eventually(() => store.records.size === 0, soon);
  });
});
