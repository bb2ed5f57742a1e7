import { expect, it } from 'vitest';
import { KubeError } from '../../kubernetes/kube-client.ts';
import { formatProblem } from '../../problem.ts';
import { reflectorProblem } from './problems.ts';

const health = { path: '/api/v1/pods', lists: 1, watches: 0, failures: 1, misses: 0, stale: 0 };

it.each([
  [
    401,
    'Unauthorized',
    /^error KV0802 the API server does not know our token or certificate, and .* \/api\/v1\/pods: Unauthorized; nothing was read yet \(renew the token/,
  ],
  [
    403,
    'pods is forbidden',
    /^error KV0802 the API server does not let us list and watch \/api\/v1\/pods: pods is forbidden; .* \(give the ServiceAccount/,
  ],
  [
    404,
    'no such kind',
    /^error KV0803 the API server does not have \/api\/v1\/pods: no such kind; .* \(install the CustomResourceDefinitions/,
  ],
  [
    500,
    'etcd is away',
    /^error KV0801 the API server cannot be read at \/api\/v1\/pods: etcd is away; nothing was read yet$/,
  ],
])('HTTP %i says what is wrong in one sentence, and what to do', (status, message, said) => {
  const problem = reflectorProblem({ ...health, error: new KubeError(message, { status }) });
  expect(problem && formatProblem(problem)).toMatch(said);
});
