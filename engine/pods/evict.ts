/**
 * One try to evict one pod. Through the Eviction API and never by deleting, so that PodDisruptionBudgets hold; and with the
 * UID and the very version that was looked at as a precondition, so that neither a pod that has taken over the name nor one
 * that another replica has evicted meanwhile is touched: of two that try at the same time one is refused.
 */
import { type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { type PodName, podOf, podPath } from './pod.ts';

export type EvictionResult =
  /** It is on its way out, by us. */
  | { readonly kind: 'evicted' }
  /** It is not there any more, or leaves already: nothing has to be done. */
  | { readonly kind: 'gone' }
  /** It is not wanted any more, or not by us. */
  | { readonly kind: 'dropped' }
  /** No controller would replace it. */
  | { readonly kind: 'irreplaceable' }
  /** A PodDisruptionBudget stands against it, for now. */
  | { readonly kind: 'refused'; readonly retryAfterMs?: number }
  /** @param status of HTTP; absent: no answer, so that it may even have been done. */
  | { readonly kind: 'failed'; readonly message: string; readonly status?: number; readonly retryAfterMs?: number };

/** A pod whose containers crash has a new version every few moments; more often than this it does not change at once. */
const maxTries = 5;

/**
 * @param isWanted asked at the last moment, in the same turn as the request is made
 */
export async function evict(
  client: KubeClient,
  target: PodName,
  isWanted: () => boolean,
  signal: AbortSignal,
): Promise<EvictionResult> {
  const path = podPath(target);
  for (let tries = 1; ; tries++) {
    try {
      const pod = podOf(await client.get(path, {}, signal));
      if (pod === undefined) return { kind: 'failed', message: `what is at ${path} is no pod` };
      if (pod.uid !== target.uid || pod.isLeaving) return { kind: 'gone' };
      if (!pod.isReplaced) return { kind: 'irreplaceable' };
      if (!isWanted()) return { kind: 'dropped' };
      const { uid, resourceVersion } = pod;
      await client.send(
        'post',
        `${path}/eviction`,
        {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { namespace: target.namespace, name: target.name },
          deleteOptions: { preconditions: { uid, resourceVersion } },
        },
        signal,
      );
      return { kind: 'evicted' };
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // It is another one by now: look again whether it still is the one.
      if (error.status === 409 && tries < maxTries) continue;
      return resultOf(error);
    }
  }
}

function resultOf({ status, message, retryAfterMs, causes }: KubeError): EvictionResult {
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (status === 404) return { kind: 'gone' };
  // The other 429 is an API server that is asked too much.
  if (status === 429 && causes.includes('DisruptionBudget')) return { kind: 'refused', ...facts };
  return { kind: 'failed', message, ...facts };
}
