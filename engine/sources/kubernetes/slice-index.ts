/** EndpointSlices by their Service, and which Services name a pod. */
import { type ServiceKey, serviceKey } from '../../model.ts';
import { type EndpointSliceObject, serviceNameLabel } from '../kubernetes-objects.ts';
import type { Change } from '../../kubernetes/reflector.ts';

export interface SliceIndex {
  /** @returns the Services it concerns: those before, and those after. */
  follow(change: Change<EndpointSliceObject>): ReadonlySet<ServiceKey>;
  of(service: ServiceKey): readonly EndpointSliceObject[];
  /** @param pod `namespace/name` */
  naming(pod: string): ReadonlySet<ServiceKey>;
}

interface Entry {
  readonly slice: EndpointSliceObject;
  readonly service: ServiceKey;
}

export function createSliceIndex(): SliceIndex {
  const entries = new Map<string, Entry>();
  const byService = new Map<ServiceKey, Set<string>>();
  /** A pod may be in several slices of one Service: one for each address family. */
  const byPod = new Map<string, Set<string>>();

  function drop(key: string): ServiceKey | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    entries.delete(key);
    remove(byService, entry.service, key);
    for (const pod of podsIn(entry.slice)) remove(byPod, pod, key);
    return entry.service;
  }

  function put(key: string, slice: EndpointSliceObject): ServiceKey | undefined {
    const service = serviceOf(slice);
    if (service === undefined) return undefined;
    entries.set(key, { slice, service });
    add(byService, service, key);
    for (const pod of podsIn(slice)) add(byPod, pod, key);
    return service;
  }

  return {
    follow(change) {
      const touched = new Set<ServiceKey | undefined>();
      if (change.kind === 'listed') {
        for (const key of change.gone.keys()) touched.add(drop(key));
        for (const [key, slice] of change.items) touched.add(drop(key)).add(put(key, slice));
      } else {
        touched.add(drop(change.key));
        if (change.kind === 'changed') touched.add(put(change.key, change.object));
      }
      return new Set([...touched].filter((service) => service !== undefined));
    },
    of: (service) => [...(byService.get(service) ?? [])].flatMap((key) => entries.get(key)?.slice ?? []),
    naming: (pod) => new Set([...(byPod.get(pod) ?? [])].flatMap((key) => entries.get(key)?.service ?? [])),
  };
}

function serviceOf({ metadata }: EndpointSliceObject): ServiceKey | undefined {
  const name = metadata?.labels?.[serviceNameLabel];
  return name === undefined ? undefined : serviceKey(metadata?.namespace ?? '', name);
}

function podsIn({ metadata, endpoints = [] }: EndpointSliceObject): readonly string[] {
  return endpoints.flatMap(({ targetRef }) =>
    targetRef?.kind === 'Pod' && targetRef.name !== undefined ? [`${metadata?.namespace ?? ''}/${targetRef.name}`] : [],
  );
}

function add<Key>(index: Map<Key, Set<string>>, key: Key, value: string): void {
  index.set(key, (index.get(key) ?? new Set()).add(value));
}

function remove<Key>(index: Map<Key, Set<string>>, key: Key, value: string): void {
  const values = index.get(key);
  values?.delete(value);
  if (values?.size === 0) index.delete(key);
}
