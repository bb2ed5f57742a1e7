/** What can go wrong with decisions that are kept in the cluster, in words. `docs/errors.md` has a paragraph for each code. */
import { isForbidden, type KubeError } from '../../kubernetes/kube-client.ts';
import type { ServiceKey } from '../../model.ts';
import { maxRecordBytes } from '../../policy/schema/status.ts';
import type { Place, Problem } from '../../problem.ts';

/** @param what such as `patch kubervisorservices/status`: what RBAC has to allow */
export function notWritten(about: string, what: string, namespace: string, error: KubeError): Problem {
  if (isForbidden(error)) {
    return {
      code: 'KV0802',
      severity: 'error',
      message: `the decisions of ${about} cannot be written: the API server does not let us ${what} in namespace ${namespace}: ${error.message}`,
      remedy: `give the ServiceAccount ${what.replace(' ', ' on ')} (Role and RoleBinding, or ClusterRole); until then nobody new is ejected`,
    };
  }
  return {
    code: 'KV0816',
    severity: 'error',
    message: `the decisions of ${about} could not be written to the API server: ${error.message}`,
    remedy: 'it is tried again by itself; until then nobody new is ejected',
  };
}

/** @param policy `namespace/name` */
export function statusRefused(policy: string, error: KubeError): Problem {
  const place = { file: `KubervisorService ${policy}`, field: 'status' };
  if (isForbidden(error)) {
    return {
      code: 'KV0802',
      severity: 'error',
      ...place,
      message: `the status of policies cannot be written: the API server does not let us patch kubervisorservices/status: ${error.message}`,
      remedy: 'give the ServiceAccount patch on kubervisorservices/status (Role and RoleBinding, or ClusterRole)',
    };
  }
  return {
    code: 'KV0824',
    severity: 'warning',
    ...place,
    message: `the status that people read is not written: ${error.message}`,
    remedy: 'decisions are written all the same; see that the CRD is that of this version, and what others write there',
  };
}

export function notRead(withinMs: number): Problem {
  return {
    code: 'KV0841',
    severity: 'error',
    message: `this replica has the Lease and cannot lead yet: the API server has not listed all policies within ${withinMs / 1000} s; nobody decides, and what is served stays`,
    remedy: 'it is asked again by itself; see what else is said about the API server',
  };
}

export function noPolicy(service: ServiceKey): Problem {
  return {
    code: 'KV0817',
    severity: 'error',
    message: `there is no policy for ${service}, and decisions are kept in the status of one`,
    remedy: 'make a KubervisorService for it; with enforcement Observe it decides nothing by itself',
  };
}

export function notLeading(about: string): Problem {
  return {
    code: 'KV0816',
    severity: 'error',
    message: `the decisions of ${about} were not written: another replica leads`,
  };
}

export function recordFull(service: ServiceKey): Problem {
  return {
    code: 'KV0818',
    severity: 'error',
    message: `the record of ${service} would have over ${maxRecordBytes / 1024} KiB, more than its policy can hold`,
    remedy: 'shorten the queries of its policy, or use fewer breakers; until then nobody new is ejected',
  };
}

export function placeIn({ namespace, name }: { readonly namespace: string; readonly name: string }): Place {
  return {
    code: 'KV0819',
    file: `KubervisorService ${namespace}/${name}`,
    field: 'status.record',
    remedy: `to put everybody back: kubectl patch kvs ${name} -n ${namespace} --subresource=status --type=merge -p '{"status":{"record":null}}'`,
  };
}
