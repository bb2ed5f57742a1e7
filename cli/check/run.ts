/** Runs checks one after the other; what cannot be looked at is a finding too. */
import { isForbidden, isUnauthenticated, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { isOfKind } from '../cluster/open.ts';
import { apiCheck } from './api.ts';
import { definitionsCheck } from './definitions.ts';
import { disruptionBudgetsCheck } from './disruption-budgets.ts';
import { metricSourcesCheck } from './metric-sources.ts';
import { namespaceCheck } from './namespace.ts';
import { originalCheck, trafficLabelCheck } from './original.ts';
import { policiesCheck } from './policies.ts';
import { leaderCheck, replicasCheck, xdsCheck } from './replicas.ts';
import { controllerRightsCheck, installRightsCheck } from './rights.ts';
import { statefulCheck } from './stateful.ts';
import { type Check, failed, type Finding, warning, type World } from './world.ts';

export interface Checked extends Finding {
  readonly check: string;
}

/** Before the installation: whether it can be installed. */
export const checksBefore: readonly Check[] = [
  apiCheck,
  definitionsCheck(false),
  installRightsCheck,
  namespaceCheck,
  originalCheck,
  trafficLabelCheck,
];

export const checks: readonly Check[] = [
  apiCheck,
  definitionsCheck(true),
  replicasCheck,
  leaderCheck,
  xdsCheck,
  controllerRightsCheck,
  policiesCheck,
  statefulCheck,
  disruptionBudgetsCheck,
  trafficLabelCheck,
  metricSourcesCheck,
];

export async function runChecks(
  wanted: readonly Check[],
  world: World,
  tell: (checked: Checked) => void,
): Promise<readonly Checked[]> {
  const all: Checked[] = [];
  for (const check of wanted) {
    const findings = await check.run(world).catch((error: unknown): readonly Finding[] => {
      if (!(error instanceof KubeError)) throw error;
      return [unseen(check, error)];
    });
    for (const finding of findings) {
      const checked = { check: check.id, ...finding };
      all.push(checked);
      tell(checked);
    }
    // Nothing else could be asked either.
    if (check === apiCheck && findings.some(({ outcome }) => outcome === 'failed')) break;
  }
  return all;
}

function unseen({ about }: Check, error: KubeError): Finding {
  const message = `cannot see ${about}: ${error.message}`;
  if (isUnauthenticated(error)) {
    return failed(message, 'log in again: the token or certificate of the kubeconfig is wrong or has expired');
  }
  if (isForbidden(error)) return warning(message, 'ask for that right, or somebody who has it');
  if (error.status === 404 && isOfKind(error)) return warning(message, 'install the CustomResourceDefinitions first');
  return failed(message, 'check the kubeconfig with: kubectl get --raw /readyz');
}
