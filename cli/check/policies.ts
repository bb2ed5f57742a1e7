/** Policies: each accepted, ready, and with breakers that get answers. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { policiesOf } from './governed.ts';
import { type Check, failed, type Finding, nameOf, ok, recordsOf, warning } from './world.ts';

export const policiesCheck: Check = {
  id: 'policies',
  about: 'the policies',
  async run(world) {
    const policies = await policiesOf(world);
    if (policies.length === 0) {
      return [warning('there is no policy', 'make one: examples/canonical.yaml; kubervisor lint checks it')];
    }
    const findings = policies.flatMap(findingsAbout);
    return findings.length > 0 ? findings : [ok(allWell(policies.length))];
  },
};

function allWell(policies: number): string {
  return policies === 1 ? 'the one policy is accepted and ready' : `${policies} policies are accepted and ready`;
}

function findingsAbout(policy: Fields): readonly Finding[] {
  const name = `kubervisorservice/${nameOf(policy)}`;
  const conditions = recordsOf(fieldsOf(policy, 'status')['conditions']);
  const hint = `kubectl -n ${String(fieldsOf(policy, 'metadata')['namespace'])} describe kvs ${String(fieldsOf(policy, 'metadata')['name'])}`;
  const isFalse = (type: string) => conditions.find((each) => each['type'] === type && each['status'] === 'False');
  // What is not accepted is not ready either.
  const wrong = isFalse('Accepted') ?? isFalse('Ready');
  if (wrong !== undefined) {
    const { type, reason, message } = wrong;
    return [failed(`${name} is not ${String(type)}: ${String(reason)}, ${String(message)}`, hint)];
  }
  if (!conditions.some(({ type }) => type === 'Accepted')) {
    return [warning(`${name}: no leader has looked at it yet`, hint)];
  }
  const generation = fieldsOf(policy, 'metadata')['generation'];
  const { observedGeneration } = fieldsOf(policy, 'status');
  if (typeof observedGeneration === 'number' && observedGeneration !== generation) {
    return [warning(`${name}: its last edit was not looked at yet`, hint)];
  }
  const blind = isFalse('DetectorsHealthy');
  return blind === undefined ? [] : [warning(`${name}: ${String(blind['message'])}`, hint)];
}
