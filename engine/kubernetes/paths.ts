/** Where in the API of a cluster our own objects are. */

export const breakerApi = '/apis/breaker.kubervisor.io/v1';

/** One look for each namespace; without any, one at all of them. */
export function scopesOf(namespaces: readonly string[]): readonly (string | undefined)[] {
  return namespaces.length === 0 ? [undefined] : namespaces;
}

/** The part of a path that narrows it down. */
export function scopePath(namespace: string | undefined): string {
  return namespace === undefined ? '' : `/namespaces/${namespace}`;
}

export function policiesPath(namespace: string | undefined): string {
  return `${breakerApi}${scopePath(namespace)}/kubervisorservices`;
}

export function overridesPath(namespace: string | undefined): string {
  return `${breakerApi}${scopePath(namespace)}/endpointoverrides`;
}

export function leasesPath(namespace: string | undefined): string {
  return `/apis/coordination.k8s.io/v1${scopePath(namespace)}/leases`;
}

export function configMapsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps`;
}

/** The ConfigMap that the replicas of one Lease share. */
export function stateMapName(lease: string): string {
  return `${lease}-state`;
}

/** On what the replicas share and made themselves: the Lease and the ConfigMap. */
export const ownLabel = { 'app.kubernetes.io/managed-by': 'kubervisor' };
export const ownSelector = 'app.kubernetes.io/managed-by=kubervisor';
