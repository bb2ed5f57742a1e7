/** What differs between the protocols: how a request is read, and what it means for the subscription. */
import type { ClientClass } from '../engine/assignment/client-class.ts';
import type { DecodeLimits, Node } from './decode.ts';
import type { Answer } from './exchange.ts';
import type { VariantName } from './resource.ts';
import type { Absence, Subscription } from './subscription.ts';

export interface Protocol<Request extends AnyRequest = AnyRequest> {
  readonly variant: VariantName;
  /** How a client of this kind is told that something of this type does not exist. */
  absence(isFullState: boolean, dialect: ClientClass['dialect']): Absence;
  /** @throws RequestRefused for what is no request, or is beyond the limits. */
  decode(bytes: Uint8Array, limits: DecodeLimits): Request;
  /** Follows the wishes of the requests of one type on one stream. */
  createReader(subscription: Subscription, legacyWildcard: boolean): WishReader<Request>;
}

/** Names may change in any request, whatever it says about responses: the two have nothing to do with each other. */
export type WishReader<Request> = (request: Request, answer: Answer) => void;

/** What both protocols' requests have. */
export interface AnyRequest {
  readonly node?: Node;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly error?: { readonly code: number; readonly message: string };
}

/** The name of everything. */
export const wildcard = '*';
