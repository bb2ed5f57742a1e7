/** Which policy is in force for each Service, among those in the files. */
import type { Fleet, ServiceKey } from '../../model.ts';
import { pickWinner } from '../../policy/conflicts.ts';
import type { PolicyOutcome, PolicyParser } from '../../policy/parse.ts';
import type { Problem } from '../../problem.ts';
import type { SourceChange } from '../source.ts';
import type { Place, YamlObject } from './documents.ts';
import type { FileObject } from './parse-file.ts';

export interface PolicyInFile {
  readonly kind: 'KubervisorService';
  readonly namespace: string;
  readonly name: string;
  readonly place: Place;
  readonly servicePlace: Place;
  readonly outcome: PolicyOutcome;
}

export function isPolicy({ kind }: YamlObject): boolean {
  return kind === 'KubervisorService';
}

export function readPolicy(yaml: YamlObject, parser: PolicyParser): PolicyInFile {
  const { document, text, lines, root, place, value } = yaml;
  const outcome = parser.parseDocument(document, { file: place.file, text, lines, root });
  const identity = outcome.kind === 'accepted' ? outcome.policy : identityOf(value, place);
  const servicePlace = yaml.placeOf(['spec', 'service']);
  return {
    kind: 'KubervisorService',
    namespace: identity.namespace,
    name: identity.name,
    place,
    servicePlace,
    outcome,
  };
}

/** A refused policy may lack even a name; its place then stands in, so that two of them are not taken for one. */
function identityOf(value: YamlObject['value'], place: Place): { readonly namespace: string; readonly name: string } {
  const metadata = value['metadata'];
  const text = (field: string): string | undefined => {
    if (typeof metadata !== 'object' || metadata === null || !Object.hasOwn(metadata, field)) return undefined;
    const found: unknown = Reflect.get(metadata, field);
    return typeof found === 'string' ? found : undefined;
  };
  return { namespace: text('namespace') ?? 'default', name: text('name') ?? `${place.file}:${place.line}` };
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
  objects: readonly FileObject[],
  fleets: ReadonlyMap<ServiceKey, Fleet>,
): PoliciesState {
  const policies = objects.filter((object) => object.kind === 'KubervisorService');
  const problems = policies.flatMap(({ outcome }) =>
    outcome.kind === 'accepted' ? outcome.warnings : outcome.problems,
  );
  const inForce = new Map<ServiceKey, InForce>();
  const owners = new Map<ServiceKey, string>();
  for (const [service, claims] of Map.groupBy(policies, (policy) => serviceOf(policy, previous))) {
    if (service === undefined) continue;
    const { owner, change, losers } = decide(service, claims, previous?.owners.get(service));
    inForce.set(service, change);
    owners.set(service, owner);
    problems.push(...losers);
    if (!fleets.has(service)) problems.push(...claims.map((claim) => unknownService(service, claim)));
  }
  return { inForce, owners, problems };
}

/**
 * What a refused policy says about its Service is as doubtful as the rest of it (the name may be half-written), so the
 * Service it decided about comes first.
 */
function serviceOf(policy: PolicyInFile, previous: PoliciesState | undefined): ServiceKey | undefined {
  const { outcome } = policy;
  if (outcome.kind === 'accepted') return outcome.policy.service;
  const owned = [...(previous?.owners ?? [])].find(([, owner]) => owner === keyOf(policy))?.[0];
  return owned ?? outcome.service;
}

interface Decision {
  readonly owner: string;
  readonly change: InForce;
  readonly losers: readonly Problem[];
}

/** A policy that was in force and broke freezes its Service, even if another one stands by: a typo is no handover. */
function decide(service: ServiceKey, claims: readonly PolicyInFile[], owner: string | undefined): Decision {
  const [broken] = claims
    .filter(({ outcome }) => outcome.kind === 'refused')
    .sort((a, b) => Number(keyOf(b) === owner) - Number(keyOf(a) === owner));
  const accepted = claims.flatMap(({ outcome }) => (outcome.kind === 'accepted' ? [outcome.policy] : []));
  const [first, ...others] = accepted;
  if (first === undefined || (broken !== undefined && keyOf(broken) === owner)) {
    const problems = broken?.outcome.kind === 'refused' ? broken.outcome.problems : [];
    const name = broken === undefined ? '' : keyOf(broken);
    return { owner: name, change: { kind: 'policy-invalid', service, problems }, losers: [] };
  }
  const { winner, losers } = pickWinner([first, ...others]);
  const placed = losers.map(({ policy, problem }) => {
    const claim = claims.find((candidate) => keyOf(candidate) === keyOf(policy));
    return { ...problem, ...claim?.servicePlace };
  });
  return { owner: keyOf(winner), change: { kind: 'policy', policy: winner }, losers: placed };
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function unknownService(service: ServiceKey, { servicePlace }: PolicyInFile): Problem {
  return {
    code: 'KV0216',
    severity: 'error',
    ...servicePlace,
    field: 'spec.service',
    message: `there is no Service ${service} in the directory; the policy judges nobody`,
    remedy: 'correct the name, or add the Service',
  };
}
