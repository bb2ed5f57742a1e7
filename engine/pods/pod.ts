/** A pod as the API server has it this moment: what must be known before anything is done to it. */
import { isRecord } from '../is-record.ts';
import { isPodLeaving, type PodObject } from '../sources/kubernetes-objects.ts';

export type Texts = Readonly<Record<string, string>>;

/** Name of a pod, and which of those that bore it. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Pod {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly isLeaving: boolean;
  /** A controller would make another in its place. */
  readonly isReplaced: boolean;
}

export function podPath({ namespace, name }: Omit<PodName, 'uid'>): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

/** Undefined for what is no pod of an API server. */
export function podOf(object: unknown): Pod | undefined {
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const { uid, resourceVersion, labels, annotations, ownerReferences } = object['metadata'];
  if (typeof uid !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return {
    uid,
    resourceVersion,
    labels: isRecord(labels) ? (labels as Texts) : {},
    annotations: isRecord(annotations) ? (annotations as Texts) : {},
    isLeaving: isPodLeaving(object as PodObject),
    isReplaced: Array.isArray(ownerReferences) && ownerReferences.some(isReplacing),
  };
}

/** The owner of a static pod is its node, whose kubelet starts no new one because its mirror in the API is gone. */
function isReplacing(owner: unknown): boolean {
  return isRecord(owner) && owner['controller'] === true && owner['kind'] !== 'Node';
}
