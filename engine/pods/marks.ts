/**
 * What a pod bears while it is out, for others to see: a label with its state, and a deletion cost by which scale-in takes
 * it first. Whose a mark is shows on the pod itself, so that any process, and a person, can take away ours and nothing else.
 */
import { costAnnotation, ownCostAnnotation, rotationLabel } from '../kubernetes/mark-names.ts';
import type { Decision, RotationState } from '../rotation/decision.ts';
import type { PodName, Texts } from './pod.ts';

/** Below the 0 of pods without a cost. */
export const loweredCost = '-1000';

export type OutState = Exclude<RotationState, 'serving'>;

/** In the order in which they count where a pod is out of several Services. */
const outStates: readonly OutState[] = ['evicted', 'paused', 'ejected', 'probing', 'ramping'];

export interface MarkOptions {
  readonly label: boolean;
  readonly deletionCost: boolean;
}

export interface WantedMarks extends PodName {
  readonly state: OutState;
}

/** Of every pod that is out, by `namespace/name`. Whose identity is no UID of a pod there is looked up in vain, and left alone. */
export function wantedMarks(
  services: readonly { readonly namespace: string; readonly decisions: Iterable<Decision> }[],
): ReadonlyMap<string, WantedMarks> {
  const wanted = new Map<string, WantedMarks>();
  for (const { namespace, decisions } of services) {
    for (const { backend: uid, name, state } of decisions) {
      if (state === 'serving') continue;
      const key = `${namespace}/${name}`;
      const known = wanted.get(key);
      if (known !== undefined && outStates.indexOf(known.state) <= outStates.indexOf(state)) continue;
      wanted.set(key, { namespace, name, uid, state });
    }
  }
  return wanted;
}

export interface Marked {
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

/** A change of labels or annotations as a merge patch has it: null takes away. */
type Change = Readonly<Record<string, string | null>>;

export interface MarkPatch {
  readonly labels?: Change;
  readonly annotations?: Change;
}

/** What has to change on a pod; undefined: nothing. @param state undefined: it serves, and bears no mark */
export function markPatch(
  { labels = {}, annotations = {} }: Marked,
  state: OutState | undefined,
  options: MarkOptions,
): MarkPatch | undefined {
  const label = labelChange(labels[rotationLabel], options.label ? state : undefined);
  const cost = costChange(annotations, options.deletionCost && state !== undefined);
  if (label === undefined && cost === undefined) return undefined;
  return { ...(label && { labels: label }), ...(cost && { annotations: cost }) };
}

function labelChange(now: string | undefined, wanted: OutState | undefined): Change | undefined {
  if (now === wanted || isForeignState(now)) return undefined;
  return { [rotationLabel]: wanted ?? null };
}

function isForeignState(value: string | undefined): boolean {
  return value !== undefined && !(outStates as readonly string[]).includes(value);
}

function costChange(annotations: Texts, lowered: boolean): Change | undefined {
  const cost = annotations[costAnnotation];
  const own = annotations[ownCostAnnotation];
  if (own === undefined) {
    // Somebody has said already what this pod is worth.
    if (!lowered || cost !== undefined) return undefined;
    return { [costAnnotation]: loweredCost, [ownCostAnnotation]: loweredCost };
  }
  if (lowered && own === cost) return undefined;
  // Where somebody has set another one since, it stays, and ours is over.
  return { [ownCostAnnotation]: null, ...(own === cost ? { [costAnnotation]: null } : {}) };
}
