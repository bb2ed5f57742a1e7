/**
 * What is kept of each object. Of a pod that is a tenth: without its spec, its managed fields and its annotations ten
 * thousand of them fit into a few megabytes.
 */
import { fieldsOf } from '../../is-record.ts';
import { costAnnotation, ownCostAnnotation } from '../../kubernetes/mark-names.ts';
import type { EndpointSliceObject, PodObject, ServiceObject } from '../kubernetes-objects.ts';

type Raw = Readonly<Record<string, unknown>>;

export function keepService(raw: Raw): ServiceObject {
  const { type, selector, ports } = fieldsOf(raw['spec']);
  return { metadata: metaOf(raw), spec: withoutNulls({ type, selector, ports }) } as ServiceObject;
}

export function keepSlice(raw: Raw): EndpointSliceObject {
  const { addressType, endpoints, ports } = raw;
  return {
    metadata: metaOf(raw),
    ...withoutNulls({ addressType, endpoints, ports }),
  } as unknown as EndpointSliceObject;
}

export function keepPod(raw: Raw): PodObject {
  const { phase, podIPs, conditions, containerStatuses } = fieldsOf(raw['status']);
  const { hostNetwork } = fieldsOf(raw['spec']);
  const read = list(conditions).filter((condition) =>
    ['Ready', 'DisruptionTarget'].includes(String(fieldsOf(condition)['type'])),
  );
  const containers = list(containerStatuses).map((each) => {
    const { name, restartCount, containerID, state } = fieldsOf(each);
    const { running } = fieldsOf(state);
    return withoutNulls({ name, restartCount, containerID, state: running === undefined ? undefined : { running } });
  });
  const status = withoutNulls({ phase, podIPs, conditions: read.map(conditionOf), containerStatuses: containers });
  const owners = list(fieldsOf(raw['metadata'])['ownerReferences']).map((each) => {
    const { kind, name, controller } = fieldsOf(each);
    return withoutNulls({ kind, name, controller });
  });
  const metadata = { ...metaOf(raw), ...(owners.length === 0 ? {} : { ownerReferences: owners }), ...marksOf(raw) };
  return { metadata, status, ...(hostNetwork === true ? { spec: { hostNetwork } } : {}) } as unknown as PodObject;
}

function conditionOf(raw: unknown): Raw {
  const { type, status, lastTransitionTime } = fieldsOf(raw);
  return withoutNulls({ type, status, lastTransitionTime });
}

/** Of the annotations, what a pod is worth to scale-in and whether that is from us; most pods have neither. */
function marksOf(raw: Raw): Raw {
  const annotations = fieldsOf(raw, 'metadata', 'annotations');
  const kept = [costAnnotation, ownCostAnnotation].filter((name) => annotations[name] !== undefined);
  return kept.length === 0 ? {} : { annotations: Object.fromEntries(kept.map((name) => [name, annotations[name]])) };
}

function metaOf(raw: Raw): Raw {
  const { name, namespace, uid, labels, deletionTimestamp } = fieldsOf(raw['metadata']);
  return withoutNulls({ name, namespace, uid, labels, deletionTimestamp });
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Absent, null and empty mean the same to Kubernetes. */
function withoutNulls(object: Raw): Raw {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null));
}
