/**
 * Responses and answers of one type on one stream. At most one response is unanswered at any time: what changes
 * meanwhile is due when the answer comes, in its newest version. A slow client costs no memory and misses no end state.
 */
import type { EpochMs } from '../engine/model.ts';
import type { Resource, VariantName } from './resource.ts';
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
export interface Push {
  readonly resources: readonly Resource[];
  readonly nonce: string;
  readonly version: string;
  readonly sentAtMs: EpochMs;
  /** As in its batch. */
  readonly changedAtMs?: EpochMs;
}

/** Of one stream. One count for all types: else the nonce of one type's response could pass for another's. */
export interface Nonces {
  nextCount(): number;
  nonceOf(count: number): string;
}

export interface NextResponse {
  readonly push: Push;
  readonly batch: Batch;
  readonly message: Pieces;
}

export interface Exchange {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  answer(nonce: string, error: { readonly message: string } | undefined, now: EpochMs): Answer;
  /** The next response with what is due; undefined while one is unanswered, and when nothing is due. */
  next(now: EpochMs): NextResponse | undefined;
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
  readonly nonces: Nonces;
  readonly responseBytes: number;
}

export function createExchange(options: ExchangeOptions): Exchange {
  return new TypeExchange(options);
}

const noResources: readonly Resource[] = [];

/**
 * A class, as all that there is ten thousand times: docs/adr/0013. Of the last response it keeps nothing that was made for
 * it: what each stream keeps until the next one is old when it is thrown away, and dear to collect.
 */
class TypeExchange implements Exchange {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  private readonly variant: VariantName;
  private readonly nonces: Nonces;
  private readonly responseBytes: number;
  private isFirst = true;
  /** Of the response sent last; 0 before the first. */
  private count = 0;
  private resources = noResources;
  private version = '';
  private sentAtMs: EpochMs = Number.NaN;
  /** Not a number where nothing had changed. */
  private changedAtMs: EpochMs = Number.NaN;
  private isWaiting = false;
  private ackedVersion: string | undefined = undefined;
  private nack: ExchangeView['nack'] = undefined;

  constructor({ typeUrl, variant, subscription, nonces, responseBytes }: ExchangeOptions) {
    this.typeUrl = typeUrl;
    this.subscription = subscription;
    this.variant = variant;
    this.nonces = nonces;
    this.responseBytes = responseBytes;
  }

  answer(nonce: string, error: { readonly message: string } | undefined, now: EpochMs): Answer {
    const { subscription, version } = this;
    if (this.isFirst) {
      this.isFirst = false;
      return { kind: 'first' };
    }
    if (this.count === 0 || nonce !== this.nonces.nonceOf(this.count)) return { kind: 'none' };
    if (!this.isWaiting) return error === undefined ? { kind: 'repeated' } : { kind: 'none' };
    this.isWaiting = false;
    if (error === undefined) {
      this.ackedVersion = version;
      subscription.accepted(this.resources);
      // What it took now may be another name than the one it refused, which is stuck all the same.
      if (this.nack !== undefined && !subscription.isRefusing()) this.nack = undefined;
      return { kind: 'accepted', push: this.push(nonce) };
    }
    this.nack = { version, message: error.message, atMs: now };
    subscription.refused(this.resources, error.message, now);
    return { kind: 'refused', push: this.push(nonce), message: error.message };
  }

  next(now: EpochMs): NextResponse | undefined {
    const batch = this.isWaiting ? undefined : this.subscription.take(this.responseBytes);
    if (batch === undefined) return undefined;
    this.count = this.nonces.nextCount();
    this.resources = batch.resources;
    this.version = batchVersion(batch);
    this.sentAtMs = now;
    this.changedAtMs = batch.changedAtMs ?? Number.NaN;
    this.isWaiting = true;
    const nonce = this.nonces.nonceOf(this.count);
    return { push: this.push(nonce), batch, message: encodeResponse(this.variant, this.typeUrl, batch, nonce) };
  }
  isUnanswered(): boolean {
    return this.isWaiting;
  }

  view(): ExchangeView {
    const { count, version, isWaiting, sentAtMs, ackedVersion, nack } = this;
    return {
      ...(count === 0 ? {} : { sentVersion: version }),
      ...(ackedVersion === undefined ? {} : { ackedVersion }),
      ...(isWaiting ? { waitingSinceMs: sentAtMs } : {}),
      ...(nack === undefined ? {} : { nack }),
    };
  }

  private push(nonce: string): Push {
    const { resources, version, sentAtMs, changedAtMs } = this;
    const push = { resources, nonce, version, sentAtMs };
    return Number.isNaN(changedAtMs) ? push : { ...push, changedAtMs };
  }
}
