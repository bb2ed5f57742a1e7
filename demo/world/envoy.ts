/** A real Envoy on ports of its own, and what its admin interface says. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTemporaryFolder, removeFolder } from './folder.ts';
import { type RunningProcess, startProcess, untilReady } from './process.ts';

export interface EnvoyOptions {
  /** Path of the Envoy executable. */
  readonly executable: string;
  /**
   * Bootstrap configuration as Envoy's JSON. The admin interface is added; listeners should ask for port 0 and be found
   * with `listener()`.
   */
  readonly bootstrap: object;
  /** For messages and as `--service-node`, unless the bootstrap has a node id. */
  readonly name?: string;
  /** Worker threads; default 1, with which round robin is exact. */
  readonly concurrency?: number;
  /** More command line arguments. */
  readonly args?: readonly string[];
  /**
   * `live` (default): every cluster has its first endpoints and every listener is open. `admin`: the admin interface
   * answers, which is all there can be while no control plane does.
   */
  readonly until?: 'live' | 'admin';
  /** Default 20 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Envoy {
  readonly process: RunningProcess;
  /** `http://127.0.0.1:PORT` of the admin interface. */
  readonly adminUrl: string;
  /** The answer of an admin path, such as `/config_dump`. */
  admin(path: string): Promise<string>;
  /** The hosts of a cluster as Envoy sees them; empty when it has none or does not know the cluster. */
  clusters(cluster: string): Promise<readonly HostStatus[]>;
  /** A counter or gauge by its full name; undefined until Envoy has created it. */
  stats(name: string): Promise<number | undefined>;
  /** `http://ADDRESS:PORT` a listener is bound to; undefined until it is. */
  listener(name: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export interface HostStatus {
  /** `address:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** What EDS said: `HEALTHY`, `UNHEALTHY`, `DRAINING`, `DEGRADED`, `TIMEOUT`. */
  readonly edsHealth: string;
  /** Its own outlier detection has ejected it. */
  readonly isOutlier: boolean;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string;
}

export function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  return inTemporaryFolder('envoy', async (folder) => {
    const name = options.name ?? 'envoy';
    const configFile = join(folder, 'bootstrap.json');
    const adminFile = join(folder, 'admin-address');
    const bootstrap = { ...options.bootstrap, admin: { address: loopback(0) } };
    await writeFile(configFile, JSON.stringify(bootstrap, undefined, 2));
    const process = await startProcess({
      name,
      command: options.executable,
      args: [
        ...['--config-path', configFile, '--admin-address-path', adminFile],
        ...['--service-node', name, '--service-cluster', name],
        ...['--concurrency', String(options.concurrency ?? 1)],
        // Otherwise two of them on one machine share a memory region, and the second refuses to start.
        '--disable-hot-restart',
        ...(options.args ?? []),
      ],
    });
    const adminUrl = await untilReady(
      process,
      async () => {
        const url = `http://${await readFile(adminFile, 'utf8')}`;
        const answer = await fetch(`${url}/ready`);
        return (options.until === 'admin' || answer.ok) && url;
      },
      { timeoutMs: options.timeoutMs ?? 20_000, ...(options.signal && { signal: options.signal }) },
    );
    return envoyAt(adminUrl, process, folder);
  });
}

/** A bootstrap's `address` on the loopback interface; port 0 lets the kernel choose. */
export function loopback(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function envoyAt(adminUrl: string, process: RunningProcess, folder: string): Envoy {
  const admin = async (path: string): Promise<string> => {
    const answer = await fetch(`${adminUrl}${path}`);
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${process.name}: ${path} answered ${answer.status}: ${text.slice(0, 200)}`);
    }
    return text;
  };
  return {
    process,
    adminUrl,
    admin,
    async clusters(cluster) {
      const answer = JSON.parse(await admin('/clusters?format=json')) as ClustersAnswer;
      const found = answer.cluster_statuses?.find((status) => status.name === cluster);
      return (found?.host_statuses ?? []).map(hostStatus);
    },
    async stats(name) {
      const answer = JSON.parse(await admin(`/stats?format=json&filter=${exactly(name)}`)) as StatsAnswer;
      return answer.stats.find((stat) => stat.name === name)?.value;
    },
    async listener(name) {
      const answer = JSON.parse(await admin('/listeners?format=json')) as ListenersAnswer;
      const found = answer.listener_statuses?.find((status) => status.name === name);
      return found === undefined ? undefined : `http://${socket(found.local_address)}`;
    },
    async stop() {
      await process.stop();
      await removeFolder(folder);
    },
  };
}

function exactly(name: string): string {
  return encodeURIComponent(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

interface SocketAddress {
  readonly socket_address: { readonly address: string; readonly port_value: number };
}

interface ListenersAnswer {
  readonly listener_statuses?: readonly { readonly name: string; readonly local_address: SocketAddress }[];
}

interface StatsAnswer {
  readonly stats: readonly { readonly name: string; readonly value?: number }[];
}

/** Envoy prints proto3 JSON: what has its zero value is absent. */
interface ClustersAnswer {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly HostAnswer[];
  }[];
}

interface HostAnswer {
  readonly address: SocketAddress;
  readonly health_status?: { readonly eds_health_status?: string; readonly failed_outlier_check?: boolean };
  readonly weight?: number;
  readonly priority?: number;
  readonly locality?: { readonly zone?: string };
}

function hostStatus(host: HostAnswer): HostStatus {
  return {
    address: socket(host.address),
    edsHealth: host.health_status?.eds_health_status ?? 'UNKNOWN',
    isOutlier: host.health_status?.failed_outlier_check ?? false,
    weight: host.weight ?? 0,
    priority: host.priority ?? 0,
    zone: host.locality?.zone ?? '',
  };
}

function socket({ socket_address: { address, port_value: port } }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
