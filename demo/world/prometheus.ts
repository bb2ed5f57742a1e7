/** A real Prometheus on a port of its own, with a data folder that goes when it stops. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTemporaryFolder, removeFolder } from './folder.ts';
import { type RunningProcess, startProcess, untilReady } from './process.ts';

export interface PrometheusOptions {
  /** Path of the Prometheus executable. */
  readonly executable: string;
  /** What its configuration file would say. */
  readonly config: object;
  /** More command line flags. */
  readonly flags?: readonly string[];
  /** Default 0: the kernel chooses. Give one to start another where one was stopped. */
  readonly port?: number;
  /** Default 20 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Prometheus {
  readonly process: RunningProcess;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Resolves when it answers queries. */
export function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  return inTemporaryFolder('prometheus', async (folder) => {
    const configFile = join(folder, 'prometheus.yml');
    // JSON is YAML.
    await writeFile(configFile, JSON.stringify(options.config, undefined, 2));
    const process = await startProcess({
      name: 'prometheus',
      command: options.executable,
      args: [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${options.port ?? 0}`,
        ...(options.flags ?? []),
      ],
    });
    const url = await untilReady(
      process,
      async () => {
        const bound = listenAddress(process.log());
        return bound !== undefined && (await fetch(`${bound}/-/ready`)).ok && bound;
      },
      { timeoutMs: options.timeoutMs ?? 20_000, ...(options.signal && { signal: options.signal }) },
    );
    return {
      process,
      url,
      async stop() {
        await process.stop();
        await removeFolder(folder);
      },
    };
  });
}

/** It logs the address it is bound to; asked for port 0, that is the only place to learn the port. */
function listenAddress(log: string): string | undefined {
  const address = /msg="Listening on" address=(\S+)/.exec(log)?.[1];
  return address === undefined ? undefined : `http://${address}`;
}
