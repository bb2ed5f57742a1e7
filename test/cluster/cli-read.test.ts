/** What the program reads from a cluster: the fleet, the policy and the decisions on record, in the views of the admin API. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { GetResponse, WhyResponse } from '../../engine/admin/messages.ts';
import { backendId, serviceKey } from '../../engine/model.ts';
import { createPolicyParser } from '../../engine/policy/parse.ts';
import type { Decision } from '../../engine/rotation/decision.ts';
import { toRecord } from '../../engine/rotation/record.ts';
import { emptyBreaker, initialState } from '../../engine/rotation/state.ts';
import { recordPayload } from '../../engine/store/record.ts';
import type { JsonValue } from '../../engine/store/store.ts';
import { runCli, runPlugin, startCli } from '../support/cli.ts';
import { decisionOf, fleetOf } from '../support/fixtures.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd, withLooseCrd } from './crd.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4, 5, 6].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
const spec = {
  service: 'pricer',
  breakers: [{ name: 'errors', threshold: { query: 'rate(errors[1m])', operator: '>', value: 5 } }],
};

describeWith(['kube-apiserver', 'etcd', 'kubectl'], 'reading a cluster', (executables) => {
  let plane: ControlPlane;
  let shop: Shop;
  let folder = '';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    await installCrd(plane.api);
    shop = await createShop(plane.api, 'shop');
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
    await done(shop.policy('pricer', spec));
    const bank = await createShop(plane.api, 'bank');
    await bank.service('ledger');
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'kubervisor' } }));
    await done(
      plane.api.post('/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases', {
        metadata: { name: 'kubervisor' },
        spec: { holderIdentity: 'kubervisor-0_x1', renewTime: '2126-01-01T00:00:00.000000Z', leaseDurationSeconds: 15 },
      }),
    );
    folder = await inTemporaryFolder('cli-read', async (path) => path);
    for (const user of ['administrator', 'kubervisor'] as const)
      await writeFile(join(folder, user), plane.kubeconfig(user));
    await record(['pricer-3']);
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  /** As the leader writes it: one backend is out by its breaker. */
  async function record(out: readonly string[], ...conditions: readonly object[]): Promise<void> {
    const path = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices/pricer';
    const { body } = await plane.api.get(path);
    const parsed = createPolicyParser().parseObject(body);
    if (parsed.kind !== 'accepted') throw new Error('the policy is refused');
    const now = Date.now();
    const decisions = await Promise.all(
      out.map(async (name): Promise<Decision> => {
        const pod = (await plane.api.get(`/api/v1/namespaces/shop/pods/${name}`)).body as { metadata: { uid: string } };
        const streak = { anomalous: 2, of: 3 };
        const measured = { severity: 2, value: 9, bound: 5, reason: '9 is above 5', lookbackMs: 60_000 };
        return decisionOf(name, 'ejected', {
          backend: backendId(pod.metadata.uid),
          sinceMs: now,
          outSinceMs: now,
          durationMs: 30_000,
          cause: { kind: 'breaker', breaker: 'errors', ...measured, streak, budget: '0 of 6 not serving' },
        });
      }),
    );
    const empty = initialState({ ...fleetOf([]), service: serviceKey('shop', 'pricer') });
    const state = {
      ...empty,
      policy: parsed.policy,
      breakers: new Map(
        parsed.policy.breakers.map(({ name, fingerprint }) => [
          name,
          { ...emptyBreaker(fingerprint), evaluations: 99 },
        ]),
      ),
      enforced: { ...empty.enforced, decisions: new Map(decisions.map((decision) => [decision.backend, decision])) },
    };
    // What is absent in a state is absent in its JSON too.
    const json = JSON.parse(JSON.stringify(toRecord(state, 1))) as JsonValue;
    const written = JSON.stringify(recordPayload({ service: state.service, revision: 1, body: json }, 1));
    await done(
      plane.api.put(`${path}/status`, {
        ...(body as object),
        status: { record: written, conditions: told(...conditions) },
      }),
    );
  }

  /** As the leader writes them beside it. */
  function told(...changed: readonly object[]): readonly object[] {
    const types = ['Ready', 'Accepted', 'DetectorsHealthy', 'BudgetExhausted'] as const;
    return types.map((type) => ({
      ...{ type, status: type === 'BudgetExhausted' ? 'False' : 'True', reason: 'Fine', message: 'all is well' },
      lastTransitionTime: '2026-01-01T00:00:00Z',
      ...changed.find((each) => 'type' in each && each.type === type),
    }));
  }

  const run = (args: readonly string[], user = 'administrator') =>
    runCli([...args, '--kubeconfig', join(folder, user)]);
  const note =
    'verdicts and who is held: ask the leader, with --server http://127.0.0.1:18080\n' +
    'after: kubectl -n kubervisor port-forward pod/kubervisor-0 18080\n';

  it('get: one line a Service, of a namespace or of all, and who knows the rest', async () => {
    expect(await run(['get', '-n', 'shop'])).toEqual({
      code: 0,
      stdout:
        'NAME         MODE     READY  SERVING  OUT  HELD  BUDGET-LEFT  STATUS\n' +
        'shop/pricer  Enforce  6/6    5        1    -     1/2          ok\n',
      stderr: note,
    });
    const all = await run(['get', '-A']);
    expect(all.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['bank/ledger', 'default/kubernetes', 'shop/pricer']),
    );
    // The namespace of the context, as kubectl takes it.
    expect((await run(['get'])).stdout).toContain('default/kubernetes');
    expect((await run(['get'])).stdout).not.toContain('shop/pricer');
  });

  it('endpoints and why: who is out, by what', async () => {
    const { code, stdout } = await run(['endpoints', 'shop/pricer']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^NAME +STATE +WEIGHT +VALUE +BOUND +BREAKER +RETRY +SINCE +WHY\n/);
    expect(stdout).toMatch(/\npricer-3 +ejected +0 +9 +5 +errors +0\/3 +\S+ +9 is above 5\n/);
    expect(stdout).toMatch(/\npricer-1 +serving +100 /);
    const why = await run(['why', '10.1.0.3', '-n', 'shop']);
    expect(why.stdout).toMatch(/^pricer-3 is ejected by breaker errors: 9 is above 5\n/);
    expect(why.stdout).toContain('\n  breaker   errors (Enforce): known to the leader\n');
    expect(why.stdout).not.toMatch(/not evaluated|\n {2}(fleet|guard) /);
    expect(why.stderr).toBe(`\n${note}`);
  });

  it('-o json is what the admin API answers', async () => {
    const got = JSON.parse((await run(['get', 'shop/pricer', '-o', 'json'])).stdout) as GetResponse;
    expect(got.service).toMatchObject({
      namespace: 'shop',
      name: 'pricer',
      policy: 'pricer',
      enforcement: 'Enforce',
      summary: { total: 6, ready: 6, serving: 5, ejected: 1 },
      budget: { base: 6, floor: 3, maxOut: 2, out: 1, left: 1 },
      breakers: [{ name: 'errors', outcome: 'unknown' }],
      policyStatus: { name: 'pricer' },
    });
    expect(got.replica).toEqual({ role: 'following', leader: 'kubervisor-0_x1' });
    expect(got.service.backends.map(({ name, state }) => `${name} ${state}`)).toContain('pricer-3 ejected');
    const why = JSON.parse((await run(['why', 'pricer-3', '-n', 'shop', '-o', 'json'])).stdout) as WhyResponse;
    expect(why).toMatchObject({
      service: 'shop/pricer',
      backend: { name: 'pricer-3', decision: { breaker: 'errors' } },
    });
  });

  it('get -w follows what the leader writes', async () => {
    const child = startCli(['get', '-n', 'shop', '-w', '--kubeconfig', join(folder, 'administrator')]);
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    const ended = once(child, 'exit');
    try {
      await eventually(() => seen.includes('shop/pricer  Enforce  6/6    5 '), { timeoutMs: 10_000 });
      await record(['pricer-3', 'pricer-4']);
      await eventually(() => seen.includes('shop/pricer  Enforce  6/6    4 '), { timeoutMs: 10_000 });
    } finally {
      child.kill('SIGINT');
      await ended;
      await record(['pricer-3']);
    }
  });

  it('how its breakers are is what the leader wrote', async () => {
    const silent = { type: 'DetectorsHealthy', status: 'False', message: 'no usable answer for errors' };
    await record(['pricer-3'], silent);
    expect((await run(['get', 'shop/pricer'])).stdout).toMatch(/ no usable answer for errors\n/);
    const refused = { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'KV0104 the query' };
    await record(['pricer-3'], refused, silent);
    expect((await run(['get', '-n', 'shop'])).stdout).toMatch(/ policy pricer is invalid\n$/);
    await record(['pricer-3']);
  });

  it('of a policy that was spoiled the last accepted one is in force, and who is out stays so', async () => {
    const path = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices/pricer';
    const put = async (change: object) => {
      const { body } = await plane.api.get(path);
      return plane.api.put(path, { ...(body as object), spec: { ...spec, ...change } });
    };
    const [breaker] = spec.breakers;
    // The API server cannot read PromQL: this it takes.
    const spoiled = { ...breaker, threshold: { ...breaker?.threshold, query: 'sum by (' } };
    for (const change of [{ breakers: [spoiled] }, { settle: 'often' }, { service: 'Pri_cer!' }]) {
      await withLooseCrd(plane.api, () =>
        eventually(async () => (await put(change)).status < 300, { timeoutMs: 20_000 }),
      );
      const get = await run(['get', 'shop/pricer']);
      expect(get.stdout).toMatch(/^shop\/pricer +Enforce +6\/6 +5 +1 /m);
      expect(get.stdout).toMatch(/ policy is invalid \(KV0\d+\)\n/);
      expect((await run(['endpoints', 'shop/pricer'])).stdout).toMatch(/^pricer-3 +ejected /m);
      const why = await run(['why', 'pricer-3', '-n', 'shop']);
      expect(why.stdout).toMatch(/^pricer-3 is ejected .*errors/);
      expect(why.stdout).toContain('the policy is invalid: ');
      await done(put({}));
    }
  });

  it('a Service that was suspended by itself says by whom and why, without a leader', async () => {
    expect(await run(['suspend', 'shop/pricer', '--reason', 'drill: day 2'])).toMatchObject({ code: 0 });
    const said = /is suspended since \S+ by administrator: drill: day 2\n/;
    const { stdout, stderr } = await run(['get', 'shop/pricer']);
    expect(stdout).toMatch(/\nshop\/pricer +Suspended .* suspended by administrator\n/);
    expect(stderr).toMatch(said);
    expect((await run(['why', 'pricer-1', '-n', 'shop'])).stdout).toMatch(said);
    expect(await run(['resume', 'shop/pricer', '--reason', 'over'])).toMatchObject({ code: 0 });
    const after = await run(['get', 'shop/pricer']);
    expect([after.stderr, after.stdout.includes('Suspended')]).toEqual([note, false]);
  });

  it('everything suspended is said, where it may be seen', async () => {
    const suspension = { actor: 'ana', reason: 'the metrics lie', sinceMs: Date.UTC(2026, 0, 1) };
    const maps = '/api/v1/namespaces/kubervisor/configmaps';
    const data = { global: JSON.stringify({ suspension }) };
    await done(plane.api.post(maps, { metadata: { name: 'kubervisor-state' }, data }));
    const { stdout, stderr } = await run(['get', '-n', 'shop']);
    expect(stderr).toContain('everything is suspended since 2026-01-01T00:00:00.000Z by ana: the metrics lie\n');
    expect(stdout).toContain('Suspended');
    await done(plane.api.patch(`${maps}/kubervisor-state`, { data: { global: '{"suspension": 5}' } }));
    const broken = await run(['get', '-n', 'shop']);
    expect(broken.stderr).toContain('whether everything is suspended is not known: ');
    expect(broken.stdout).toContain('Enforce');
    await done(plane.api.delete(`${maps}/kubervisor-state`));
  });

  it('of whom the decisions cannot be read, that is said, and the rest is told', async () => {
    const path = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices/pricer/status';
    const body = { formatVersion: 1, enforced: { decisions: [null] } };
    const text = JSON.stringify({ service: 'shop/pricer', revision: 9, epoch: 9, body });
    const all = [
      ['get', '-n', 'shop'],
      ['get', 'shop/pricer'],
      ['why', 'pricer-3', '-n', 'shop'],
    ];
    for (const record of [text, '{"half', text.replace('"formatVersion":1', '"formatVersion":99')]) {
      await done(plane.api.patch(path, { status: { record } }));
      for (const args of all) {
        const { code, stdout, stderr } = await run(args);
        expect([code, stdout.includes('pricer')]).toEqual([0, true]);
        const which = 'KubervisorService shop/pricer: error KV(0819|0412) status.record: the decisions of shop/pricer ';
        expect(stderr).toMatch(new RegExp(which));
      }
    }
    await record(['pricer-3']);
    expect((await run(['get', '-n', 'shop'])).stderr).not.toContain('KV0819');
  });

  it('as a plugin of kubectl it means the cluster of the kubeconfig, and says how it is called', async () => {
    const plugin = (...args: readonly string[]) =>
      runPlugin(args, { kubectl: executables.kubectl, kubeconfig: join(folder, 'administrator'), folder });
    expect((await plugin('get', '-n', 'shop')).stdout).toMatch(/\nshop\/pricer +Enforce +6\/6 /);
    const { stdout } = await plugin('get', '--help');
    expect(stdout).toMatch(/^Usage: kubectl kubervisor get /);
    expect(stdout).toContain('\n  kubectl kubervisor get -n shop -w\n');
    expect(await plugin('proxies')).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^error KV0733 .*--server\)\n$/),
    });
  });

  describe('what is in the way has a name:', () => {
    it.each<[title: string, args: readonly string[], user: 'administrator' | 'kubervisor', code: number, said: RegExp]>(
      [
        ['a right', ['get', '-n', 'shop'], 'kubervisor', 1, /^error KV0833 .*cannot list resource "\w+"/],
        [
          'a Service',
          ['endpoints', 'shop/quotes'],
          'administrator',
          1,
          /^error KV0702 there is no Service shop\/quotes/,
        ],
        [
          'a backend',
          ['why', 'pricer-9', '-n', 'shop'],
          'administrator',
          1,
          /^error KV0703 there is no backend pricer-9/,
        ],
        [
          'two scopes at once',
          ['get', '-A', '-n', 'shop'],
          'administrator',
          64,
          /^error KV0733 -A means all namespaces/,
        ],
      ],
    )('%s', async (_, args, user, code, said) => {
      expect(await run(args, user)).toEqual({ code, stdout: '', stderr: expect.stringMatching(said) });
    });
  });
});
