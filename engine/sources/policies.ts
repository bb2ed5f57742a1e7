/** Which policy is in force for each Service, among all that claim one. Every source of policies asks here. */
import { isDeepStrictEqual } from 'node:util';
import type { Fleet, ServiceKey } from '../model.ts';
import { byAge, conflicted, pickWinner } from '../policy/conflicts.ts';
import type { PolicyOutcome } from '../policy/parse.ts';
import type { Problem } from '../problem.ts';
import type { SourceChange } from './source.ts';

/** A policy, acceptable or not, as a source has it. */
export interface PolicyClaim {
  readonly namespace: string;
  readonly name: string;
  /** Of the object, where an API server counts them. */
  readonly generation?: number;
  /** Where its `spec.service` is, for people. */
  readonly servicePlace: Pick<Problem, 'file' | 'line' | 'column'>;
  readonly outcome: PolicyOutcome;
  /** When the object was made; files do not say. */
  readonly createdAtMs?: number;
  /** Of one that is refused: for which Service what was decided by it is on record, in the object itself. */
  readonly recordedFor?: ServiceKey;
}

type InForce = Extract<SourceChange, { kind: 'policy' | 'policy-invalid' }>;

export interface PoliciesState {
  readonly inForce: ReadonlyMap<ServiceKey, InForce>;
  /** `namespace/name` of the policy that decides about each Service. */
  readonly owners: ReadonlyMap<ServiceKey, string>;
  readonly problems: readonly Problem[];
}

export function updatePolicies(
  previous: PoliciesState | undefined,
  policies: readonly PolicyClaim[],
  fleets: ReadonlyMap<ServiceKey, Fleet>,
  where: 'the directory' | 'the cluster',
): PoliciesState {
  const problems = policies.flatMap(({ outcome }) =>
    outcome.kind === 'accepted' ? outcome.warnings : outcome.problems,
  );
  const inForce = new Map<ServiceKey, InForce>();
  const owners = new Map<ServiceKey, string>();
  // By owner: anybody may write thousands of policies that are refused, or for one Service.
  const owned = new Map([...(previous?.owners ?? [])].map(([service, owner]) => [owner, service]));
  for (const [service, claims] of Map.groupBy(policies, (policy) => serviceOf(policy, owned))) {
    if (service === undefined) continue;
    const { owner, change, losers } = decide(service, claims, previous?.owners.get(service));
    inForce.set(service, change);
    owners.set(service, owner);
    problems.push(...losers);
    if (!fleets.has(service)) problems.push(...claims.map((claim) => unknownService(service, claim, where)));
  }
  return { inForce, owners, problems };
}

/** What a receiver has to be told to come from one to the other. */
export function policyChanges(before: PoliciesState | undefined, after: PoliciesState): readonly SourceChange[] {
  const changes: SourceChange[] = [];
  for (const [service, change] of after.inForce) {
    if (!isDeepStrictEqual(before?.inForce.get(service), change)) changes.push(change);
  }
  for (const service of before?.inForce.keys() ?? []) {
    if (!after.inForce.has(service)) changes.push({ kind: 'policy-gone', service });
  }
  return changes;
}

/**
 * What a refused policy in a file says about its Service is as doubtful as the rest of it (the name may be half-written), so
 * the Service it decided about comes first. An object is written as a whole, and must say the same to each replica.
 */
function serviceOf(policy: PolicyClaim, ownedBy: ReadonlyMap<string, ServiceKey>): ServiceKey | undefined {
  const { outcome, createdAtMs } = policy;
  if (outcome.kind === 'accepted') return outcome.policy.service;
  const owned = ownedBy.get(keyOf(policy));
  return createdAtMs === undefined ? (owned ?? outcome.service) : (outcome.service ?? policy.recordedFor ?? owned);
}

interface Decision {
  readonly owner: string;
  readonly change: InForce;
  readonly losers: readonly Problem[];
}

/** A policy that decides and broke freezes its Service, even if another one stands by: a typo is no handover. */
function decide(service: ServiceKey, claims: readonly PolicyClaim[], owner: string | undefined): Decision {
  const broken = freezingIn(claims, owner);
  const accepted = claims.flatMap(({ outcome }) => (outcome.kind === 'accepted' ? [outcome.policy] : []));
  const [first, ...others] = accepted;
  if (first === undefined || broken !== undefined) {
    const problems = broken?.outcome.kind === 'refused' ? broken.outcome.problems : [];
    const losers = claims.flatMap((claim) =>
      broken === undefined || claim === broken
        ? []
        : [{ ...conflicted(service, claim, broken), ...claim.servicePlace }],
    );
    const name = broken === undefined ? '' : keyOf(broken);
    return { owner: name, change: { kind: 'policy-invalid', service, problems }, losers };
  }
  const { winner, losers } = pickWinner([first, ...others]);
  const claimOf = new Map(claims.toReversed().map((claim) => [keyOf(claim), claim]));
  const placed = losers.map(({ policy, problem }) => ({ ...problem, ...claimOf.get(keyOf(policy))?.servicePlace }));
  return { owner: keyOf(winner), change: { kind: 'policy', policy: winner }, losers: placed };
}

/**
 * The one that cannot be accepted and decides all the same. By age, where all have one: who has only just started, or been
 * restarted, knows nothing of who was in force before, and has to come to the same as the others.
 */
function freezingIn(claims: readonly PolicyClaim[], owner: string | undefined): PolicyClaim | undefined {
  const refused = claims.filter(({ outcome }) => outcome.kind === 'refused');
  if (claims.every(({ createdAtMs }) => createdAtMs !== undefined)) {
    const [oldest] = claims.toSorted(byAge);
    return oldest !== undefined && refused.includes(oldest) ? oldest : undefined;
  }
  const known = refused.find((claim) => keyOf(claim) === owner);
  return known ?? (refused.length === claims.length ? refused[0] : undefined);
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function unknownService(service: ServiceKey, { servicePlace }: PolicyClaim, where: string): Problem {
  return {
    code: 'KV0216',
    severity: 'error',
    ...servicePlace,
    field: 'spec.service',
    message: `there is no Service ${service} in ${where}; the policy judges nobody`,
    remedy: 'correct the name, or add the Service',
  };
}
