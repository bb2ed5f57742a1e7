/** Of several policies for one Service the first is in force: the order in which replicas take them. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { byAge, type Contender } from '../../engine/policy/conflicts.ts';

export function oldestFirst<Policy extends Fields>(policies: readonly Policy[]): readonly Policy[] {
  return policies.toSorted((a, b) => byAge(contenderOf(a), contenderOf(b)));
}

function contenderOf(policy: Fields): Contender {
  const { creationTimestamp, namespace, name } = fieldsOf(policy, 'metadata');
  return { namespace: String(namespace), name: String(name), createdAtMs: Date.parse(String(creationTimestamp)) };
}
