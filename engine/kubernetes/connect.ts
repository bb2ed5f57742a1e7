/** How the API server is reached: by a kubeconfig, or by what a pod is given. */
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { ProblemError } from '../problem.ts';
import { createHttpClient } from './http-client.ts';
import type { KubeClient } from './kube-client.ts';

export interface Connection {
  /** A kubeconfig; absent: `$KUBECONFIG`, else `~/.kube/config`, else the ServiceAccount of this pod. */
  readonly kubeconfig?: string;
  /** A context of it; absent: its current one. */
  readonly context?: string;
}

/** The API server, and what the kubeconfig says about who asks. */
export interface Access {
  readonly client: KubeClient;
  /** Where a namespace is not named; absent: the context names none. */
  readonly namespace?: string;
  /** The name of the user's entry, which need not be who the API server takes them for. */
  readonly user?: string;
}

/** @throws ProblemError when the configuration cannot be used; whether anybody answers shows later. */
export async function connect(connection: Connection, clock: Clock): Promise<KubeClient> {
  return (await access(connection, clock)).client;
}

/** @throws ProblemError as `connect` */
export async function access({ kubeconfig, context }: Connection, clock: Clock): Promise<Access> {
  // Hundreds of modules, which who reads files need not wait for.
  const { KubeConfig: Configuration } = await import('@kubernetes/client-node');
  const config: KubeConfig = new Configuration();
  const name = kubeconfig ?? 'the kubeconfig of $KUBECONFIG, else ~/.kube/config';
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw unusable(name, error instanceof Error ? error.message : String(error));
  }
  // What the library makes up where it finds nothing.
  if (kubeconfig === undefined && config.getCurrentCluster()?.server === 'http://localhost:8080') {
    throw unusable(name, '$KUBECONFIG is not set, ~/.kube/config is not there, and this is no pod');
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      const known = config.contexts.map((each) => each.name).join(', ');
      throw unusable(
        name,
        `there is no context ${context}; there are ${known || 'none'}`,
        'name one of them with --context',
      );
    }
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) throw unusable(name, 'its current context names no cluster');
  const { namespace, user } = config.getContextObject(config.getCurrentContext()) ?? {};
  return {
    client: await createHttpClient({ config, clock }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(user === undefined ? {} : { user }),
  };
}

function unusable(name: string, why: string, remedy = tryIt): ProblemError {
  return new ProblemError({
    code: 'KV0804',
    severity: 'error',
    file: name,
    message: `cannot be used to reach an API server: ${why}`,
    remedy,
  });
}

const tryIt = 'name a kubeconfig, and check it with: kubectl --kubeconfig FILE get services';
