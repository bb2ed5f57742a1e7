/** A cluster as the command line sees it: by the kubeconfig and with the rights of who asks; no path to the controller. */
import { systemClock } from '../../engine/clock.ts';
import { access } from '../../engine/kubernetes/connect.ts';
import { isForbidden, isUnauthenticated, type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { isRecord } from '../../engine/is-record.ts';
import type { Context } from '../context.ts';
import { type Exit, failure } from '../exit.ts';
import { readService, type ServiceName } from '../options.ts';

export interface ClusterOptions {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  /** Of the admin API, named or the default there is. */
  readonly server?: string;
}

export interface Cluster {
  readonly client: KubeClient;
  /** Where none is named. */
  readonly namespace: string;
  /** Whom the API server takes us for; where it does not say, what the kubeconfig calls the user. */
  user(): Promise<string>;
  /** Of the whole command: Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Whether the cluster is meant, and not a server. */
export function isOfCluster({ context, kubeconfig, server }: ClusterOptions): boolean {
  return context !== undefined || kubeconfig !== undefined || server === undefined;
}

/** @throws ProblemError when the kubeconfig cannot be used. */
export async function openCluster(
  { context: name, kubeconfig }: Pick<ClusterOptions, 'context' | 'kubeconfig'>,
  context: Pick<Context, 'user' | 'interrupted'>,
): Promise<Cluster> {
  const connection = {
    ...(name === undefined ? {} : { context: name }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  };
  const { client, namespace = 'default', user = context.user } = await access(connection, systemClock);
  const signal = context.interrupted();
  return {
    client,
    namespace,
    signal,
    async user() {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const answer = await client.send('post', path, review, signal).catch(() => undefined);
      const info = isRecord(answer) && isRecord(answer['status']) ? answer['status']['userInfo'] : undefined;
      return isRecord(info) && typeof info['username'] === 'string' ? info['username'] : user;
    },
  };
}

/** As `readService`; in a cluster the kubeconfig names a namespace too. */
export function serviceIn(cluster: Cluster, text: string, namespace: string | undefined): ServiceName {
  return readService(text, namespace ?? (text.includes('/') ? undefined : cluster.namespace));
}

/**
 * What an API server has against a request, for people.
 * @param what as in `cannot ...`
 * @param whenAway what to do where nobody answers
 */
export function clusterFailure(error: unknown, what: string, whenAway = lookAtKubeconfig): Exit | Error {
  if (!(error instanceof KubeError)) return error instanceof Error ? error : new Error(String(error));
  const message = `cannot ${what}: ${error.message}`;
  if (isUnauthenticated(error)) {
    const remedy =
      'log in again: the token or certificate of the kubeconfig is wrong or has expired; kubectl auth whoami tries it';
    return failure({ code: 'KV0838', message, remedy });
  }
  if (isForbidden(error)) {
    const remedy = 'ask for that right: kubectl auth can-i --list shows what you have';
    return failure({ code: 'KV0833', message, remedy });
  }
  const [, missing] = /^namespaces "([^"]+)" not found$/.exec(error.message) ?? [];
  if (missing !== undefined) {
    const remedy = `there is no namespace ${missing}: look for a typing error, or for another cluster in the kubeconfig`;
    return failure({ code: 'KV0737', message, remedy });
  }
  if (error.status === 404 && isOfKind(error)) {
    const remedy = 'install the CustomResourceDefinitions: kubectl apply -f manifests/crds';
    return failure({ code: 'KV0803', message, remedy });
  }
  const remedy = error.status === undefined ? whenAway : undefined;
  return failure({ code: 'KV0737', message, ...(remedy === undefined ? {} : { remedy }) });
}

const lookAtKubeconfig = 'check the kubeconfig with: kubectl get --raw /readyz';

/** Not an object is missing but its kind; where the whole group is, the API server answers with no Status at all. */
export function isOfKind({ message }: KubeError): boolean {
  return message.includes('could not find the requested resource') || message === 'HTTP 404';
}
