/** `kubervisor serve` as a process of its own, over a folder of files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { obeyingEnvoy, type ServingPorts, servingConfigYaml, serviceYaml } from '../../demo/files.ts';
import { type Envoy, startEnvoy } from '../../demo/world/envoy.ts';
import { freePort } from '../../demo/world/ports.ts';
import { type RunningProcess, startProcess, untilReady } from '../../demo/world/process.ts';

export interface Serving {
  readonly process: RunningProcess;
  readonly ports: ServingPorts;
  /** From the start of the process until it said that it is ready. */
  readonly readyAfterMs: number;
}

export async function startServing(folder: string): Promise<Serving> {
  const [xds, http, grpcAdmin, prometheus] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const ports = { xds, http, grpcAdmin, prometheus };
  const config = join(folder, 'config');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'service.yaml'), serviceYaml(8080));
  await writeFile(join(folder, 'kubervisor.yaml'), servingConfigYaml(ports));
  const startedMs = performance.now();
  const main = join(import.meta.dirname, '../../cli/main.ts');
  const running = await startProcess({
    name: 'kubervisor',
    command: process.execPath,
    args: [main, 'serve', '--config', join(folder, 'kubervisor.yaml')],
  });
  await untilReady(running, async () => (await fetch(`http://127.0.0.1:${http}/readyz`)).ok, { timeoutMs: 20_000 });
  return { process: running, ports, readyAfterMs: performance.now() - startedMs };
}

export function startObeyingEnvoy(executable: string, { ports }: Serving): Promise<Envoy> {
  return startEnvoy({ executable, name: 'bench', bootstrap: obeyingEnvoy(ports.xds) });
}
