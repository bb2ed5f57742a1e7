/** The program against a cluster: acts are objects, their outcome is told, and whatever is in the way has a name. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { openLease } from '../../engine/leader/lease.ts';
import { runCli } from '../support/cli.ts';
import { freePorts, startServing } from '../support/serving.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { crdsPath, installCrd } from './crd.ts';
import { type OverridingReplica, startOverriding } from './overriding.ts';
import { clusterConfigYaml } from './serving-config.ts';
import { createShop, done } from './shop.ts';
import { startWire } from './wire.ts';

const group = '/apis/breaker.kubervisor.io/v1/namespaces/shop';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases';
const eject = ['eject', 'shop/pricer', 'p1', '--for', '15m', '--reason', 'heap dump'];

describeWith(['kube-apiserver', 'etcd'], 'acts in a cluster', (executables) => {
  let plane: ControlPlane;
  let folder = '';
  let kubeconfig = '';
  let leader: OverridingReplica | undefined;

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    await installCrd(plane.api);
    for (const name of ['shop', 'kubervisor']) await done(plane.api.post('/api/v1/namespaces', { metadata: { name } }));
    folder = await inTemporaryFolder('cli-act', async (path) => path);
    kubeconfig = await configOf('administrator');
  }, 120_000);

  afterEach(async () => {
    await leader?.stop();
    leader = undefined;
    await done(plane.api.delete(`${group}/endpointoverrides`));
  });

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  async function configOf(user: 'administrator' | 'kubervisor', url = plane.url): Promise<string> {
    const path = join(folder, `${user}-${url.replaceAll(/\W+/g, '-')}`);
    await writeFile(path, plane.kubeconfig(user, url));
    return path;
  }
  async function lead(): Promise<OverridingReplica> {
    leader = await startOverriding({ client: await connect({ kubeconfig }, systemClock) });
    return leader;
  }
  const run = (args: readonly string[], config = kubeconfig) => runCli([...args, '--kubeconfig', config]);
  /** Somebody holds that Lease, as a replica does. */
  async function leadAs(lease: string): Promise<void> {
    await plane.api.delete(`${leases}/${lease}`);
    const client = await connect({ kubeconfig }, systemClock);
    const claim = { holder: 'kubervisor-0', durationMs: 3_600_000, transitions: 0, isNew: true };
    await openLease(client, systemClock, 'kubervisor', lease).write(
      undefined,
      claim,
      10_000,
      new AbortController().signal,
    );
  }
  const objects = async (): Promise<readonly { metadata: Readonly<Record<string, unknown>> }[]> => {
    const { body } = await plane.api.get(`${group}/endpointoverrides`);
    return (body as { items: { metadata: Readonly<Record<string, unknown>> }[] }).items;
  };

  it('eject, pause and restore say what was done, by whom, and until when', async () => {
    const replica = await lead();
    const ejected = await run(eject);
    expect(ejected).toMatchObject({ code: 0, stderr: '' });
    expect(ejected.stdout).toMatch(/^backend\/p1 ejected until \d{4}-\S+Z \(endpointoverride\/eject-\w+\)\n$/);
    expect(replica.acts[0]?.actor).toMatch(/^EndpointOverride shop\/eject-\w+#\w+ \(claimed by administrator\)$/);

    const restored = await run(['restore', 'pricer', 'p1', '-n', 'shop', '--reason', 'seen']);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.stdout).toMatch(/^backend\/p1 restored \(endpointoverride\/restore-\w+\)\n$/);
    expect(replica.out()).toEqual([]);

    const object = await run(['pause', 'shop/pricer', 'p1', '--for', '90m', '--reason', 'x', '--force', '-o', 'json']);
    expect(object.stdout).not.toContain('managedFields');
    expect(JSON.parse(object.stdout)).toMatchObject({
      kind: 'EndpointOverride',
      metadata: { annotations: { 'breaker.kubervisor.io/claimed-by': 'administrator' } },
      spec: { service: 'pricer', endpoint: 'p1', action: 'Pause', for: '1h30m', reason: 'x', force: true },
      status: { state: 'InForce', backend: 'p1' },
    });
  });

  it('serve obeys them: what kubectl or the command line makes takes the pod out of what is served', async () => {
    const shop = await createShop(plane.api, 'live');
    const pods = [1, 2, 3, 4].map((n) => ({ name: `quotes-${n}`, ip: `10.1.1.${n}` }));
    await shop.service('quotes');
    for (const pod of pods) await shop.pod('quotes', pod);
    await shop.slice('quotes', pods);
    const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
    await done(shop.policy('quotes', { service: 'quotes', breakers: [{ name: 'errors', threshold }] }));
    const ports = await freePorts();
    const config = clusterConfigYaml(ports, `{kubeconfig: ${kubeconfig}}`);
    await writeFile(join(folder, 'kubervisor.yaml'), config);
    const { process } = await startServing(folder, ports);
    try {
      const { code, stdout } = await run(['eject', 'live/quotes', '10.1.1.3', ...eject.slice(3)]);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^backend\/quotes-3 ejected until /)]);
      const served = await runCli(['endpoints', 'live/quotes', '--server', `http://127.0.0.1:${ports.http}`]);
      expect(served.stdout).toMatch(/\nquotes-3 +ejected +0 /);
    } finally {
      await process.stop();
    }
  });

  it('suspend with the API server away holds at the replica that is asked, and says so; with it back, everywhere', async () => {
    const wire = await startWire(plane.url);
    const config = await configOf('administrator', wire.url);
    const replicas = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const home = join(folder, name);
        await mkdir(home);
        const ports = await freePorts();
        await writeFile(join(home, 'kubervisor.yaml'), clusterConfigYaml(ports, `{kubeconfig: ${config}}`));
        return startServing(home, ports);
      }),
    );
    const [asked, other] = replicas.map(({ url }) => url);
    const isSuspended = async (url = ''): Promise<boolean> =>
      (await runCli(['get', '--server', url])).stderr.startsWith('everything is suspended');
    try {
      wire.cut();
      const away = await run(['suspend', '--reason', 'x'], config);
      expect([away.code, away.stderr]).toEqual([
        1,
        expect.stringMatching(/^error KV0737 .*suspend or resume --server URL.*\n$/),
      ]);
      const { code, stdout, stderr } = await runCli(['suspend', '--server', asked ?? '', '--reason', 'x']);
      expect([code, stdout]).toEqual([1, 'everything suspended, at this replica only\n']);
      expect(stderr).toMatch(/^error KV0814 .*KV0816 .*\(ask each of the others.*\n$/);
      expect([await isSuspended(asked), await isSuspended(other)]).toEqual([true, false]);
      wire.mend();
      await eventually(() => isSuspended(other), { timeoutMs: 60_000 });
      expect(await runCli(['resume', '--server', other ?? '', '--reason', 'x'])).toMatchObject({ code: 0, stderr: '' });
    } finally {
      for (const { process } of replicas) await process.stop();
      await wire.close();
    }
  });

  it('a suspension at a replica that is cut off ends when it comes back and everything was resumed elsewhere since', async () => {
    const wire = await startWire(plane.url);
    const through = { cut: wire.url, well: plane.url };
    const replicas = await Promise.all(
      (['cut', 'well'] as const).map(async (name) => {
        const home = join(folder, `resumed-${name}`);
        await mkdir(home);
        const ports = await freePorts();
        const kubeconfig = await configOf('administrator', through[name]);
        await writeFile(join(home, 'kubervisor.yaml'), clusterConfigYaml(ports, `{kubeconfig: ${kubeconfig}}`));
        return startServing(home, ports);
      }),
    );
    const [cut, well] = replicas.map(({ url }) => url);
    const act = (verb: string, url = '') => runCli([verb, '--server', url, '--reason', 'x']);
    const isSuspended = async (url = ''): Promise<boolean> =>
      (await runCli(['get', '--server', url])).stderr.startsWith('everything is suspended');
    try {
      wire.cut();
      expect(await act('suspend', cut)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error KV0814 /) });
      for (const verb of ['suspend', 'resume']) expect(await act(verb, well)).toMatchObject({ code: 0, stderr: '' });
      expect([await isSuspended(cut), await isSuspended(well)]).toEqual([true, false]);
      wire.mend();
      await eventually(async () => !(await isSuspended(cut)), { timeoutMs: 60_000 });
      expect(await isSuspended(well)).toBe(false);
      expect(replicas[0]?.process.log()).toMatch(/KV0842.*suspended here by .* resumed elsewhere since/);
    } finally {
      for (const { process } of replicas) await process.stop();
      await wire.close();
    }
  });

  it('--dry-run lets the API server check it, and does nothing', async () => {
    const replica = await lead();
    const { code, stdout } = await run([...eject, '--dry-run']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^endpointoverride\/eject-\w+ created \(server dry run\)\n$/),
    ]);
    expect([await objects(), replica.acts]).toEqual([[], []]);
  });

  it('--wait 0 leaves it to whoever leads', async () => {
    const { code, stdout } = await run([...eject, '--wait', '0']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^endpointoverride\/eject-\w+ created in shop, not waited for\n$/),
    ]);
    expect(await objects()).toHaveLength(1);
  });

  describe('suspend and resume', () => {
    const policies = `${group}/kubervisorservices`;
    const maps = '/api/v1/namespaces/kubervisor/configmaps';
    const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
    const policy = async (name: string, spec: object): Promise<void> => {
      await done(
        plane.api.post(policies, {
          apiVersion: 'breaker.kubervisor.io/v1',
          kind: 'KubervisorService',
          metadata: { name },
          spec: { service: 'quotes', breakers: [{ name: 'errors', threshold }], ...spec },
        }),
      );
    };
    const enforcementOf = async (name: string): Promise<unknown> => {
      const { body } = await plane.api.get(`${policies}/${name}`);
      return (body as { spec: { enforcement?: string } }).spec.enforcement;
    };
    const about = (verb: string, ...more: readonly string[]) => run([verb, ...more, '--reason', 'load test']);
    afterEach(() => plane.api.delete(policies));

    it.each(['Observe', undefined])(
      'of a Service: the policy says so, and what it said before comes back: %s',
      async (before) => {
        await policy('quotes', before === undefined ? {} : { enforcement: before });
        expect(await about('suspend', 'shop/quotes', '--dry-run')).toMatchObject({ code: 0 });
        expect(await enforcementOf('quotes')).toBe(before);
        const first = await about('suspend', 'shop/quotes');
        expect(first).toEqual({ code: 0, stderr: '', stdout: 'kubervisorservice/shop/quotes suspended\n' });
        expect((await about('suspend', 'shop/quotes')).stdout).toContain('is suspended already');
        expect(await enforcementOf('quotes')).toBe('Suspended');
        expect(await about('resume', 'quotes', '-n', 'shop')).toMatchObject({
          code: 0,
          stdout: 'kubervisorservice/shop/quotes resumed\n',
        });
        expect(await enforcementOf('quotes')).toBe(before);
      },
    );

    it('of a Service that has no policy, or that its author suspended, is refused', async () => {
      expect(await about('suspend', 'shop/quotes')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('KV0836'),
      });
      await policy('quotes', { enforcement: 'Suspended' });
      expect(await about('resume', 'shop/quotes')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('KV0710'),
      });
    });

    it.each([
      [
        'a namespace without any',
        [],
        /no Lease kubervisor\/typo, but there is (default\/kubervisor, )?kubervisor\/here \(--controller-namespace, --lease\)/,
      ],
      ['there is no such namespace', ['--controller-namespace', 'nowhere'], /no Lease nowhere\/typo, but there is /],
    ])(
      'of everything, where nobody would obey: nothing is written, and where somebody does is named: %s',
      async (_, more, why) => {
        // As who leads makes it.
        await leadAs('here');
        for (const verb of ['suspend', 'resume']) {
          const { code, stdout, stderr } = await about(verb, '--lease', 'typo', ...more);
          expect([code, stdout, stderr]).toEqual([
            1,
            '',
            expect.stringMatching(/^error KV0828 nobody would obey.*\n$/),
          ]);
          expect(stderr).toMatch(why);
        }
        expect((await plane.api.get(`${maps}/typo-state`)).status).toBe(404);
      },
    );

    it('of everything, where nobody leads: it is written for the replicas that there may be', async () => {
      await done(plane.api.post(leases, { metadata: { name: 'free' }, spec: { holderIdentity: '' } }));
      const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'x' }] } };
      const spec = { selector: { matchLabels: { app: 'x' } }, template };
      await done(
        plane.api.post('/apis/apps/v1/namespaces/kubervisor/deployments', { metadata: { name: 'fresh' }, spec }),
      );
      for (const lease of ['free', 'fresh']) {
        const { code, stdout, stderr } = await about('suspend', '--lease', lease);
        expect([code, stdout]).toEqual([0, 'everything suspended\n']);
        expect(stderr).toMatch(
          /^nobody leads: .*; replicas obey all the same, where there are any: kubervisor check\n$/,
        );
        expect((await plane.api.get(`${maps}/${lease}-state`)).status).toBe(200);
      }
    });

    it('of everything: a ConfigMap that all replicas watch', async () => {
      await leadAs('kubervisor');
      const map = '/api/v1/namespaces/kubervisor/configmaps/kubervisor-state';
      expect(await about('suspend', '--dry-run')).toMatchObject({
        code: 0,
        stdout: 'everything suspended (server dry run)\n',
      });
      expect((await plane.api.get(map)).status).toBe(404);
      expect(await about('suspend')).toEqual({ code: 0, stderr: '', stdout: 'everything suspended\n' });
      const labels = { 'app.kubernetes.io/managed-by': 'kubervisor' };
      expect((await plane.api.get(map)).body).toMatchObject({ metadata: { labels } });
      const read = async (): Promise<unknown> => {
        const { body } = await plane.api.get(map);
        return JSON.parse((body as { data: { global: string } }).data.global) as unknown;
      };
      expect(await read()).toEqual({
        suspension: { actor: 'administrator', reason: 'load test', sinceMs: expect.any(Number) },
      });
      await policy('quotes', { enforcement: 'Suspended' });
      expect(await about('resume')).toEqual({
        code: 0,
        stdout: 'everything resumed\n',
        stderr: 'suspended by themselves, still: shop/quotes\n',
      });
      expect(await about('resume')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^error KV0710 /),
      });
      expect(await read()).toEqual({ resumedMs: expect.any(Number) });
    });

    it('a freeze is asked of the leader itself', async () => {
      await leadAs('kubervisor');
      const { code, stderr } = await about('freeze', 'shop/quotes', '--for', '5m');
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^error KV0837 .*port-forward pod\/kubervisor-0 18080.*\n$/),
      ]);
    });
  });

  describe('one line says what is wrong, and nothing is left to happen later:', () => {
    it('refused by the leader, in its words', async () => {
      await lead();
      const { code, stdout, stderr } = await run(['eject', 'shop/pricer', 'p9', ...eject.slice(3)]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe(
        'error KV0703 there is no backend p9 in shop/pricer; kubervisor endpoints lists the backends\n',
      );
    });

    it.each<[title: string, spec: object | undefined, why: RegExp]>([
      ['there is no Lease', undefined, /nobody leads: there is no Lease kubervisor\/kubervisor/],
      ['nobody holds it', { holderIdentity: '' }, /nobody leads: the Lease kubervisor\/kubervisor has no holder/],
      [
        'it has run out',
        { holderIdentity: 'kubervisor-0', renewTime: '2026-01-01T00:00:00.000000Z', leaseDurationSeconds: 15 },
        /nobody leads: kubervisor-0 holds the Lease kubervisor\/kubervisor, and let it run out/,
      ],
      [
        'the leader does not answer',
        { holderIdentity: 'kubervisor-1', renewTime: '2126-01-01T00:00:00.000000Z', leaseDurationSeconds: 15 },
        /nobody obeyed within 1 s: kubervisor-1 leads and did not answer/,
      ],
    ])('%s', async (_, spec, why) => {
      await plane.api.delete(`${leases}/kubervisor`);
      if (spec !== undefined) await done(plane.api.post(leases, { metadata: { name: 'kubervisor' }, spec }));
      const { code, stderr } = await run([...eject, '--wait', '1s']);
      expect([code, stderr]).toEqual([1, expect.stringMatching(why)]);
      expect(stderr).toMatch(/^error KV083[45] .*nothing was done, and the override is taken back.*\n$/);
      expect(await objects()).toEqual([]);
    });

    it('a right that is missing is named', async () => {
      const { code, stderr } = await run(eject, await configOf('kubervisor'));
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error KV0833 .*cannot create resource "endpointoverrides" in API group.*\n$/);
    });

    it('a token that is wrong, or has expired, is no missing right', async () => {
      const path = join(folder, 'stranger');
      await writeFile(path, plane.kubeconfig('administrator').replace('token-of-the-administrator', 'expired'));
      for (const args of [eject, ['get', '-A'], ['suspend', '--reason', 'x'], ['cleanup', '-A']]) {
        const { code, stderr } = await run(args, path);
        expect([args[0], code, stderr]).toEqual([
          args[0],
          1,
          expect.stringMatching(/error KV0838 .*Unauthorized \(log in again: .*\n$/),
        ]);
      }
    });

    it('cleanup that may not look, or cannot, says that and not that a controller is alive', async () => {
      const forbidden = await run(['cleanup', '-A'], await configOf('kubervisor'));
      expect([forbidden.code, forbidden.stderr]).toEqual([
        1,
        expect.stringMatching(/error KV0833 cannot see whether a controller/),
      ]);
      const away = await run(['cleanup', '-A'], await configOf('administrator', 'https://127.0.0.1:1'));
      expect([away.code, away.stderr]).toEqual([1, expect.stringMatching(/error KV0737 cannot see .*ECONNREFUSED/)]);
    });

    it('a namespace that there is not', async () => {
      const { code, stderr } = await run(['eject', 'bank/ledger', ...eject.slice(2)]);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(
          /^error KV0737 .*namespaces "bank" not found \(there is no namespace bank: look for a typing error.*\n$/,
        ),
      ]);
    });

    it('an API server that is not there', async () => {
      const { code, stderr } = await run(eject, await configOf('administrator', 'https://127.0.0.1:1'));
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^error KV0737 .*ECONNREFUSED.*kubectl get --raw \/readyz\)\n$/),
      ]);
    });

    it('a command line that wants both a server and a cluster, and one that is for a cluster only', async () => {
      const both = await run([...eject, '--server', 'http://127.0.0.1:1']);
      expect([both.code, both.stderr]).toEqual([64, expect.stringContaining('cannot be used with')]);
      const dry = await runCli([...eject, '--dry-run']);
      expect([dry.code, dry.stderr]).toEqual([64, expect.stringContaining('--dry-run is for a cluster')]);
    });

    it('the CustomResourceDefinition is missing', async () => {
      await done(plane.api.delete(`${crdsPath}/endpointoverrides.breaker.kubervisor.io`));
      let last = await run(eject);
      // It is served for a moment longer.
      while (last.stderr.includes('KV0834')) last = await run([...eject, '--wait', '1s']);
      expect([last.code, last.stderr]).toEqual([
        1,
        expect.stringMatching(/^error KV0803 .*kubectl apply -f manifests\/crds\)\n$/),
      ]);
      await installCrd(plane.api, ['endpointoverrides']);
    });
  });
});
