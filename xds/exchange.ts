/**
 * Responses and answers of one type on one stream. At most one response is unanswered at any time: what changes
 * meanwhile is due when the answer comes, in its newest version. A slow client costs no memory and misses no end state.
 */
import type { EpochMs } from '../engine/model.ts';
import type { VariantName } from './resource.ts';
import { type Batch, batchVersion, encodeResponse, type Pieces } from './response.ts';
import type { Subscription } from './subscription.ts';

/** What a request says about the responses before it. */
export type Answer =
  /** The first of its type on this stream. A nonce would be from an earlier stream, and means nothing here. */
  | { readonly kind: 'first' }
  | { readonly kind: 'accepted'; readonly push: Push }
  | { readonly kind: 'refused'; readonly push: Push; readonly message: string }
  /** Again the nonce of the last response, which had its answer already. */
  | { readonly kind: 'repeated' }
  /** About a response that is not the last, or about none. */
  | { readonly kind: 'none' };

/** A response that was sent. */
export interface Push extends Batch {
  readonly nonce: string;
  readonly version: string;
  readonly sentAtMs: EpochMs;
}

/** Of one stream. One count for all types: else the nonce of one type's response could pass for another's. */
export interface Nonces {
  nextNonce(): string;
}

export interface Exchange {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  answer(nonce: string, error: { readonly message: string } | undefined, now: EpochMs): Answer;
  /** The next response with what is due; undefined while one is unanswered, and when nothing is due. */
  next(nonces: Nonces, now: EpochMs): { readonly push: Push; readonly message: Pieces } | undefined;
  /** A response waits for its answer. */
  isUnanswered(): boolean;
  view(): ExchangeView;
}

export interface ExchangeView {
  readonly sentVersion?: string;
  readonly ackedVersion?: string;
  /** A response is unanswered since then. */
  readonly waitingSinceMs?: EpochMs;
  /** What was refused last, while anything that was refused has not been accepted in another version. */
  readonly nack?: { readonly version: string; readonly message: string; readonly atMs: EpochMs };
}

export interface ExchangeOptions {
  readonly typeUrl: string;
  readonly variant: VariantName;
  readonly subscription: Subscription;
  readonly responseBytes: number;
}

export function createExchange(options: ExchangeOptions): Exchange {
  return new TypeExchange(options);
}

/** A class, as all that there is ten thousand times: docs/adr/0013. */
class TypeExchange implements Exchange {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  private readonly variant: VariantName;
  private readonly responseBytes: number;
  private isFirst = true;
  private last: Push | undefined = undefined;
  private isWaiting = false;
  private ackedVersion: string | undefined = undefined;
  private nack: ExchangeView['nack'] = undefined;

  constructor({ typeUrl, variant, subscription, responseBytes }: ExchangeOptions) {
    this.typeUrl = typeUrl;
    this.subscription = subscription;
    this.variant = variant;
    this.responseBytes = responseBytes;
  }

  answer(nonce: string, error: { readonly message: string } | undefined, now: EpochMs): Answer {
    const { last, subscription } = this;
    if (this.isFirst) {
      this.isFirst = false;
      return { kind: 'first' };
    }
    if (last === undefined || nonce !== last.nonce) return { kind: 'none' };
    if (!this.isWaiting) return error === undefined ? { kind: 'repeated' } : { kind: 'none' };
    this.isWaiting = false;
    if (error === undefined) {
      this.ackedVersion = last.version;
      subscription.accepted(last);
      // What it took now may be another name than the one it refused, which is stuck all the same.
      if (this.nack !== undefined && !subscription.isRefusing()) this.nack = undefined;
      return { kind: 'accepted', push: last };
    }
    this.nack = { version: last.version, message: error.message, atMs: now };
    subscription.refused(last, error.message, now);
    return { kind: 'refused', push: last, message: error.message };
  }

  next(nonces: Nonces, now: EpochMs): { readonly push: Push; readonly message: Pieces } | undefined {
    const batch = this.isWaiting ? undefined : this.subscription.take(this.responseBytes);
    if (batch === undefined) return undefined;
    const push = { ...batch, nonce: nonces.nextNonce(), version: batchVersion(batch), sentAtMs: now };
    this.last = push;
    this.isWaiting = true;
    return { push, message: encodeResponse(this.variant, this.typeUrl, batch, push.nonce) };
  }

  isUnanswered(): boolean {
    return this.isWaiting;
  }

  view(): ExchangeView {
    const { last, isWaiting, ackedVersion, nack } = this;
    return {
      ...(last === undefined ? {} : { sentVersion: last.version }),
      ...(ackedVersion === undefined ? {} : { ackedVersion }),
      ...(last !== undefined && isWaiting ? { waitingSinceMs: last.sentAtMs } : {}),
      ...(nack === undefined ? {} : { nack }),
    };
  }
}
