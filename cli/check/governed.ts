/** Services that have a policy, with that policy and their pods. */
import { breakerApi } from '../../engine/kubernetes/paths.ts';
import { oldestFirst } from '../cluster/oldest-first.ts';
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { createPolicyParser } from '../../engine/policy/parse.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { selectorText, type World } from './world.ts';

export interface Governed {
  readonly namespace: string;
  readonly service: string;
  readonly policy: Policy;
  readonly pods: readonly Fields[];
}

/** Without those whose policy is invalid, or that have no selector: their pods are not known. @throws KubeError */
export async function governedServices(world: World): Promise<readonly Governed[]> {
  const parser = createPolicyParser({ unknownFields: 'warning' });
  const policies = await policiesOf(world);
  const services = await world.listed('/api/v1', 'services');
  const found: Governed[] = [];
  const seen = new Set<string>();
  for (const object of policies) {
    const outcome = parser.parseObject(object);
    if (outcome.kind !== 'accepted') continue;
    const namespace = String(fieldsOf(object, 'metadata')['namespace']);
    const service = String(fieldsOf(object, 'spec')['service']);
    const selector = selectorOf(services, namespace, service);
    if (selector === '' || seen.has(`${namespace}/${service}`)) continue;
    seen.add(`${namespace}/${service}`);
    const pods = await world.list(`/api/v1/namespaces/${namespace}/pods`, selector);
    found.push({ namespace, service, policy: outcome.policy, pods: pods.filter(isStaying) });
  }
  return found;
}

/** Of two for one Service the older first: it is the one in force. */
export async function policiesOf(world: World): Promise<readonly Fields[]> {
  const policies = await world.listed(breakerApi, 'kubervisorservices');
  return oldestFirst(
    policies.map((object) => ({ apiVersion: 'breaker.kubervisor.io/v1', kind: 'KubervisorService', ...object })),
  );
}

function selectorOf(services: readonly Fields[], namespace: string, name: string): string {
  const service = services.find((each) => {
    const metadata = fieldsOf(each, 'metadata');
    return metadata['namespace'] === namespace && metadata['name'] === name;
  });
  return selectorText(fieldsOf(service, 'spec', 'selector'));
}

function isStaying(pod: Fields): boolean {
  const { phase } = fieldsOf(pod, 'status');
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  return !isOver && fieldsOf(pod, 'metadata')['deletionTimestamp'] === undefined;
}
