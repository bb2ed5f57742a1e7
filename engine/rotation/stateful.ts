/**
 * Pods of a StatefulSet are no replicas of each other: each has its name and its data, others count on finding it, and the
 * one that stands out may be the primary. Nobody of it is taken out by a breaker unless the policy says allowStateful; to
 * these pods a policy without it is one that only observes.
 */
import type { Backend } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import type { ServiceState } from './state.ts';

export function isSpared(backend: Backend | undefined, policy: Policy | undefined): boolean {
  return backend?.workload?.kind === 'StatefulSet' && policy !== undefined && policy.allowStateful !== true;
}

export function isSparedIn({ fleet, policy }: ServiceState, { backend }: Pick<Decision, 'backend'>): boolean {
  return isSpared(
    fleet.backends.find(({ id }) => id === backend),
    policy,
  );
}
