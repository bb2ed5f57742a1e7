/** Decisions in the status of policies: the store of two replicas against a real API server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import type { Standing } from '../../engine/leader/election.ts';
import { type ServiceKey, serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { createPolicyFeed } from '../../engine/sources/kubernetes/policy-feed.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { StatusPatch } from '../../engine/store/kubernetes/patch-status.ts';
import { createStatusStore, type StatusStore, type StatusTiming } from '../../engine/store/kubernetes/status-store.ts';
import type { JsonValue, Role } from '../../engine/store/store.ts';
import { playedElection } from '../support/played-election.ts';
import { describeWith } from '../support/parts.ts';
import { useCluster } from './use-cluster.ts';
import { createShop, done, type Shop } from './shop.ts';

const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };
const soon = { timeoutMs: 20_000 };

interface Replica {
  readonly store: StatusStore;
  /** What it was told, in order: a body, `gone`, a global value, a role. */
  readonly told: readonly unknown[];
  /** Policies whose state was described, each time: the last thing in a look of the leader. */
  readonly described: readonly string[];
  /** What it asked for and has had no answer to. */
  isWriting(): boolean;
  role(): Role | undefined;
  /** What an election would say. */
  stand(standing: Standing): void;
  /** What its log says, as `error ...` or `info no longer: ...`. */
  readonly logged: readonly string[];
  /** What it says to itself although the Lease is another's by now. */
  isDeluded: boolean;
}

describeWith(['kube-apiserver', 'etcd'], 'decisions in the status of policies', (executables) => {
  const cluster = useCluster(executables);
  let shop: Shop;
  let count = 0;
  let stopping: AbortController;
  let replicas: Replica[];

  beforeEach(async () => {
    stopping = new AbortController();
    replicas = [];
    shop = await createShop(cluster.plane.api, `shop-${(count += 1)}`);
    await shop.service('pricer');
    await done(shop.policy('p', spec));
  });

  afterEach(async () => {
    cluster.wire.mend();
    await Promise.all(replicas.map(({ store }) => store.close()));
    stopping.abort();
  });

  const pricer = (): ServiceKey => serviceKey(shop.namespace, 'pricer');
  const path = (name: string): string =>
    `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/${name}`;

  interface Settings {
    readonly user?: 'administrator' | 'kubervisor';
    readonly timing?: Partial<StatusTiming>;
    /** Looked into besides the shop. */
    readonly others?: readonly string[];
    /** Between the store and the API server. */
    readonly around?: (client: KubeClient) => KubeClient;
    /** The Lease is free, and it gets it as soon as it takes part. */
    readonly isElected?: boolean;
    /** What it says to people of each policy, besides what is always the same. */
    readonly describe?: () => StatusPatch;
    /** Whether the API server takes that. Default true. */
    readonly isDescribed?: boolean;
    /** Between the source, which says who governs, and the store. */
    readonly relay?: (tell: () => void) => void;
  }

  /** In the order of the engine: what is on record, then what others write, then the fleets and policies. */
  async function replica(settings: Settings = {}): Promise<Replica> {
    const { user = 'administrator', timing = {}, around = (client) => client, isElected = false } = settings;
    const { relay = (tell) => tell(), describe = () => ({}), others = [] } = settings;
    const namespaces = [shop.namespace, ...others];
    // One each: two may start at the same time.
    const kubeconfig = join(cluster.folder, `${user}-${(starts += 1)}.yaml`);
    await writeFile(kubeconfig, cluster.plane.kubeconfig(user, cluster.wire.url));
    const asked = around(await connect({ kubeconfig }, systemClock));
    let writing = 0;
    const client: KubeClient = {
      ...asked,
      async send(...given) {
        writing += 1;
        try {
          return await asked.send(...given);
        } finally {
          writing -= 1;
        }
      },
    };
    const told: unknown[] = [];
    const described: string[] = [];
    const logged: string[] = [];
    const log = (level: string) => (_: object, message: string) => void logged.push(`${level} ${message}`);
    let role: Role | undefined;
    const election = playedElection();
    const onProblem = (problem: Parameters<typeof formatProblem>[0]): void => {
      throw new Error(formatProblem(problem));
    };
    const common = { client, clock: systemClock, random: Math.random, onProblem };
    const policies = createPolicyFeed({ ...common, namespaces });
    const store = createStatusStore({
      ...common,
      policies,
      namespace: shop.namespace,
      lease: 'kubervisor',
      elect: election.elect,
      describe({ name, generation }) {
        described.push(name);
        return { observedGeneration: generation, serving: '5/6', ...describe() };
      },
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      timing: { perObjectMs: 10, lookMs: 50, peopleMs: 100, ...timing },
    });
    const source = createKubernetesSource({
      ...common,
      policies,
      namespaces,
      onPolicies: (known) => relay(() => store.onPolicies(known)),
    });
    const each: Replica = {
      store,
      told,
      described,
      logged,
      isWriting: () => writing > 0,
      role: () => role,
      stand: (next) => election.stand(next, !each.isDeluded),
      isDeluded: false,
    };
    replicas.push(each);
    const state = await store.load(stopping.signal);
    for (const record of state.records.values()) told.push(record.body);
    store.watch?.({
      record: (_, record) => told.push(record === undefined ? 'gone' : (record.unread ?? record.body)),
      global: (body) => told.push({ global: body }),
      role: (next) => {
        role = next;
      },
    });
    if (isElected) each.stand({ kind: 'leading', transitions: (transitions += 1) });
    await source.start(() => undefined, stopping.signal);
    return each;
  }

  let transitions = 0;
  let starts = 0;

  async function leader(settings: Settings = {}): Promise<Replica> {
    const each = await replica(settings);
    await lead(each, settings.isDescribed);
    return each;
  }

  async function lead(each: Replica, isDescribed = true): Promise<void> {
    each.stand({ kind: 'leading', transitions: (transitions += 1) });
    await eventually(() => each.store.leads?.(), soon);
    if (isDescribed) await untilDescribed('p');
    // As long as it has not heard of that, the next write is of another version, and is tried twice.
    await eventually(() => !each.isWriting(), soon);
  }

  /** The record as an API server has it. */
  async function onRecord(name: string): Promise<JsonValue | undefined> {
    const { body } = await cluster.plane.api.get(path(name));
    const text = (body as { status?: { record?: string } }).status?.record;
    return text === undefined ? undefined : (JSON.parse(text) as { body: JsonValue }).body;
  }

  /** Whoever has come to lead looks at all of them once, which is a write of its own. */
  async function untilDescribed(name: string): Promise<void> {
    await eventually(async () => {
      const { body } = await cluster.plane.api.get(path(name));
      return (body as { status?: { serving?: string } }).status?.serving !== undefined;
    }, soon);
  }

  async function patchStatus(name: string, status: object): Promise<void> {
    await done(cluster.plane.api.patch(`${path(name)}/status`, { status }));
  }

  it('what the leader saves the other is told once, in order, and a replica that starts later reads', async () => {
    const one = await leader();
    const two = await replica();
    let revision = 0;
    for (const seq of [1, 2, 3]) {
      const result = await one.store.save(pricer(), { seq }, revision);
      expect(result).toEqual({ kind: 'saved', revision: revision + 1 });
      revision += 1;
    }
    await eventually(() => two.told.length === 3, soon);
    expect(two.told).toEqual([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
    expect(one.told).toEqual([]);
    expect((await replica()).told).toEqual([{ seq: 3 }]);
    expect(await two.store.save(pricer(), {}, 3)).toMatchObject({ kind: 'failed', problem: { code: 'KV0816' } });
    // What people see goes with it.
    expect((await cluster.plane.api.get(path('p'))).body).toMatchObject({
      status: { serving: '5/6', observedGeneration: 1 },
    });
  });

  it('somebody who edits the policy just then is no conflict; another writer of the record is one', async () => {
    const one = await leader({ timing: { peopleMs: 600_000, lookMs: 600_000 } });
    await one.store.save(pricer(), { seq: 1 }, 0);
    for (const seq of [2, 3, 4, 5]) {
      const [edited, saved] = await Promise.all([
        shop.policy('p', { ...spec, settle: seq }),
        one.store.save(pricer(), { seq }, seq - 1),
      ]);
      expect([edited.status, saved.kind]).toEqual([200, 'saved']);
    }
    const other = JSON.stringify({ service: pricer(), revision: 9, epoch: 1, body: { seq: 9 } });
    await patchStatus('p', { record: other });
    await eventually(async () => (await one.store.save(pricer(), { seq: 6 }, 5)).kind === 'conflict', soon);
    expect(await onRecord('p')).toEqual({ seq: 9 });
  });

  it('L1: who was leader until a moment ago, and does not know it, overwrites nothing of the next one', async () => {
    const zombie = await leader();
    await zombie.store.save(pricer(), { by: 'zombie' }, 0);
    const next = await leader();
    const roles = [zombie.role(), next.role()].map((role) => (role?.kind === 'leading' ? role.epoch : 0));
    expect(roles[1]).toBeGreaterThan(roles[0] ?? 0);
    expect(await next.store.save(pricer(), { by: 'next' }, 1)).toEqual({ kind: 'saved', revision: 2 });
    expect(await zombie.store.save(pricer(), { by: 'zombie again' }, 1)).toMatchObject({
      kind: 'conflict',
      current: { body: { by: 'next' } },
    });
    // Not even when it has seen what it would overwrite.
    expect(await zombie.store.save(pricer(), { by: 'zombie again' }, 2)).toMatchObject({ kind: 'conflict' });
    expect(await onRecord('p')).toEqual({ by: 'next' });
    expect(zombie.told).toEqual([{ by: 'next' }]);
  });

  const epochOf = (replica: Replica): number => {
    const role = replica.role();
    return role?.kind === 'leading' ? role.epoch : 0;
  };

  it('an epoch that somebody wrote into one record is counted on from for that Service, and for no other', async () => {
    const other = serviceKey(shop.namespace, 'other');
    await shop.service('other');
    await done(shop.policy('q', { ...spec, service: 'other' }));
    const strange = { service: other, revision: 1, epoch: 9e14, body: { by: 'somebody' } };
    await patchStatus('q', { record: JSON.stringify(strange) });
    const zombie = await leader();
    expect(await zombie.store.save(pricer(), { by: 'zombie' }, 0)).toMatchObject({ kind: 'saved' });
    const next = await leader();
    expect(epochOf(next)).toBeGreaterThan(epochOf(zombie));
    expect(epochOf(next)).toBeLessThan(strange.epoch);
    expect(await next.store.save(pricer(), { by: 'next' }, 1)).toMatchObject({ kind: 'saved' });
    expect(await next.store.save(other, { by: 'next' }, 1)).toMatchObject({ kind: 'saved' });
    for (const [service, revision] of [
      [pricer(), 2],
      [other, 2],
    ] as const) {
      expect(await zombie.store.save(service, { by: 'zombie again' }, revision)).toMatchObject({ kind: 'conflict' });
    }
    expect([await onRecord('p'), await onRecord('q')]).toEqual([{ by: 'next' }, { by: 'next' }]);
    expect(zombie.told).toEqual([{ by: 'somebody' }, { by: 'next' }, { by: 'next' }]);
  });

  it('without the epoch that was claimed last, who leads next goes on above what is on record all the same', async () => {
    const one = await leader();
    await one.store.save(pricer(), { seq: 1 }, 0);
    await done(cluster.plane.api.delete(`/api/v1/namespaces/${shop.namespace}/configmaps/kubervisor-state`));
    one.isDeluded = true;
    const two = await replica();
    two.stand({ kind: 'leading', transitions: 0 });
    await eventually(() => two.store.leads?.(), soon);
    expect(epochOf(two)).toBeLessThanOrEqual(epochOf(one));
    expect(await two.store.save(pricer(), { seq: 2 }, 1)).toMatchObject({ kind: 'saved' });
    await eventually(() => one.told.length > 0, soon);
    expect(one.told).toEqual([{ seq: 2 }]);
    expect(await one.store.save(pricer(), { seq: 3 }, 2)).toMatchObject({ kind: 'conflict' });
  });

  it('two leaders in a row that write nothing do not have the same epoch', async () => {
    const one = await leader();
    const epochs = [one.role()];
    one.stand({ kind: 'following', leader: 'two' });
    expect([one.role(), one.store.leads?.()]).toEqual([{ kind: 'following', leader: 'two' }, false]);
    // The Lease was deleted in between: it counts from the beginning.
    one.stand({ kind: 'leading', transitions: 0 });
    await eventually(() => one.store.leads?.(), soon);
    epochs.push(one.role());
    const [first, second] = epochs.map((role) => (role?.kind === 'leading' ? role.epoch : 0));
    expect(second).toBeGreaterThan(first ?? 0);
  });

  it('who has not read everything yet does not lead, and puts no record away', async () => {
    const writer = await leader();
    expect(await writer.store.save(pricer(), { seq: 1 }, 0)).toEqual({ kind: 'saved', revision: 1 });
    writer.stand({ kind: 'following' });
    const asks: string[] = [];
    const gate = Promise.withResolvers<void>();
    const starting = replica({
      isElected: true,
      around: (client) => ({
        ...client,
        async get(...given) {
          if (given[0].endsWith('/pods')) await gate.promise;
          return client.get(...given);
        },
        send(...given) {
          asks.push(`${given[0]} ${given[1]}`);
          return client.send(...given);
        },
      }),
    });
    // Another that begins after it and waits for nothing has long been through with everything.
    const other = await leader();
    expect(await other.store.save(pricer(), { seq: 2 }, 1)).toEqual({ kind: 'saved', revision: 2 });
    other.stand({ kind: 'following' });
    const seen = [[...asks], await onRecord('p')];
    gate.resolve();
    expect(seen).toEqual([[], { seq: 2 }]);
    const slow = await starting;
    await eventually(() => slow.store.leads?.(), soon);
    expect(await slow.store.save(pricer(), { seq: 3 }, 2)).toEqual({ kind: 'saved', revision: 3 });
  });

  it('a record in a policy of which it is not known yet whether it governs is left alone', async () => {
    let isBehind = false;
    const one = await leader({
      relay(tell) {
        if (!isBehind) tell();
      },
    });
    isBehind = true;
    await done(shop.policy('q', { ...spec, service: 'other' }));
    const record = JSON.stringify({ service: serviceKey(shop.namespace, 'other'), revision: 1, epoch: 1, body: {} });
    await patchStatus('q', { record });
    await eventually(() => one.told.length === 1, soon);
    const looks = (): number => one.described.filter((name) => name === 'q').length;
    const from = looks();
    await eventually(() => looks() >= from + 2, soon);
    expect(await onRecord('q')).toEqual({});
  });

  it('two that claim an epoch at the same moment do not get the same, and the higher one is kept', async () => {
    const map = `/api/v1/namespaces/${shop.namespace}/configmaps/kubervisor-state`;
    const bothHaveLooked = Promise.withResolvers<void>();
    let looks = 0;
    const around = (client: KubeClient): KubeClient => ({
      ...client,
      async get(...given) {
        const answer = client.get(...given);
        if (given[0] !== map) return answer;
        await answer.catch(() => undefined);
        looks += 1;
        if (looks === 2) bothHaveLooked.resolve();
        await bothHaveLooked.promise;
        return answer;
      },
    });
    const pair = [await replica({ around }), await replica({ around })];
    for (const each of pair) each.stand({ kind: 'leading', transitions: 0 });
    await eventually(() => pair.every(({ store }) => store.leads?.()), soon);
    const epochs = pair.map(epochOf);
    expect(new Set(epochs).size).toBe(2);
    const { body } = await cluster.plane.api.get(map);
    expect(body).toMatchObject({ data: { epoch: `${Math.max(...epochs)}` } });
  });

  it('K9: a policy that goes takes its record along, unless another one takes over', async () => {
    const one = await leader();
    const two = await replica();
    await done(shop.policy('q', spec));
    await one.store.save(pricer(), { seq: 1 }, 0);
    await eventually(() => two.told.length === 1, soon);
    await shop.delete('kubervisorservices/p');
    await eventually(async () => (await onRecord('q')) !== undefined, soon);
    expect(await onRecord('q')).toEqual({ seq: 1 });
    expect(await one.store.save(pricer(), { seq: 2 }, 1)).toMatchObject({ kind: 'saved' });
    expect(two.told).not.toContain('gone');
    await shop.delete('kubervisorservices/q');
    await eventually(() => two.told.at(-1) === 'gone', soon);
    await eventually(async () => (await one.store.save(pricer(), { seq: 3 }, 0)).kind === 'failed', soon);
    expect(await one.store.save(pricer(), { seq: 3 }, 0)).toMatchObject({ problem: { code: 'KV0817' } });
  });

  it('a policy that is made anew under the same name is another object, and is written as that', async () => {
    const one = await leader();
    await one.store.save(pricer(), { seq: 1 }, 0);
    await shop.delete('kubervisorservices/p');
    await done(shop.policy('p', spec));
    // Whether there was a moment without is for the watch to say; what was decided counts until then.
    await eventually(async () => {
      const known = one.told.at(-1) === 'gone' ? 0 : 1;
      return (await one.store.save(pricer(), { seq: 2 }, known)).kind === 'saved';
    }, soon);
    expect(await onRecord('p')).toEqual({ seq: 2 });
  });

  it('a record in a policy that governs no more is put away', async () => {
    const one = await leader();
    await one.store.save(pricer(), { seq: 1 }, 0);
    await shop.service('other');
    await done(shop.policy('p', { ...spec, service: 'other' }));
    await eventually(async () => (await onRecord('p')) === undefined, soon);
  });

  it('a record that cannot be read is not taken for none: nobody writes over it, and it is named', async () => {
    await patchStatus('p', { record: '{"half' });
    const one = await leader();
    expect(one.told).toEqual(['{"half']);
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({
      kind: 'conflict',
      current: { body: '{"half' },
    });
    await patchStatus('p', { record: '' });
    await eventually(() => one.told.at(-1) === 'gone', soon);
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
  });

  it("a record of another namespace in its status is nobody's", async () => {
    const strange = serviceKey('kube-system', 'dns');
    await patchStatus('p', { record: JSON.stringify({ service: strange, revision: 9, epoch: 9, body: {} }) });
    const state = await (await replica()).store.load(stopping.signal);
    expect([...state.records.keys()]).toEqual([pricer()]);
  });

  it('kubectl shows it as a table, and saves that come while one is under way are a single write', async () => {
    let writes = 0;
    const one = await leader({
      timing: { lookMs: 600_000 },
      around: (client) => ({
        ...client,
        send(...given) {
          if (given[1].endsWith('/status')) writes += 1;
          return client.send(...given);
        },
      }),
    });
    writes = 0;
    const saves = Array.from({ length: 100 }, (_, n) => one.store.save(pricer(), { seq: n }, 0));
    expect((await Promise.all(saves)).every(({ kind }) => kind === 'saved')).toBe(true);
    expect(await onRecord('p')).toEqual({ seq: 99 });
    // The one that was under way, and what came meanwhile.
    expect(writes).toBeLessThanOrEqual(2);
    const table = await cluster.plane.api.get(path('p'), 'application/json;as=Table;v=v1;g=meta.k8s.io');
    const { columnDefinitions, rows } = table.body as {
      columnDefinitions: readonly { name: string }[];
      rows: readonly { cells: readonly unknown[] }[];
    };
    const cells = Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]));
    expect(cells).toMatchObject({ Name: 'p', Service: 'pricer', Serving: '5/6' });
  });

  it('the API server knows whose fields they are', async () => {
    const one = await leader();
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
    const { body } = await cluster.plane.api.get(path('p'));
    const { metadata } = body as { metadata: { managedFields: readonly { manager: string; subresource?: string }[] } };
    const ofStatus = metadata.managedFields.filter(({ subresource }) => subresource === 'status');
    expect(ofStatus.map(({ manager }) => manager)).toEqual(['kubervisor']);
  });

  it('what is too large for the object is not written, nor cut', async () => {
    const one = await leader();
    const body = { text: 'x'.repeat(600_000) };
    expect(await one.store.save(pricer(), body, 0)).toMatchObject({ kind: 'full', problem: { code: 'KV0818' } });
    expect(await onRecord('p')).toBeUndefined();
    // Just below the bound the API server takes it, quotes and all.
    const quotes = { text: '"'.repeat(120_000) };
    expect(await one.store.save(pricer(), quotes, 0)).toMatchObject({ kind: 'saved' });
  });

  it('a write whose answer is lost is looked for: it was done, or it is not known', async () => {
    let lose = false;
    const one = await leader({
      timing: { lookMs: 600_000 },
      around: (client) => ({
        ...client,
        async send(...given) {
          const answer = await client.send(...given);
          if (!lose || given[0] !== 'patch') return answer;
          throw Object.assign(new Error('cut'), {});
        },
      }),
    });
    lose = true;
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toEqual({ kind: 'saved', revision: 1 });
    lose = false;
    cluster.wire.cut();
    expect(await one.store.save(pricer(), { seq: 2 }, 1)).toMatchObject({
      kind: 'failed',
      problem: { code: 'KV0816' },
    });
    cluster.wire.mend();
    await eventually(async () => (await one.store.save(pricer(), { seq: 3 }, 1)).kind === 'saved', soon);
    expect(one.told).toEqual([]);
  });

  it('K6: a server that says wait is left alone for as long, and then the write is done', async () => {
    const asked: number[] = [];
    let isBusy = false;
    const one = await leader({
      around: (client) => ({
        ...client,
        async send(...given) {
          if (!isBusy || !given[1].endsWith('/status')) return client.send(...given);
          asked.push(performance.now());
          if (asked.length === 1) throw new KubeError('too many requests', { status: 429, retryAfterMs: 400 });
          return client.send(...given);
        },
      }),
      timing: { lookMs: 600_000 },
    });
    isBusy = true;
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(399);
  });

  it('conditions of others stay, and those of ours that have no room beside them keep no decision from being written', async () => {
    const conditionOf = (type: string) => ({ type, status: 'True', reason: 'So', message: '' });
    const at = { lastTransitionTime: '2026-01-02T03:04:05Z' };
    const theirs = Array.from({ length: 15 }, (_, n) => ({ ...conditionOf(`example.com/c${n}`), ...at }));
    await patchStatus('p', { conditions: theirs });
    const one = await leader({ describe: () => ({ conditions: [conditionOf('Ready'), conditionOf('Accepted')] }) });
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
    const { body } = await cluster.plane.api.get(path('p'));
    const { conditions } = (body as { status: { conditions: readonly { type: string }[] } }).status;
    expect(conditions.map(({ type }) => type)).toEqual(['Ready', ...theirs.map(({ type }) => type)]);
  });

  it('what the API server does not take of that for people is told once, and keeps no decision from being written', async () => {
    let serving = 'too long for it '.repeat(50);
    const one = await leader({ isDescribed: false, describe: () => ({ serving }) });
    const refused = /^warn the status .* "p" is invalid: .*status\.serving/;
    await eventually(() => one.logged.length > 0, soon);
    for (const seq of [1, 2]) {
      expect(await one.store.save(pricer(), { seq }, seq - 1)).toMatchObject({ kind: 'saved' });
      expect(await onRecord('p')).toEqual({ seq });
    }
    expect(one.store.problems()).toMatchObject([{ code: 'KV0824', file: `KubervisorService ${shop.namespace}/p` }]);
    // Moved to a policy that takes over, and taken out of one that is for another Service.
    await done(shop.policy('q', spec));
    await shop.delete('kubervisorservices/p');
    await eventually(async () => (await onRecord('q')) !== undefined, soon);
    await shop.service('other');
    await done(shop.policy('q', { ...spec, service: 'other' }));
    await eventually(async () => (await onRecord('q')) === undefined, soon);
    serving = '6/6';
    await eventually(() => one.store.problems().length === 0, soon);
    expect(one.logged[0]).toMatch(refused);
    expect(one.logged.at(-1)).toMatch(/^info no longer/);
    expect(new Set(one.logged).size).toBe(one.logged.length);
  });

  it('a right that is missing is named, verb and resource', async () => {
    const role = 'kubervisor-reads';
    const rules = [
      { apiGroups: [''], resources: ['services', 'pods', 'configmaps'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      { apiGroups: ['breaker.kubervisor.io'], resources: ['kubervisorservices'], verbs: ['get', 'list', 'watch'] },
    ];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await done(cluster.plane.api.post(`${rbac}/clusterroles`, { metadata: { name: role }, rules }));
    const subjects = [{ kind: 'User', name: 'kubervisor', apiGroup: 'rbac.authorization.k8s.io' }];
    const roleRef = { kind: 'ClusterRole', name: role, apiGroup: 'rbac.authorization.k8s.io' };
    await done(cluster.plane.api.post(`${rbac}/clusterrolebindings`, { metadata: { name: role }, subjects, roleRef }));
    const one = await replica({ user: 'kubervisor' });
    one.stand({ kind: 'leading', transitions: 1 });
    await eventually(() => one.store.problems().length > 0, soon);
    expect(one.store.problems()[0]).toMatchObject({
      code: 'KV0802',
      message: expect.stringContaining('patch configmaps') as unknown,
    });
    expect(one.logged).toEqual([expect.stringMatching(/^error .*patch configmaps/)]);
    expect(one.store.leads?.()).toBe(false);
    expect(await one.store.saveGlobal({})).toMatchObject({ kind: 'failed', problem: { code: 'KV0802' } });

    const more = { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'patch'] };
    await done(
      cluster.plane.api.put(`${rbac}/clusterroles/${role}`, { metadata: { name: role }, rules: [...rules, more] }),
    );
    await eventually(() => one.store.leads?.(), soon);
    const [, mended, next] = await eventually(() => one.logged.length === 3 && one.logged, soon);
    expect(mended).toMatch(/^info no longer: .*patch configmaps/);
    // Nobody has saved anything yet.
    expect(next).toMatch(/^error the status .*patch kubervisorservices\/status/);
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({
      problem: { code: 'KV0802', message: expect.stringContaining('patch kubervisorservices/status') as unknown },
    });
  });

  it('a namespace that takes our rights away ends no leadership: of it alone nothing is decided, until it can be read again', async () => {
    const other = await createShop(cluster.plane.api, `lost-${shop.namespace}`);
    await other.service('quotes');
    await done(other.policy('q', { ...spec, service: 'quotes' }));
    const quotes = serviceKey(other.namespace, 'quotes');
    let isDenied = false;
    const isLost = (path: string): boolean => isDenied && path.includes(`/namespaces/${other.namespace}/`);
    const denied = new KubeError('policies are forbidden', { status: 403 });
    const one = await leader({
      others: [other.namespace],
      around: (client) => ({
        get: (...given) => (isLost(given[0]) ? Promise.reject(denied) : client.get(...given)),
        send: (...given) => (isLost(given[1]) ? Promise.reject(denied) : client.send(...given)),
        watch: (...given) => (isLost(given[0]) ? Promise.reject(denied) : client.watch(...given)),
      }),
    });
    expect(await one.store.save(quotes, { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
    one.stand({ kind: 'following' });
    isDenied = true;
    const before = one.told.length;
    one.stand({ kind: 'leading', transitions: (transitions += 1) });
    await eventually(() => one.store.leads?.(), soon);
    expect(one.told.slice(before)).toEqual([expect.stringContaining('cannot be listed')]);
    expect(await one.store.save(pricer(), { seq: 1 }, 0)).toMatchObject({ kind: 'saved' });
    expect(await one.store.save(quotes, { seq: 2 }, 1)).toMatchObject({ kind: 'conflict' });
    isDenied = false;
    await eventually(() => one.told.length > before + 1, { timeoutMs: 40_000 });
    expect(one.told.at(-1)).toEqual({ seq: 1 });
    expect(await one.store.save(quotes, { seq: 2 }, 1)).toMatchObject({ kind: 'saved' });
  });

  it('the suspension of everything: whoever writes it, the others are told, and never the writer', async () => {
    const one = await replica();
    const two = await replica();
    expect(await one.store.saveGlobal({ suspension: 1 })).toEqual({ kind: 'saved' });
    await eventually(() => two.told.length === 1, soon);
    expect(await two.store.saveGlobal({})).toEqual({ kind: 'saved' });
    await eventually(() => one.told.length === 1, soon);
    expect([one.told, two.told]).toEqual([[{ global: {} }], [{ global: { suspension: 1 } }]]);
    expect((await (await replica()).store.load(stopping.signal)).global).toEqual({});
  });

  it('a suspension that is to give way to what is there does, and tells what that is', async () => {
    const one = await replica();
    const two = await replica();
    expect(await two.store.saveGlobal({ by: 'two' })).toEqual({ kind: 'saved' });
    const found: unknown[] = [];
    const givesWay = (isIt: boolean) => (global: unknown) => {
      found.push(global);
      return isIt;
    };
    expect(await one.store.saveGlobal({ by: 'one' }, givesWay(true))).toEqual({
      kind: 'overtaken',
      current: { by: 'two' },
    });
    // At once, though the watch may be behind.
    one.store.retellGlobal?.();
    expect(one.told.at(-1)).toEqual({ global: { by: 'two' } });
    expect(await one.store.saveGlobal({ by: 'one' }, givesWay(false))).toEqual({ kind: 'saved' });
    expect(found).toEqual([{ by: 'two' }, { by: 'two' }]);
    await eventually(() => JSON.stringify(two.told.at(-1)) === JSON.stringify({ global: { by: 'one' } }), soon);
  });

  it('when the watch of it fails the log says so, and when it is well again', async () => {
    const one = await replica();
    cluster.wire.cut();
    const what = 'the API server cannot be read at /api/v1/namespaces/\\S+/configmaps';
    await eventually(() => one.logged.some((line) => new RegExp(`^error ${what}`).test(line)), soon);
    cluster.wire.mend();
    await eventually(() => new RegExp(`^info no longer: ${what}`).test(one.logged.at(-1) ?? ''), soon);
  });

  it('of several who write it at the same moment the last one counts, for all of them', async () => {
    const all = [await replica(), await replica(), await replica()];
    const results = await Promise.all(all.map(({ store }, by) => store.saveGlobal({ by })));
    expect(results).toEqual(all.map(() => ({ kind: 'saved' })));
    const { body } = await cluster.plane.api.get(`/api/v1/namespaces/${shop.namespace}/configmaps/kubervisor-state`);
    const global = JSON.parse((body as { data: { global: string } }).data.global) as unknown;
    for (const { store, told } of all) {
      await eventually(() => {
        store.retellGlobal?.();
        return JSON.stringify(told.at(-1)) === JSON.stringify({ global });
      }, soon);
    }
    expect(body).toMatchObject({ metadata: { labels: { 'app.kubernetes.io/managed-by': 'kubervisor' } } });
  });

  it('what was said just before the end is on record', async () => {
    const one = await replica();
    const saving = one.store.saveGlobal({ last: 'word' });
    await one.store.close();
    expect(await saving).toEqual({ kind: 'saved' });
    expect((await (await replica()).store.load(stopping.signal)).global).toEqual({ last: 'word' });
  });

  it('a write that lands long after it was given up undoes nothing that was written since', async () => {
    const late: (() => Promise<unknown>)[] = [];
    const one = await replica({
      timing: { deadlineMs: 500 },
      around: (client) => ({
        ...client,
        send(verb, path, body, signal) {
          if (verb !== 'patch' || late.length > 0) return client.send(verb, path, body, signal);
          late.push(() => client.send(verb, path, body, stopping.signal));
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
        },
      }),
    });
    expect(await one.store.saveGlobal({ at: 0 })).toEqual({ kind: 'saved' });
    const silence = expect.stringContaining('no answer within 0.5 s') as unknown;
    expect(await one.store.saveGlobal({ at: 1 })).toMatchObject({ kind: 'failed', problem: { message: silence } });
    expect(await one.store.saveGlobal({ at: 2 })).toEqual({ kind: 'saved' });
    await expect(late[0]?.()).rejects.toMatchObject({ status: 409 });
    expect((await (await replica()).store.load(stopping.signal)).global).toEqual({ at: 2 });
  });
});
