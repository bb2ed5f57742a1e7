/** What is in the way of an election, for people. */
import type { KubeError } from '../kubernetes/kube-client.ts';
import type { Problem } from '../problem.ts';

export function electionProblem(namespace: string, name: string, error: KubeError): Problem {
  const said = (what: string): string => `${what} ${namespace}/${name}: ${error.message}; what is served stays`;
  switch (error.status) {
    case 401:
    case 403:
      return {
        code: 'KV0821',
        severity: 'error',
        message: said('this replica cannot lead, the API server does not let it have the Lease'),
        remedy: `give the ServiceAccount get, create and patch on leases of coordination.k8s.io in ${namespace}`,
      };
    // A Lease that is not there is made: it is the namespace that is missing.
    case 404:
      return {
        code: 'KV0822',
        severity: 'error',
        message: said('nobody can lead, there is no place for the Lease'),
        remedy: `create the namespace, or set replicas.namespace to that of the pods`,
      };
    default:
      return {
        code: 'KV0820',
        severity: 'error',
        message: said('this replica cannot lead, there is no getting at the Lease'),
      };
  }
}

/** It was ours, by all clocks, and somebody wrote it. */
export function takenAway(namespace: string, name: string, holder: string | undefined): Problem {
  const who = holder === undefined ? 'was deleted' : `was given to ${holder === '' ? 'nobody' : holder}`;
  return {
    code: 'KV0823',
    severity: 'warning',
    message: `the Lease ${namespace}/${name} ${who} while this replica led`,
    remedy: 'if nobody did that by hand, two installations share it: give each its own replicas.lease',
  };
}
