/** From what a person types to a backend: pod name, backend id, `address`, `address:port` or `[v6]:port`. */
import type { Backend, Endpoint, Fleet } from '../model.ts';

export function addressText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * The backends of a fleet that `text` may mean; more than one only when the fleet itself has two by that name. Names come
 * before addresses, and whoever stays before whoever leaves: a new pod may already have the address of a leaving one.
 */
export function findBackends(fleet: Fleet, text: string): readonly Backend[] {
  const named = fleet.backends.filter(({ id, name, podName }) => [id, name, podName].includes(text));
  const found = named.length > 0 ? named : fleet.backends.filter((backend) => hasAddress(backend, text));
  const staying = found.filter(({ terminating }) => !terminating);
  return staying.length > 0 ? staying : found;
}

function hasAddress(backend: Backend, text: string): boolean {
  const wanted = canonical(text);
  return backend.endpoints.some((endpoint) =>
    [canonical(endpoint.address), canonical(addressText(endpoint))].includes(wanted),
  );
}

/** IPv6 has many spellings of one address; the URL parser knows the one to compare. */
function canonical(text: string): string {
  const [, address = text, port = ''] = /^\[(.*)\](:\d+)?$/.exec(text) ?? [];
  const isV6 = address.split(':').length > 2;
  if (!isV6 || !URL.canParse(`http://[${address}]`)) return text.toLowerCase();
  return `${new URL(`http://[${address}]`).hostname}${port}`;
}
