/** Two policies for one Service cannot both be obeyed, and taking turns would be worse than either. */
import { type ServiceKey, splitServiceKey } from '../model.ts';
import type { Problem } from '../problem.ts';
import { codes } from './codes.ts';
import type { Policy } from './policy.ts';

/** As far as it decides who wins. */
export interface Contender {
  readonly namespace: string;
  readonly name: string;
  readonly createdAtMs?: number;
}

export interface Conflict {
  readonly winner: Policy;
  readonly losers: readonly { readonly policy: Policy; readonly problem: Problem }[];
}

/**
 * The oldest wins, so that a new policy cannot take over a Service by surprise; without a date, or with the same, the
 * first by namespace and name. A policy without a date counts as the newest. All must be for one Service.
 */
export function pickWinner(policies: readonly [Policy, ...Policy[]]): Conflict {
  const [winner = policies[0], ...rest] = [...policies].sort(byAge);
  return { winner, losers: rest.map((policy) => ({ policy, problem: conflicted(policy.service, policy, winner) })) };
}

export function byAge(a: Contender, b: Contender): number {
  const undated = Number.MAX_SAFE_INTEGER;
  return (
    (a.createdAtMs ?? undated) - (b.createdAtMs ?? undated) ||
    compare(a.namespace, b.namespace) ||
    compare(a.name, b.name)
  );
}

/** By code unit: the same order on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

export function conflicted(of: ServiceKey, loser: Contender, winner: Contender): Problem {
  const { name: service } = splitServiceKey(of);
  const why = winner.createdAtMs === loser.createdAtMs ? 'comes first by name' : 'is older';
  return {
    code: codes.conflicted,
    severity: 'error',
    field: 'spec.service',
    message: `${loser.namespace}/${loser.name} is ignored, because ${winner.namespace}/${winner.name} is for Service ${service} too and ${why}`,
    remedy: 'put its breakers into the other policy, or delete one of them',
  };
}
