/** What becomes of each policy there is: one governs its Service, others cannot be accepted, or come too late. */
import type { ServiceKey } from '../model.ts';
import { splitServiceKey } from '../model.ts';
import { pickWinner } from '../policy/conflicts.ts';
import type { Problem } from '../problem.ts';
import type { PolicyClaim } from '../sources/policies.ts';

/** `governs`: its status is that of the Service. */
export type Standing =
  | { readonly kind: 'accepted'; readonly service: ServiceKey; readonly governs: true }
  | {
      readonly kind: 'invalid' | 'conflicted' | 'target-not-found';
      /** Absent where the policy is too wrong to say. */
      readonly service?: ServiceKey;
      readonly governs: boolean;
      readonly sentence: string;
    };

export interface Claims {
  readonly claims: readonly PolicyClaim[];
  /** `namespace/name` of the policy that decides about each Service. */
  readonly owners: ReadonlyMap<ServiceKey, string>;
  /** Services that are there. */
  readonly fleets: { has(service: ServiceKey): boolean };
}

/** Looked up once for each policy there is, of which anybody may write thousands. */
export interface IndexedClaims extends Claims {
  readonly byKey: ReadonlyMap<string, PolicyClaim>;
  /** By `namespace/name` of the policy that decides about it. */
  readonly governed: ReadonlyMap<string, ServiceKey>;
}

export function indexed(claims: Claims): IndexedClaims {
  return {
    ...claims,
    byKey: new Map(claims.claims.map((claim) => [keyOf(claim), claim])),
    governed: new Map([...claims.owners].map(([service, owner]) => [owner, service])),
  };
}

export function standingOf(
  claim: PolicyClaim,
  { byKey, governed: governedBy, owners, fleets }: IndexedClaims,
): Standing {
  const key = keyOf(claim);
  const { outcome } = claim;
  if (outcome.kind === 'refused') {
    const governed = governedBy.get(key);
    const service = governed ?? outcome.service;
    return {
      kind: 'invalid',
      ...(service === undefined ? {} : { service }),
      governs: governed !== undefined,
      sentence: sentenceOf(outcome.problems),
    };
  }
  const { policy } = outcome;
  const { service } = policy;
  const owner = owners.get(service);
  if (owner !== key) {
    const other = owner === undefined ? undefined : byKey.get(owner)?.outcome;
    const lost = other?.kind === 'accepted' ? pickWinner([policy, other.policy]).losers[0]?.problem.message : undefined;
    const sentence = lost ?? `${owner ?? 'another policy'} is for Service ${splitServiceKey(service).name} too`;
    return { kind: 'conflicted', service, governs: false, sentence };
  }
  if (!fleets.has(service)) {
    const sentence = `there is no Service ${splitServiceKey(service).name} in namespace ${policy.namespace}`;
    return { kind: 'target-not-found', service, governs: true, sentence };
  }
  return { kind: 'accepted', service, governs: true };
}

export function keyOf({ namespace, name }: Pick<PolicyClaim, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** More than a few say no more. */
const longestList = 3;

function sentenceOf(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const texts = errors
    .slice(0, longestList)
    .map(({ code, field, message }) => `${code} ${field ?? 'policy'}: ${message}`);
  const rest = errors.length - texts.length;
  return `${texts.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
