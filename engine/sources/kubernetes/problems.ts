/** What is wrong between us and the API server, for people: which list or watch, and what to do. */
import type { Problem } from '../../problem.ts';
import type { ReflectorHealth } from '../../kubernetes/reflector.ts';

/** Undefined while all is well. */
export function reflectorProblem({ path, error, heardAtMs }: ReflectorHealth): Problem | undefined {
  if (error === undefined) return undefined;
  const since = heardAtMs === undefined ? 'nothing was read yet' : 'what was read before stays in force';
  const said = (what: string): string => `${what} ${path}: ${error.message}; ${since}`;
  switch (error.status) {
    case 401:
    case 403:
      return {
        code: 'KV0802',
        severity: 'error',
        message: said('the API server does not let us list and watch'),
        remedy: 'give the ServiceAccount get, list and watch on it (Role and RoleBinding, or ClusterRole)',
      };
    case 404:
      return {
        code: 'KV0803',
        severity: 'error',
        message: said('the API server does not have'),
        remedy: 'install the CustomResourceDefinitions: kubectl apply -f manifests/crds',
      };
    default:
      return { code: 'KV0801', severity: 'error', message: said('the API server cannot be read at') };
  }
}
