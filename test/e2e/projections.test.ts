/** A backend is one, however many ports and addresses it has: a real Envoy gets each of them, and they go and come together. */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { edsBootstrap, listenerName } from '../envoy/bootstrap.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';

const http = 'shop/dual:http';
const admin = 'outbound|9090||dual.shop.svc.cluster.local';
const timeoutMs = 20_000;

describeWith(['envoy'], 'a dual-stack Service with two ports, and a real Envoy', ({ envoy: executable }) => {
  const programs = usePrograms();
  let serving: Serving;
  let envoy: Envoy;
  let url: string;
  const ports = new Map<string, number>();

  /** Answers with its name; the port is the kernel's choice. */
  async function listen(name: string, host: string): Promise<number> {
    const server = createServer((_, response) => void response.end(name));
    await new Promise<void>((resolve) => void server.listen(0, host, resolve));
    programs.keep({
      stop: () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      },
    });
    const { port } = server.address() as AddressInfo;
    ports.set(name, port);
    return port;
  }

  /** As Kubernetes does it: a slice a family. Pods share one address here, so each has slices, and ports, of its own. */
  async function slices(pod: string): Promise<string> {
    const families = [
      ['IPv4', '127.0.0.1'],
      ['IPv6', '::1'],
    ] as const;
    const documents = await Promise.all(
      families.map(
        async ([family, host]) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${pod}-${family.toLowerCase()}, namespace: shop, labels: {kubernetes.io/service-name: dual}}
addressType: ${family}
ports:
- {name: http, port: ${await listen(`${pod} http ${family}`, host)}, protocol: TCP}
- {name: admin, port: ${await listen(`${pod} admin ${family}`, host)}, protocol: TCP}
endpoints:
- {addresses: ["${host}"], conditions: {ready: true}, targetRef: {kind: Pod, name: ${pod}, namespace: shop, uid: uid-${pod}}}
`,
      ),
    );
    return documents.join('');
  }

  /** Who answers, over so many requests that everybody had a turn. */
  async function answers(cluster: string): Promise<readonly string[]> {
    const who = new Set<string>();
    for (let sent = 0; sent < 12; sent++) who.add(await (await fetch(url, { headers: { cluster } })).text());
    return [...who].sort();
  }

  const draining = async (cluster: string): Promise<number> =>
    (await envoy.clusters(cluster)).filter(({ edsHealth }) => edsHealth === 'DRAINING').length;
  const untilDraining = (count: number): Promise<unknown> =>
    eventually(async () => (await draining(http)) === count && (await draining(admin)) === count, {
      timeoutMs,
      what: `${count} endpoints of each port drain`,
    });

  beforeAll(async () => {
    const folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    const listeners = await freePorts();
    await writeInput(folder, listeners);
    const service = `apiVersion: v1
kind: Service
metadata: {name: dual, namespace: shop}
spec: {selector: {app: dual}, ports: [{name: http, port: 80}, {name: admin, port: 9090}]}
`;
    await writeFile(join(folder, 'config/dual.yaml'), [service, await slices('a'), await slices('b')].join(''));
    serving = await startServing(folder, listeners);
    programs.keep(serving.process);
    envoy = await programs.envoy({
      executable,
      bootstrap: edsBootstrap({ way: 'sotw', xdsPort: listeners.xds, clusters: [http, admin] }),
    });
    url = (await envoy.listener(listenerName)) ?? '';
  });

  it('each port has the endpoints of both families, and all of them answer', async () => {
    expect(await answers(http)).toEqual(['a http IPv4', 'a http IPv6', 'b http IPv4', 'b http IPv6']);
    expect(await answers(admin)).toEqual(['a admin IPv4', 'a admin IPv6', 'b admin IPv4', 'b admin IPv6']);
  });

  it('counts two backends, not eight endpoints', async () => {
    const { stdout } = await runCli(['get', 'shop/dual', '-o', 'json'], serving.url);
    expect(JSON.parse(stdout)).toMatchObject({ service: { summary: { total: 2, serving: 2 } } });
  });

  it('a backend that is taken out by its IPv6 address leaves by all four of its endpoints', async () => {
    const act = ['shop/dual', `[::1]:${ports.get('a admin IPv6')}`, '--reason', 'test'];
    expect(await runCli(['eject', ...act, '--for', '10m', '--force'], serving.url)).toMatchObject({ code: 0 });
    await untilDraining(2);
    expect(await answers(http)).toEqual(['b http IPv4', 'b http IPv6']);
    expect(await answers(admin)).toEqual(['b admin IPv4', 'b admin IPv6']);
    expect(await runCli(['restore', ...act], serving.url)).toMatchObject({ code: 0 });
    await untilDraining(0);
    expect(await answers(http)).toHaveLength(4);
  });
});
