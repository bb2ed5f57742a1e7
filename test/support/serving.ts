/** `kubervisor serve` as a process of its own, over a folder of files that the caller may edit. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { obeyingEnvoy, type ServingPorts, serviceYaml, servingConfigYaml } from '../../demo/files.ts';
import { type Envoy, startEnvoy } from '../../demo/world/envoy.ts';
import { freePort } from '../../demo/world/ports.ts';
import { type RunningProcess, startProcess, untilReady } from '../../demo/world/process.ts';

export interface Serving {
  readonly process: RunningProcess;
  readonly ports: ServingPorts;
  /** `http://127.0.0.1:PORT` of the admin API. */
  readonly url: string;
  /** From the start of the process until it said that it is ready. */
  readonly readyAfterMs: number;
}

/** Six pods of shop/pricer, on port 8080 of 127.0.0.11 to 127.0.0.16, and nothing else; no policy. */
export async function writeInput(folder: string, ports: ServingPorts): Promise<void> {
  await mkdir(join(folder, 'config'), { recursive: true });
  await writeFile(join(folder, 'config/service.yaml'), serviceYaml(8080));
  await writeFile(join(folder, 'kubervisor.yaml'), servingConfigYaml(ports));
}

export async function freePorts(): Promise<ServingPorts> {
  const [xds, http, grpcAdmin, prometheus] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  return { xds, http, grpcAdmin, prometheus };
}

export async function startServing(folder: string, ports: ServingPorts, timeoutMs = 20_000): Promise<Serving> {
  const url = `http://127.0.0.1:${ports.http}`;
  const startedMs = performance.now();
  const main = join(import.meta.dirname, '../../cli/main.ts');
  const running = await startProcess({
    name: 'kubervisor',
    command: process.execPath,
    args: [main, 'serve', '--config', join(folder, 'kubervisor.yaml')],
  });
  await untilReady(running, async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs });
  return { process: running, ports, url, readyAfterMs: performance.now() - startedMs };
}

export function startObeyingEnvoy(executable: string, ports: ServingPorts): Promise<Envoy> {
  return startEnvoy({ executable, name: 'obeying', bootstrap: obeyingEnvoy(ports.xds) });
}

/** A manual act by the admin API. */
export async function act(url: string, verb: string, backend: string, more: object = {}): Promise<void> {
  const response = await fetch(`${url}/api/v1/services/shop/pricer/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ backend, reason: 'test', actor: 'test', ...more }),
  });
  if (!response.ok) throw new Error(`${verb} answered ${response.status}: ${await response.text()}`);
}

/** Whether any Envoy is. */
export async function isConnected(url: string): Promise<boolean> {
  const { proxies = [] } = (await (await fetch(`${url}/api/v1/proxies`)).json()) as {
    readonly proxies?: readonly object[];
  };
  return proxies.length > 0;
}
