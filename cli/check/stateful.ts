/** StatefulSets are left alone unless the policy says otherwise: whoever expects protection should know. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { governedServices } from './governed.ts';
import { type Check, ok, recordsOf, warning } from './world.ts';

export const statefulCheck: Check = {
  id: 'stateful',
  about: 'the pods of StatefulSets',
  async run(world) {
    const governed = await governedServices(world);
    const left = governed.filter(({ policy, pods }) => policy.allowStateful !== true && pods.some(isOfStatefulSet));
    if (left.length === 0) return [ok('no policy is for pods of a StatefulSet that it may not eject')];
    return left.map(({ namespace, service }) =>
      warning(
        `service/${namespace}/${service} has pods of a StatefulSet: they are judged and never ejected`,
        'set allowStateful: true in its policy if they may go, or leave it',
      ),
    );
  },
};

function isOfStatefulSet(pod: Fields): boolean {
  return recordsOf(fieldsOf(pod, 'metadata')['ownerReferences']).some(({ kind }) => kind === 'StatefulSet');
}
