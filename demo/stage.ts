/** Everything that runs during the demo: six pods, Prometheus, Kubervisor, two Envoys, two streams of requests. */
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { pods, requestsPerSecond } from './cast.ts';
import {
  obeyingEnvoy,
  ownDetectionEnvoy,
  policyYaml,
  prometheusConfig,
  type ServingPorts,
  serviceYaml,
  servingConfigYaml,
} from './files.ts';
import { type Load, startLoad } from './load.ts';
import { observe, type Observer } from './observer.ts';
import { type Envoy, startEnvoy } from './world/envoy.ts';
import { inTemporaryFolder, removeFolder } from './world/folder.ts';
import { freePort } from './world/ports.ts';
import { type RunningProcess, startProcess, untilReady } from './world/process.ts';
import { startPrometheus } from './world/prometheus.ts';

export interface StageOptions {
  readonly envoy: string;
  readonly prometheus: string;
  /** Says what is being started. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Stage {
  readonly ports: ServingPorts;
  /** The folder that Kubervisor reads: Service, EndpointSlice, policy. */
  readonly input: string;
  /** One decision a line. */
  readonly auditFile: string;
  readonly prometheusUrl: string;
  readonly observer: Observer;
  /** Envoy with its own outlier detection. */
  readonly own: Contender;
  /** Envoy that obeys Kubervisor. */
  readonly obeying: Contender;
  /** From now on these pods answer with price 0. */
  spoil(names: readonly string[]): Promise<void>;
  heal(names: readonly string[]): Promise<void>;
  /** Processes that must be running; one that has ended spoils the play. */
  readonly processes: readonly RunningProcess[];
  stop(): Promise<void>;
}

export interface Contender {
  readonly envoy: Envoy;
  readonly load: Load;
}

const startTimeoutMs = 20_000;
const auditName = 'audit.jsonl';

export function raise(options: StageOptions): Promise<Stage> {
  return inTemporaryFolder('demo', async (folder) => {
    const undo: (() => Promise<void>)[] = [];
    const stop = async (): Promise<void> => {
      for (const step of undo.splice(0).reverse()) await step();
      await removeFolder(folder);
    };
    try {
      return await build(options, folder, undo, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  });
}

async function build(
  { envoy, prometheus, say, signal }: StageOptions,
  folder: string,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Stage> {
  const kept = <T extends { stop(): Promise<void> }>(running: T): T => {
    undo.push(() => running.stop());
    return running;
  };
  signal.throwIfAborted();
  const port = await freePort();
  say(`six pricers on ${pods[0]?.address}..${pods.at(-1)?.address}, port ${port}`);
  const pricers = await Promise.all(
    pods.map(async (pod) => kept(await startPricer(pod.name, pod.address, port, signal))),
  );

  say('Prometheus, scraping each second');
  const metrics = kept(await startPrometheus({ executable: prometheus, config: prometheusConfig(port), signal }));

  const ports = await choosePorts(Number(new URL(metrics.url).port));
  say(`Kubervisor: xDS ${ports.xds}, HTTP ${ports.http}, gRPC admin ${ports.grpcAdmin}`);
  const kubervisor = kept(await startKubervisor(folder, port, ports, signal));

  say('two Envoys: one with its own outlier detection, one that obeys Kubervisor');
  const own = kept(
    await startEnvoy({ executable: envoy, name: 'own-detection', bootstrap: ownDetectionEnvoy(port), signal }),
  );
  const obeying = kept(
    await startEnvoy({ executable: envoy, name: 'obeying', bootstrap: obeyingEnvoy(ports.xds), signal }),
  );

  const observer = observe(ports.http);
  undo.push(async () => observer.stop());
  const contender = async (which: Envoy): Promise<Contender> => {
    const url = await which.listener('search');
    if (url === undefined) throw new Error(`${which.process.name} has no listener`);
    const load = startLoad(Number(new URL(url).port), requestsPerSecond);
    undo.push(async () => load.stop());
    return { envoy: which, load };
  };
  say(`${requestsPerSecond} requests/s through each`);

  return {
    ports,
    input: join(folder, 'config'),
    auditFile: join(folder, auditName),
    prometheusUrl: metrics.url,
    observer,
    own: await contender(own),
    obeying: await contender(obeying),
    spoil: (names) => setFault(names, port, 'zero'),
    heal: (names) => setFault(names, port, 'none'),
    processes: [...pricers, metrics.process, kubervisor, own.process, obeying.process],
    stop,
  };
}

async function startPricer(name: string, address: string, port: number, signal: AbortSignal): Promise<RunningProcess> {
  const script = join(import.meta.dirname, 'pricer.ts');
  const running = await startProcess({ name, command: process.execPath, args: [script, name, address, String(port)] });
  await untilReady(running, () => running.log().includes('listens'), { timeoutMs: startTimeoutMs, signal });
  return running;
}

async function startKubervisor(
  folder: string,
  port: number,
  ports: ServingPorts,
  signal: AbortSignal,
): Promise<RunningProcess> {
  const config = join(folder, 'config');
  await mkdir(config);
  await writeFile(join(config, 'service.yaml'), serviceYaml(port));
  await writeFile(join(config, 'policy.yaml'), policyYaml);
  await writeFile(join(folder, 'kubervisor.yaml'), `${servingConfigYaml(ports)}log: {auditFile: ./${auditName}}\n`);
  const running = await startProcess({
    name: 'kubervisor',
    command: process.execPath,
    args: [join(import.meta.dirname, '../cli/main.ts'), 'serve', '--config', join(folder, 'kubervisor.yaml')],
  });
  const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${ports.http}/readyz`)).ok;
  await untilReady(running, ready, { timeoutMs: startTimeoutMs, signal });
  return running;
}

/** The documented ports where they are free, so that the commands of the README work while the demo runs. */
async function choosePorts(prometheus: number): Promise<ServingPorts> {
  const [xds, http, grpcAdmin] = await Promise.all([freePort(), freePort(), freePort()]);
  return { xds, http, grpcAdmin, prometheus };
}

async function setFault(names: readonly string[], port: number, price: 'zero' | 'none'): Promise<void> {
  await Promise.all(
    pods
      .filter(({ name }) => names.includes(name))
      .map(
        ({ address }) =>
          new Promise<void>((resolve, reject) => {
            request({ method: 'POST', host: address, port, path: `/fault?price=${price}` }, (response) => {
              response.resume().once('end', resolve);
            })
              .once('error', reject)
              .end();
          }),
      ),
  );
}
