/** Who asks, as far as it matters to what it is served. */
import type { ClientClass } from '../engine/assignment/client-class.ts';
import type { Node } from './decode.ts';

export interface Client {
  readonly class: ClientClass;
  /** Whether it may ask for what is in the namespace. Who it is was shown by its connection, never by what it says. */
  allows(namespace: string): boolean;
}

export type NamespaceRule = Client['allows'];

export const everywhere: NamespaceRule = () => true;

/** @param node as it introduced itself; a client that did not is served like an Envoy nobody knows the place of. */
export function clientOf(node: Node | undefined, allows: NamespaceRule): Client {
  const { zone = '', subZone = '' } = node ?? {};
  return { class: { dialect: dialectOf(node), zone, node: subZone }, allows };
}

export function dialectOf(node: Node | undefined): ClientClass['dialect'] {
  // `gRPC Go`, `gRPC Java`, `gRPC C-core linux`, `gRPC Node Pure JS`.
  return node?.userAgentName.startsWith('gRPC') === true ? 'grpc' : 'envoy';
}
