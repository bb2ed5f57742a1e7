/** Pods of a StatefulSet, which a policy has to name to act on. */
import type { Backend } from '../model.ts';
import { codes } from './codes.ts';
import { type Finding, warning } from './finding.ts';
import type { Policy } from './policy.ts';
import type { PolicySpec } from './schema.ts';

/** @param members The fleet. */
export function lintStateful(policy: Policy, spec: PolicySpec, members: readonly Backend[]): readonly Finding[] {
  const sets = new Set(members.flatMap(({ workload }) => (workload?.kind === 'StatefulSet' ? [workload.name] : [])));
  if (sets.size > 0 && policy.allowStateful !== true) {
    const message = `its backends are pods of StatefulSet ${[...sets].sort().join(', ')}: they are judged and never ejected`;
    return [
      warning(codes.stateful, ['spec', 'service'], message, 'set allowStateful: true if they may go, or leave it'),
    ];
  }
  if (spec.allowStateful === undefined || sets.size > 0 || members.length === 0) return [];
  const path = ['spec', 'allowStateful'];
  if (members.some(({ workload }) => workload !== undefined)) return [];
  const message = 'has no effect: nothing tells which backends are pods of a StatefulSet';
  return [
    warning(codes.noEffect, path, message, 'list the Pods, with their ownerReferences, beside the EndpointSlices'),
  ];
}
