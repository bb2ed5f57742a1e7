/** A Service, its EndpointSlices and, where known, its Pods become a fleet. Pure: every source of Kubernetes objects uses it. */
import { rotationLabel } from '../kubernetes/mark-names.ts';
import type { Backend, Endpoint, Fleet, ServiceKey, ServicePort } from '../model.ts';
import { backendId, splitServiceKey } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { EndpointSliceObject, PodObject, ServiceObject, SliceEndpoint, SlicePort } from './kubernetes-objects.ts';
import {
  isPodLeaving,
  podAddresses,
  podDisruptedSinceMs,
  podIncarnation,
  podReadySinceMs,
  podWorkload,
} from './kubernetes-objects.ts';

export interface ServiceObjects {
  readonly key: ServiceKey;
  readonly service: ServiceObject;
  /** All slices of this Service, in any order. */
  readonly slices: readonly EndpointSliceObject[];
  /** The Pod of that name in the Service's namespace, where Pods are known. */
  readonly podNamed: (name: string) => PodObject | undefined;
}

export interface FleetReading {
  readonly fleet: Fleet;
  /** What could not be used, with the slice it is about, so that the caller can say where that slice is. */
  readonly findings: readonly { readonly slice: EndpointSliceObject; readonly problem: Problem }[];
}

/**
 * Slices are merged by backend: a Service with named target ports or two address families has several slices that
 * list the same pods, and a pod that moves between slices is in two of them for a moment.
 */
export function fleetOf({ key, service, slices, podNamed }: ServiceObjects): FleetReading {
  const { namespace } = splitServiceKey(key);
  const ports = servicePorts(service);
  const portNames = new Set(ports.map((port) => port.name));
  const findings: { slice: EndpointSliceObject; problem: Problem }[] = [];
  const listings: Listing[] = [];
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') {
      findings.push({ slice, problem: fqdnSlice(key) });
      continue;
    }
    const named = tcpPorts(slice.ports);
    const unknown = named.filter((port) => !portNames.has(port.name));
    if (unknown.length > 0) findings.push({ slice, problem: unknownPorts(key, unknown, ports) });
    const usable = named.filter((port) => portNames.has(port.name));
    if (usable.length === 0) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const listing = listingOf(endpoint, usable, namespace, podNamed);
      if (listing !== undefined) listings.push(listing);
    }
  }
  const backends = [...Map.groupBy(listings, (listing) => listing.id).values()].map(backendOf).sort(byId);
  return { fleet: { service: key, ports, hasSelector: hasSelector(service), backends }, findings };
}

/** Kubernetes ignores the selector of an ExternalName Service. */
function hasSelector({ spec }: ServiceObject): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0;
}

/** A mesh balances TCP; a UDP port may share number and pods with a TCP port and must not shadow it. */
function isTcp({ protocol }: { readonly protocol?: string }): boolean {
  return protocol === undefined || protocol === '' || protocol === 'TCP';
}

function servicePorts({ spec }: ServiceObject): readonly ServicePort[] {
  return (spec?.ports ?? [])
    .filter(isTcp)
    .map(({ name = '', port, appProtocol }) => ({
      name,
      number: port,
      ...(isHttp2(appProtocol ?? name.split('-')[0]) ? { protocol: 'http2' as const } : {}),
    }))
    .sort((a, b) => a.number - b.number || compareText(a.name, b.name));
}

/** By `appProtocol`, else by the first word of the port's name, as Istio reads it. */
function isHttp2(protocol: string | undefined): boolean {
  return ['kubernetes.io/h2c', 'h2c', 'http2', 'grpc'].includes(protocol ?? '');
}

interface NamedPort {
  readonly name: string;
  readonly port: number;
}

function tcpPorts(ports: readonly SlicePort[] = []): readonly NamedPort[] {
  return ports.filter(isTcp).flatMap(({ name, port }) => (port === undefined ? [] : [{ name: name ?? '', port }]));
}

/** One backend as one slice lists it. */
interface Listing {
  readonly id: string;
  readonly name: string;
  readonly podName?: string;
  readonly podUid?: string;
  readonly pod?: PodObject;
  readonly source: SliceEndpoint;
  readonly endpoints: readonly Endpoint[];
}

function listingOf(
  source: SliceEndpoint,
  ports: readonly NamedPort[],
  namespace: string,
  podNamed: (name: string) => PodObject | undefined,
): Listing | undefined {
  const address = source.addresses[0];
  if (address === undefined) return undefined;
  const endpoints = ports.map(({ name, port }) => ({ portName: name, address, port }));
  const target = source.targetRef;
  const targetName = target?.name ?? '';
  // A slice can claim any target it likes. Only one of its own namespace is believed: decisions never cross namespaces.
  const isOwn = (target?.namespace ?? namespace) === namespace;
  if (target === undefined || targetName === '' || !isOwn) {
    // Several ports of one address are one backend; the lowest port names it whatever order they are listed in.
    const lowest = Math.min(...ports.map(({ port }) => port));
    const id = `${address.includes(':') ? `[${address}]` : address}:${lowest}`;
    return { id, name: id, source, endpoints };
  }
  if (target.kind !== 'Pod') return { id: targetName, name: targetName, source, endpoints };
  const known = podNamed(targetName);
  const knownUid = known?.metadata?.uid;
  const uid = target.uid ?? knownUid;
  // A Pod of the same name but another UID has replaced the one the slice means: its labels and age are not this one's.
  const pod = knownUid === undefined || knownUid === uid ? known : undefined;
  return {
    id: uid ?? targetName,
    name: targetName,
    podName: targetName,
    ...(uid !== undefined && { podUid: uid }),
    ...(pod !== undefined && { pod }),
    source,
    endpoints,
  };
}

/**
 * Slices are updated one after the other, so two of them may disagree about a backend for a moment. Terminating is
 * final, so one that says so is right; ready must be agreed, so that nobody is sent to a pod already known unready.
 */
function backendOf(listings: readonly Listing[]): Backend {
  const [first] = listings as readonly [Listing, ...Listing[]];
  const conditions = listings.map(({ source }) => conditionsOf(source));
  const pod = listings.find((listing) => listing.pod !== undefined)?.pod;
  const zone = listings.find(({ source }) => (source.zone ?? '') !== '')?.source.zone;
  const node = listings.find(({ source }) => (source.nodeName ?? '') !== '')?.source.nodeName;
  const ready = conditions.every((condition) => condition.ready);
  const readySinceMs = pod !== undefined && ready ? podReadySinceMs(pod) : undefined;
  const incarnation = pod === undefined ? undefined : podIncarnation(pod);
  const workload = pod === undefined ? undefined : podWorkload(pod);
  const disruptedSinceMs = pod === undefined ? undefined : podDisruptedSinceMs(pod);
  return {
    id: backendId(first.id),
    name: first.name,
    ...(first.podName !== undefined && { podName: first.podName }),
    ...(first.podUid !== undefined && { podUid: first.podUid }),
    ready,
    serving: conditions.every((condition) => condition.serving),
    terminating: conditions.some((condition) => condition.terminating) || (pod !== undefined && isPodLeaving(pod)),
    ...(zone !== undefined && { zone }),
    ...(node !== undefined && { node }),
    ...(pod !== undefined && { labels: labelsOf(pod) }),
    ...(readySinceMs !== undefined && { readySinceMs }),
    ...(incarnation !== undefined && { incarnation }),
    ...(workload !== undefined && { workload }),
    ...(disruptedSinceMs !== undefined && { disruptedSinceMs }),
    ...(pod !== undefined && { ownAddresses: podAddresses(pod) }),
    endpoints: uniqueEndpoints(listings.flatMap((listing) => listing.endpoints)),
  };
}

/** Without the one that we may have set: what was decided must not change what is decided about. */
function labelsOf({ metadata }: PodObject): Readonly<Record<string, string>> {
  const { labels = {} } = metadata ?? {};
  if (labels[rotationLabel] === undefined) return labels;
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== rotationLabel));
}

/** Absent conditions as Kubernetes reads them: ready unless denied, serving as ready, terminating only if said. */
function conditionsOf({ conditions }: SliceEndpoint): { ready: boolean; serving: boolean; terminating: boolean } {
  const ready = conditions?.ready ?? true;
  return { ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false };
}

export function uniqueEndpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const unique = new Map(endpoints.map((each) => [`${each.portName} ${each.address} ${each.port}`, each]));
  return [...unique.values()].sort(
    (a, b) => compareText(a.portName, b.portName) || compareText(a.address, b.address) || a.port - b.port,
  );
}

/** By code unit, not by locale: every replica must sort alike. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function byId(a: Backend, b: Backend): number {
  return compareText(a.id, b.id);
}

function fqdnSlice(key: ServiceKey): Problem {
  return {
    code: 'KV0210',
    severity: 'warning',
    field: 'addressType',
    message: `EndpointSlice of ${key} lists host names (addressType FQDN); it is ignored, because EDS carries addresses only`,
    remedy: 'list IPv4 or IPv6 addresses',
  };
}

function unknownPorts(key: ServiceKey, unknown: readonly NamedPort[], ports: readonly ServicePort[]): Problem {
  const quoted = (names: readonly { readonly name: string }[]): string =>
    names.map(({ name }) => `"${name}"`).join(', ') || 'none';
  return {
    code: 'KV0211',
    severity: 'warning',
    field: 'ports',
    message: `EndpointSlice port ${quoted(unknown)} is no TCP port of Service ${key}, which has ${quoted(ports)}; its endpoints are not served`,
    remedy: 'name the ports of the slice as the Service names them',
  };
}
