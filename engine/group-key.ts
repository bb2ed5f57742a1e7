/** Which group of a fleet a backend belongs to: all with the same values of some labels. */
import type { Backend } from './model.ts';

export type GroupKey =
  /** `version=v2`, or `version=v2,topology.kubernetes.io/zone=a` for several labels, in the order they were asked for. */
  | { readonly kind: 'known'; readonly key: string }
  /** A guess here would compare the backend with strangers. */
  | { readonly kind: 'unknown'; readonly reason: string };

const zoneLabel = 'topology.kubernetes.io/zone';
const nodeLabel = 'kubernetes.io/hostname';

/** Zone and node are those of the backend, as EndpointSlices give them: few pods carry labels for them. */
export function groupKeyOf(backend: Backend, keys: readonly string[]): GroupKey {
  const parts: string[] = [];
  for (const key of keys) {
    const value = valueOf(backend, key);
    if (value === undefined) return { kind: 'unknown', reason: whyUnknown(backend, key) };
    parts.push(`${key}=${plain(value)}`);
  }
  return { kind: 'known', key: parts.join(',') };
}

function valueOf(backend: Backend, key: string): string | undefined {
  const { labels = {} } = backend;
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (key === zoneLabel) return backend.zone ?? label;
  return key === nodeLabel ? (backend.node ?? label) : label;
}

function whyUnknown({ labels }: Backend, key: string): string {
  if (key === zoneLabel) return 'its zone is not known';
  if (key === nodeLabel) return 'its node is not known';
  return labels === undefined ? 'the labels of its pod are not known' : `its pod has no label ${key}`;
}

/** A zone may be any text; two groups must not share a key because of what is in it. */
function plain(value: string): string {
  return value.replaceAll(/[%,=]/g, encodeURIComponent);
}
