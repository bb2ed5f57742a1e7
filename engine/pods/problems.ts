/** What the cluster does not let us do to pods, for people: which verb, and what to do. */
import { isForbidden } from '../kubernetes/kube-client.ts';
import type { Problem } from '../problem.ts';
import type { PodName } from './pod.ts';

interface Refusal {
  readonly message: string;
  readonly status?: number | undefined;
}

export function evictionProblem({ namespace, name }: PodName, refusal: Refusal): Problem {
  return {
    code: 'KV0845',
    severity: 'error',
    message: `pod ${namespace}/${name} cannot be evicted: ${refusal.message}`,
    remedy: isForbidden(refusal)
      ? 'give the ServiceAccount get on pods and create on pods/eviction in that namespace, or set source.kubernetes.pods.evict: false'
      : 'it stays out and is tried again; what is in the way is for a person to look at',
  };
}

export function markProblem({ namespace, name }: Omit<PodName, 'uid'>, refusal: Refusal): Problem {
  return {
    code: 'KV0846',
    severity: 'error',
    message: `label and deletion cost of pod ${namespace}/${name} cannot be written: ${refusal.message}`,
    remedy: 'they are tried again; nothing that is served depends on them',
  };
}

export function marksRefused(namespace: string, refusal: Refusal): Problem {
  return {
    code: 'KV0846',
    severity: 'error',
    message: `label and deletion cost of pods cannot be written in namespace ${namespace}: ${refusal.message}`,
    remedy: 'give the ServiceAccount get and patch on pods in that namespace',
  };
}

/** Nothing is marked any more. @param pods `namespace/name` of those that were */
export function marksLeft(pods: readonly string[], refusal: Refusal): Problem {
  const shown = 5;
  const more = pods.length > shown ? `, and ${pods.length - shown} more` : '';
  return {
    code: 'KV0846',
    severity: 'warning',
    message: `marks from before they were switched off stay on pods ${pods.slice(0, shown).join(', ')}${more}: ${refusal.message}`,
    remedy:
      'take them away by hand, or give the ServiceAccount get and patch on pods in that namespace until they are gone',
  };
}

export function eventProblem(refusal: Refusal): Problem {
  return {
    code: 'KV0847',
    severity: 'warning',
    message: `Kubernetes Events cannot be written: ${refusal.message}`,
    remedy: isForbidden(refusal)
      ? 'give the ServiceAccount create and patch on events of events.k8s.io'
      : 'log, audit and metrics have it all',
  };
}

export function selectorProblem(service: string, label: string): Problem {
  return {
    code: 'KV0848',
    severity: 'warning',
    message: `the selector of Service ${service} uses the label ${label}, which Kubervisor sets on pods that are out`,
    remedy:
      'select by a label of the pod template; with this one the Service gains and loses pods by what is decided of another',
  };
}
