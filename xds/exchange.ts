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

export interface Exchange {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  answer(nonce: string, error: { readonly message: string } | undefined, now: EpochMs): Answer;
  /** The next response with what is due; undefined while one is unanswered, and when nothing is due. */
  next(nonce: () => string, now: EpochMs): { readonly push: Push; readonly message: Pieces } | undefined;
  /** A response waits for its answer. */
  isUnanswered(): boolean;
  view(): ExchangeView;
}

export interface ExchangeView {
  readonly sentVersion?: string;
  readonly ackedVersion?: string;
  /** A response is unanswered since then. */
  readonly waitingSinceMs?: EpochMs;
  /** Refused, and nothing accepted since. */
  readonly nack?: { readonly version: string; readonly message: string; readonly atMs: EpochMs };
}

export interface ExchangeOptions {
  readonly typeUrl: string;
  readonly variant: VariantName;
  readonly subscription: Subscription;
  readonly responseBytes: number;
}

export function createExchange({ typeUrl, variant, subscription, responseBytes }: ExchangeOptions): Exchange {
  let isFirst = true;
  let last: Push | undefined;
  let isUnanswered = false;
  let ackedVersion: string | undefined;
  let nack: ExchangeView['nack'];

  return {
    typeUrl,
    subscription,

    answer(nonce, error, now) {
      if (isFirst) {
        isFirst = false;
        return { kind: 'first' };
      }
      if (last === undefined || nonce !== last.nonce) return { kind: 'none' };
      if (!isUnanswered) return error === undefined ? { kind: 'repeated' } : { kind: 'none' };
      isUnanswered = false;
      if (error === undefined) {
        ackedVersion = last.version;
        nack = undefined;
        subscription.accepted(last);
        return { kind: 'accepted', push: last };
      }
      nack = { version: last.version, message: error.message, atMs: now };
      subscription.refused(last, error.message, now);
      return { kind: 'refused', push: last, message: error.message };
    },

    next(nonce, now) {
      const batch = isUnanswered ? undefined : subscription.take(responseBytes);
      if (batch === undefined) return undefined;
      last = { ...batch, nonce: nonce(), version: batchVersion(batch), sentAtMs: now };
      isUnanswered = true;
      return { push: last, message: encodeResponse(variant, typeUrl, batch, last.nonce) };
    },

    isUnanswered: () => isUnanswered,

    view: () => ({
      ...(last === undefined ? {} : { sentVersion: last.version }),
      ...(ackedVersion === undefined ? {} : { ackedVersion }),
      ...(last !== undefined && isUnanswered ? { waitingSinceMs: last.sentAtMs } : {}),
      ...(nack === undefined ? {} : { nack }),
    }),
  };
}
