/** What a backend is called outside: pod name, pod UID, address, address and port. Pure. */
import type { Backend } from '../model.ts';
import type { Match } from '../policy/policy.ts';

export type IdentityKind = Match['by'];

/** Backends by what they are called; more than one behind a name means that the name says nothing. */
export type BackendIndex = ReadonlyMap<string, readonly Backend[]>;

export function indexBackends(backends: readonly Backend[], by: IdentityKind): BackendIndex {
  const index = new Map<string, Backend[]>();
  for (const backend of backends) {
    for (const identity of new Set(identities(backend, by))) {
      const others = index.get(identity);
      if (others === undefined) index.set(identity, [backend]);
      else others.push(backend);
    }
  }
  return index;
}

function identities(backend: Backend, by: IdentityKind): readonly string[] {
  switch (by) {
    case 'PodName':
      return backend.podName === undefined ? [] : [backend.podName];
    case 'PodUID':
      return backend.podUid === undefined ? [] : [backend.podUid];
    case 'PodIP':
      return backend.endpoints.map(({ address }) => canonicalAddress(address));
    case 'Address':
      return backend.endpoints.map(({ address, port }) => joinPort(canonicalAddress(address), port));
  }
}

/** The form that {@link indexBackends} uses, or undefined when the text cannot name a backend in this way. */
export function canonicalIdentity(by: IdentityKind, text: string): string | undefined {
  if (text === '') return undefined;
  switch (by) {
    case 'PodName':
    case 'PodUID':
      return text;
    case 'PodIP':
      return canonicalAddress(text.replace(/^\[(.*)\]$/, '$1'));
    case 'Address': {
      const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? [];
      const address = bracketed ?? plain;
      return address === undefined ? undefined : joinPort(canonicalAddress(address), Number(port));
    }
  }
}

/**
 * One IPv6 address has many spellings (`::1`, `0:0:0:0:0:0:0:1`, `::0001`, upper case), and the exporter, the metric
 * store and Kubernetes need not choose the same. The WHATWG URL parser knows the canonical one.
 */
function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address;
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : address;
}

function joinPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
