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
      return {
        code: 'KV0802',
        severity: 'error',
        message: said('the API server does not know our token or certificate, and does not let us list and watch'),
        remedy:
          'renew the token of the ServiceAccount, or the token or certificate of the kubeconfig: no right is missing',
      };
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

/** The API server is there and does not let us read this, or has no such thing. */
export function isDenied({ error }: ReflectorHealth): boolean {
  return error?.status !== undefined && [401, 403, 404].includes(error.status);
}

/** Of what only helps to judge. What may not be read is told once, and not as an error: it may be meant. */
export function helperProblems(health: readonly ReflectorHealth[]): readonly Problem[] {
  const denied = health.filter(isDenied);
  const others = health.filter((each) => !isDenied(each)).flatMap((each) => reflectorProblem(each) ?? []);
  const [first] = denied;
  if (first === undefined) return others;
  const paths = denied.map(({ path }) => path).join(', ');
  return [
    ...others,
    {
      code: 'KV0840',
      severity: 'warning',
      message: `workloads are not known (${paths}: ${first.error?.message}); rollouts and scaling are read from who joins and who leaves, and missing pods do not count`,
      remedy: 'let us list and watch deployments and statefulsets of apps, or set source.kubernetes.workloads: false',
    },
  ];
}
