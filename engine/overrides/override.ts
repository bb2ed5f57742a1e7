/** An EndpointOverride as the API server has it, and how a decision says that it was made for one. */
import { fieldsOf, isRecord } from '../is-record.ts';
import type { EpochMs } from '../model.ts';
import { checkRules } from '../policy/rules.ts';
import type { ShapeCheck } from '../policy/shape.ts';
import type { Decision } from '../rotation/decision.ts';
import { type OverrideSpec, type OverrideStatus, overrideSpecSchema } from './schema.ts';

export interface Override {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly generation: number;
  /** By the clock of the API server. */
  readonly createdMs: EpochMs;
  /** Whom our CLI's kubeconfig said it was. Nobody has checked that. */
  readonly claimedBy?: string;
  /** What is asked for, or what is wrong with it: an older CRD may have let it in. */
  readonly asked: { readonly kind: 'spec'; readonly spec: OverrideSpec } | { readonly kind: 'invalid'; why: string };
  readonly status: OverrideStatus;
}

export const claimAnnotation = 'breaker.kubervisor.io/claimed-by';

const longestClaim = 64;

export function readOverride(raw: Readonly<Record<string, unknown>>, shape: ShapeCheck): Override {
  const metadata = fieldsOf(raw, 'metadata');
  const { namespace, name, uid, resourceVersion, generation, creationTimestamp, annotations } = metadata;
  const claim = isRecord(annotations) ? annotations[claimAnnotation] : undefined;
  const claimedBy = typeof claim === 'string' ? claim.replaceAll(/\p{Cc}+/gu, ' ').slice(0, longestClaim) : '';
  return {
    namespace: String(namespace),
    name: String(name),
    uid: String(uid),
    version: String(resourceVersion),
    generation: typeof generation === 'number' ? generation : 0,
    createdMs: Date.parse(String(creationTimestamp)) || 0,
    ...(claimedBy === '' ? {} : { claimedBy }),
    asked: readSpec(raw['spec'], shape),
    status: fieldsOf(raw, 'status'),
  };
}

function readSpec(spec: unknown, shape: ShapeCheck): Override['asked'] {
  const wrong = shape(spec);
  const [finding] = wrong.length > 0 ? wrong : checkRules(overrideSpecSchema, spec);
  if (finding === undefined) return { kind: 'spec', spec: spec as OverrideSpec };
  return { kind: 'invalid', why: `spec.${finding.path.join('.')} ${finding.message}` };
}

/** The object is who acts; its UID, because a name may be used again. */
export function actorOf(override: Override): string {
  const { claimedBy } = override;
  return `${markOf(override)}${claimedBy === undefined ? '' : ` (claimed by ${claimedBy})`}`;
}

/** Whether the decision was made for this override. */
export function isBy(decision: Decision, override: Override): boolean {
  return markIn(decision) === markOf(override);
}

/** By which decisions name it. Of two objects of one name it tells them apart, and a person can still read the line. */
export function markOf({ namespace, name, uid }: Override): string {
  return `EndpointOverride ${namespace}/${name}#${uid.slice(0, 8)}`;
}

/** The mark of the override that the decision was made for; undefined: for none. */
export function markIn({ cause }: Decision): string | undefined {
  return cause.kind === 'manual' ? /^EndpointOverride \S+\/\S+#\S+/.exec(cause.actor)?.[0] : undefined;
}

/** Whether the decision was made for an override of this namespace. */
export function isOverriding(decision: Decision, namespace: string): boolean {
  return markIn(decision)?.startsWith(`EndpointOverride ${namespace}/`) === true;
}
