/** One replica of a Deployment that nobody manages: `serve` as a process of its own, on ports that stay its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../demo/world/ports.ts';
import { type Exit, type RunningProcess, startProcess, untilReady } from '../../../demo/world/process.ts';

export interface Replica {
  readonly name: string;
  readonly xdsPort: number;
  /** Codes of what is wrong, as `/readyz` says it; undefined while it does not answer. */
  problems(): Promise<readonly string[] | undefined>;
  /** How many evaluations it has made; only who leads makes any. */
  evaluations(): Promise<number>;
  leads(): Promise<boolean>;
  /** Whether an Envoy is connected. */
  isServing(): Promise<boolean>;
  /** From now on it does nothing at all, and then goes on as if nothing had been. */
  pause(): void;
  resume(): void;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<Exit>;
  log(): string;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  readonly name: string;
  /** What all replicas have in common, as JSON of the serving config. */
  readonly config: object;
  readonly folder: string;
}

const main = join(import.meta.dirname, '../../../cli/main.ts');

export async function createReplica({ name, config, folder }: ReplicaOptions): Promise<Replica> {
  const [xdsPort, httpPort, grpcPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const own = join(folder, name);
  await mkdir(own);
  const file = join(own, 'kubervisor.yaml');
  const at = (port: number): string => `127.0.0.1:${port}`;
  const xds = { listen: at(xdsPort), drain: '2s' };
  const listeners = { xds, http: { listen: at(httpPort) }, grpcAdmin: { listen: at(grpcPort) } };
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...config, ...listeners, replicas: { namespace: 'mesh', identity: name } }));
  const url = `http://${at(httpPort)}`;
  const json = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  let running: RunningProcess | undefined;
  let logs = '';

  return {
    name,
    xdsPort,
    log: () => logs + (running?.log() ?? ''),
    problems: async () => {
      const answer = (await json('/readyz').catch(() => undefined)) as { problems?: { code: string }[] } | undefined;
      return answer && (answer.problems ?? []).map(({ code }) => code);
    },
    evaluations: async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = [...text.matchAll(/^kubervisor_breaker_evaluations_total\{.*\} (\d+)$/gm)];
      return lines.reduce((sum, [, count]) => sum + Number(count), 0);
    },
    leads: async () => /^kubervisor_leader 1$/m.test(await (await fetch(`${url}/metrics`)).text()),
    isServing: async () => {
      const { proxies = [] } = (await json('/api/v1/proxies')) as { readonly proxies?: readonly object[] };
      return proxies.length > 0;
    },
    async start() {
      const args = [main, 'serve', '--config', file];
      running = await startProcess({ name, command: process.execPath, args });
      await untilReady(running, async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 30_000 });
    },
    pause: () => running?.kill('SIGSTOP'),
    resume: () => running?.kill('SIGCONT'),
    async kill(signal) {
      if (running === undefined) throw new Error(`${name} is not running`);
      const ended = running;
      running = undefined;
      ended.kill(signal);
      const exit = await ended.exited;
      logs += ended.log();
      return exit;
    },
    async stop() {
      await running?.stop();
    },
  };
}
