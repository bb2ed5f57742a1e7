/**
 * Proximity as people get it: a policy in YAML, `kubervisor serve`, and Envoys in two zones that have their clusters from
 * it too. Where Envoy divides traffic between priorities it draws lots; within a priority its round robin is exact.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { type Backends, startBackends, tally } from '../envoy/backends.ts';
import { aloneBootstrap, listenerName } from '../envoy/bootstrap.ts';
import { describeWithEnvoys } from '../envoy/versions.ts';

import { usePrograms } from '../support/programs.ts';
import { expectShare } from '../support/share.ts';
import { act, freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';

const cluster = 'shop/pricer:http';
const pods = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'] as const;
type Pod = (typeof pods)[number];
const nodeOf = { a1: 'n1', a2: 'n2', a3: 'n2', b1: 'n3', b2: 'n3', b3: 'n4' } as const satisfies Record<Pod, string>;
const timeoutMs = 20_000;

function policyYaml(proximity: 'None' | 'Zone' | 'Node'): string {
  return `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: pricer, namespace: shop}
spec:
  service: pricer
  proximity: ${proximity}
  budget: {minAvailableCount: 1, minAvailableRatio: 0}
  breakers: [{name: never, threshold: {query: absent(up), operator: '>', value: 1}}]
  activator: {ramp: {weights: [5, 100], stepPeriod: 1h}}
`;
}

function inputYaml(backends: Backends<Pod>): string {
  const service = `apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec: {selector: {app: pricer}, ports: [{name: http, port: 80}]}
`;
  // All pods share one address here, so each has a port, and therefore a slice, of its own.
  const slices = pods.map(
    (pod) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${pod}, namespace: shop, labels: {kubernetes.io/service-name: pricer}}
addressType: IPv4
ports: [{name: http, port: ${backends.endpoint(pod).port}, protocol: TCP}]
endpoints:
- {addresses: [127.0.0.1], zone: ${pod[0]}, nodeName: ${nodeOf[pod]}, targetRef: {kind: Pod, name: ${pod}, namespace: shop}}
`,
  );
  return [service, ...slices].join('');
}

describeWithEnvoys('proximity, from the policy to Envoys in two zones', ({ executable }) => {
  const programs = usePrograms();
  let folder: string;
  let backends: Backends<Pod>;
  let serving: Serving;
  const envoys = new Map<'a' | 'b', Envoy>();

  const envoyIn = (zone: 'a' | 'b'): Envoy => envoys.get(zone) as Envoy;
  const write = (proximity: Parameters<typeof policyYaml>[0]): Promise<void> =>
    writeFile(join(folder, 'config/policy.yaml'), policyYaml(proximity));
  const eject = (pod: Pod): Promise<void> => act(serving.url, 'eject', pod, { forSeconds: 3600, force: true });
  const restore = (pod: Pod, more: object = {}): Promise<void> => act(serving.url, 'restore', pod, more);

  /** `POD:PRIORITY`, with what EDS says of it unless it is healthy, and its weight unless it is 100. */
  async function seen(zone: 'a' | 'b'): Promise<string> {
    const hosts = await envoyIn(zone).clusters(cluster);
    return pods
      .map((pod) => {
        const host = hosts.find(({ address }) => address === `127.0.0.1:${backends.endpoint(pod).port}`);
        const status = host?.edsHealth === 'HEALTHY' ? '' : ` ${host?.edsHealth}`;
        const weight = host?.weight === 100 ? '' : ` *${host?.weight}`;
        return `${pod}:${host?.priority}${status}${weight}`;
      })
      .join();
  }
  const untilSeen = (zone: 'a' | 'b', what: string): Promise<unknown> =>
    eventually(async () => (await seen(zone)) === what, { timeoutMs, what });
  const answers = async (zone: 'a' | 'b', requests: number): Promise<Readonly<Record<string, number>>> =>
    tally((await envoyIn(zone).listener(listenerName)) ?? '', requests, { cluster });

  beforeAll(async () => {
    backends = programs.keep(await startBackends(pods));
    folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    const ports = await freePorts();
    await writeInput(folder, ports);
    await writeFile(join(folder, 'config/service.yaml'), inputYaml(backends));
    await write('Zone');
    serving = await startServing(folder, ports);
    programs.keep(serving.process);
    for (const [zone, sub_zone] of [
      ['a', 'n1'],
      ['b', 'n9'],
    ] as const) {
      const bootstrap = aloneBootstrap({ way: 'sotw on ads', xdsPort: ports.xds, locality: { zone, sub_zone } });
      envoys.set(zone, await programs.envoy({ executable, name: `in-${zone}`, bootstrap }));
    }
  });

  describe('Zone', () => {
    it('keeps traffic in its zone', async () => {
      expect(await seen('a')).toBe('a1:0,a2:0,a3:0,b1:1,b2:1,b3:1');
      expect(await seen('b')).toBe('a1:1,a2:1,a3:1,b1:0,b2:0,b3:0');
      expect(await answers('a', 30)).toEqual({ a1: 10, a2: 10, a3: 10 });
      expect(await answers('b', 30)).toEqual({ b1: 10, b2: 10, b3: 10 });
    });

    it('spills over what the zone has lost beyond 1 - 1/1.4: of three one is left, 47 % stay', async () => {
      await eject('a1');
      await eject('a2');
      await untilSeen('a', 'a1:0 UNHEALTHY,a2:0 UNHEALTHY,a3:0,b1:1,b2:1,b3:1');
      await untilSeen('b', 'a1:1 UNHEALTHY,a2:1 UNHEALTHY,a3:1,b1:0,b2:0,b3:0');
      const { a3 = 0, b1 = 0, b2 = 0, b3 = 0, ...others } = await answers('a', 1000);
      expect(others).toEqual({});
      expectShare(a3, 1000, 1.4 / 3);
      expect(Math.max(b1, b2, b3) - Math.min(b1, b2, b3)).toBeLessThanOrEqual(1);
      expect(await answers('b', 30)).toEqual({ b1: 10, b2: 10, b3: 10 });
    });

    it('sends everything to the other zone when nobody is left in its own, and never panics', async () => {
      await eject('a3');
      await untilSeen('a', 'a1:0 UNHEALTHY,a2:0 UNHEALTHY,a3:0 UNHEALTHY,b1:1,b2:1,b3:1');
      expect(await answers('a', 30)).toEqual({ b1: 10, b2: 10, b3: 10 });
      await eject('b1');
      await eject('b2');
      await untilSeen('b', 'a1:1 UNHEALTHY,a2:1 UNHEALTHY,a3:1 UNHEALTHY,b1:0 UNHEALTHY,b2:0 UNHEALTHY,b3:0');
      await untilSeen('a', 'a1:0 UNHEALTHY,a2:0 UNHEALTHY,a3:0 UNHEALTHY,b1:1 UNHEALTHY,b2:1 UNHEALTHY,b3:1');
      for (const zone of ['a', 'b'] as const) expect(await answers(zone, 30)).toEqual({ b3: 30 });
      await restore('b1');
      await restore('b2');
    });

    it('gives who is alone on its way back its trickle, not all that the zone has lost', async () => {
      const closed = async () => envoyIn('a').stats('cluster.shop/pricer_http.upstream_cx_destroy_local');
      const before = await closed();
      await restore('a1', { ramp: true });
      await untilSeen('a', 'a1:0 *23333,a2:0 UNHEALTHY,a3:0 UNHEALTHY,b1:0 *325556,b2:0 *325556,b3:0 *325556');
      const { a1 = 0, ...others } = await answers('a', 1000);
      expect(Math.abs(a1 - 23)).toBeLessThanOrEqual(2);
      expect(Object.keys(others).sort()).toEqual(['b1', 'b2', 'b3']);
      // Those of zone b have moved to another priority, connections and all.
      expect([before, await closed()]).toEqual([0, 0]);
      expect(await answers('b', 30)).toEqual({ b1: 10, b2: 10, b3: 10 });
      for (const pod of ['a1', 'a2', 'a3'] as const) await restore(pod);
      await untilSeen('a', 'a1:0,a2:0,a3:0,b1:1,b2:1,b3:1');
      expect(await answers('a', 30)).toEqual({ a1: 10, a2: 10, a3: 10 });
    });
  });

  describe('Node', () => {
    it('asks the own node first, and from a node that has nobody the own zone', async () => {
      await write('Node');
      await untilSeen('a', 'a1:0,a2:1,a3:1,b1:2,b2:2,b3:2');
      expect(await seen('b')).toBe('a1:1,a2:1,a3:1,b1:0,b2:0,b3:0');
      expect(await answers('a', 30)).toEqual({ a1: 30 });
      expect(await answers('b', 30)).toEqual({ b1: 10, b2: 10, b3: 10 });
    });

    it('goes on to the own zone, then to the rest', async () => {
      await eject('a1');
      await untilSeen('a', 'a1:0 UNHEALTHY,a2:1,a3:1,b1:2,b2:2,b3:2');
      expect(await answers('a', 30)).toEqual({ a2: 15, a3: 15 });
      await eject('a2');
      await untilSeen('a', 'a1:0 UNHEALTHY,a2:1 UNHEALTHY,a3:1,b1:2,b2:2,b3:2');
      const { a3 = 0, b1 = 0, b2 = 0, b3 = 0, ...others } = await answers('a', 1000);
      expect(others).toEqual({});
      expectShare(a3, 1000, 1.4 / 2);
      expect(a3 + b1 + b2 + b3).toBe(1000);
      await restore('a2');
    });

    it('gives a backend that is alone on its node its trickle on the way back', async () => {
      await restore('a1', { ramp: true });
      await untilSeen('a', 'a1:0 *70000,a2:0 *465000,a3:0 *465000,b1:1,b2:1,b3:1');
      const { a1 = 0, ...others } = await answers('a', 1000);
      expect(Math.abs(a1 - 70)).toBeLessThanOrEqual(2);
      expect(Object.keys(others).sort()).toEqual(['a2', 'a3']);
    });
  });

  it('None: places do not count, and who is out drains, which Envoy does not panic over', async () => {
    await restore('a1');
    for (const pod of ['a1', 'a2', 'b1', 'b2'] as const) await eject(pod);
    await write('None');
    const all = 'a1:0 DRAINING,a2:0 DRAINING,a3:0,b1:0 DRAINING,b2:0 DRAINING,b3:0';
    for (const zone of ['a', 'b'] as const) {
      await untilSeen(zone, all);
      // Its cluster may panic again, so there is another version of it, and the turn of round robin starts anew.
      expect(Object.keys(await answers(zone, 30)).sort()).toEqual(['a3', 'b3']);
    }
  });
});
