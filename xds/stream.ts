/**
 * One stream: reads requests, keeps an exchange for each type, and sends what is due whenever the client has taken the
 * last message. It hands over one message at a time, so nothing piles up for a client that does not read.
 */
import type { Clock } from '../engine/clock.ts';
import type { EpochMs } from '../engine/model.ts';
import type { SubjectName } from '../engine/tls/names.ts';
import { type Client, clientOf, type NamespaceRule } from './client.ts';
import { type Node, tooManyNames } from './decode.ts';
import { createExchange, type Exchange, type Nonces } from './exchange.ts';
import type { XdsLimits } from './limits.ts';
import type { StreamInfo, XdsObserver } from './observer.ts';
import type { AnyRequest, Protocol, WishReader } from './protocol.ts';
import { internalError, malformed, RequestRefused, type StreamStatus, tooMuch } from './refusal.ts';
import type { Batch, Pieces } from './response.ts';
import type { VariantName } from './resource.ts';
import { createSubscription, type SubscriptionOwner } from './subscription.ts';
import { clusterType, endpointType, noResources, pushRank, type ResourceType } from './types.ts';

/** The way to the client. */
export interface Transport {
  /** `address:port` of the client. */
  readonly peer: string;
  /** Hands over one message; `onTaken` is called when the client's flow control let it go. One at a time. */
  send(message: Pieces, onTaken: () => void): void;
  /** Whether requests are read; at first they are. */
  read(isReading: boolean): void;
  /** Ends the stream; what was sent before still arrives. */
  end(status: StreamStatus): void;
}

export interface StreamOptions<Request extends AnyRequest> {
  readonly protocol: Protocol<Request>;
  readonly types: ReadonlyMap<string, ResourceType>;
  /** What the client may ask for, by what its connection showed. */
  readonly allows: NamespaceRule;
  /** Of the client's certificate. */
  readonly names: readonly SubjectName[];
  /** Of a service for one type. On an aggregated stream each request names its type. */
  readonly onlyType?: string;
  readonly transport: Transport;
  readonly limits: XdsLimits;
  readonly observer: XdsObserver;
  readonly clock: Clock;
  /** Makes this stream's nonces unlike those of any other, so that none from an earlier stream can be taken for them. */
  readonly nonceTag: string;
}

export interface Stream {
  readonly info: StreamInfo;
  receive(bytes: Uint8Array): void;
  /** The client is gone, or is sent away; it may be called again. */
  close(fault?: string): void;
  readonly openedAtMs: EpochMs;
  /** One a type it asked for. */
  exchanges(): Iterable<Exchange>;
}

export function createStream<Request extends AnyRequest>(options: StreamOptions<Request>): Stream {
  return new TypedStream(options);
}

/** A class, as all that there is ten thousand times: docs/adr/0013. */
class TypedStream<Request extends AnyRequest> implements Stream, StreamInfo, Nonces {
  readonly peer: string;
  readonly variant: VariantName;
  readonly onlyType: string | undefined;
  readonly openedAtMs: EpochMs;
  private readonly options: StreamOptions<Request>;
  /** In the order in which they are pushed. */
  private lanes: readonly Lane<Request>[] = [];
  private introduction: Node | undefined = undefined;
  /** Known from the first request on; who introduces itself later is not served differently for that. */
  private client: Client | undefined = undefined;
  private nonces = 0;
  /** What the client has not taken yet. */
  private underWay: Lane<Request> | undefined = undefined;
  private sentAtMs: EpochMs = 0;
  /** Nothing more is read of it until it takes what is under way. */
  private isHeld = false;
  private isClosed = false;

  constructor(options: StreamOptions<Request>) {
    const { protocol, onlyType, transport, clock, observer } = options;
    this.options = options;
    this.peer = transport.peer;
    this.variant = protocol.variant;
    this.onlyType = onlyType;
    this.openedAtMs = clock.now();
    observer.streamOpened(this);
  }

  get names(): readonly SubjectName[] {
    return this.options.names;
  }

  get info(): StreamInfo {
    return this;
  }

  node(): Node | undefined {
    return this.introduction;
  }

  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.lanes) yield exchange;
  }

  nextCount(): number {
    this.nonces += 1;
    return this.nonces;
  }

  nonceOf(count: number): string {
    return `${this.options.nonceTag}.${count}`;
  }

  receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    // Who asks on and on and takes no answer would keep us busy for nothing: its flow control is to stop it, too.
    if (this.underWay !== undefined && !this.isHeld) {
      this.isHeld = true;
      this.options.transport.read(false);
    }
    try {
      this.read(bytes);
    } catch (error) {
      this.end(error);
      return;
    }
    this.push();
  }

  push(): void {
    const { clock, observer, transport } = this.options;
    for (const lane of this.lanes) {
      if (this.underWay !== undefined || this.isClosed) return;
      const now = clock.now();
      const next = lane.exchange.next(now);
      if (next === undefined) continue;
      const { typeUrl } = lane.exchange;
      this.underWay = lane;
      this.sentAtMs = now;
      this.repeatEndpoints(typeUrl, next.batch);
      const [own, shared] = next.message;
      observer.pushed(this, typeUrl, next.push, own.length + shared.length);
      transport.send(next.message, this.onTaken);
    }
  }

  close(fault?: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const { exchange } of this.lanes) exchange.subscription.close();
    this.options.observer.streamClosed(this, fault);
  }

  private readonly onTaken = (): void => {
    const { clock, observer, transport } = this.options;
    const lane = this.underWay;
    this.underWay = undefined;
    if (this.isHeld) {
      this.isHeld = false;
      transport.read(true);
    }
    if (lane !== undefined) observer.taken(this, lane.exchange.typeUrl, clock.now() - this.sentAtMs);
    this.push();
  };

  private read(bytes: Uint8Array): void {
    const { protocol, limits, clock, observer } = this.options;
    const request = protocol.decode(bytes, limits);
    this.introduction ??= request.node;
    const typeUrl = this.typeOf(request);
    const lane = this.laneOf(typeUrl);
    observer.requested(this, typeUrl, bytes.length);
    const now = clock.now();
    const answer = lane.exchange.answer(request.nonce, request.error, now);
    if (answer.kind === 'accepted') observer.acked(this, typeUrl, answer.push, now - answer.push.sentAtMs);
    if (answer.kind === 'refused') observer.nacked(this, typeUrl, answer.push, answer.message);
    if (answer.kind === 'none' && request.nonce !== '') observer.staleNonce(this, typeUrl);
    lane.readWishes(request, answer);
    let names = 0;
    for (const { exchange } of this.lanes) names += exchange.subscription.size();
    if (names > limits.maxNamesPerStream) throw tooManyNames(limits.maxNamesPerStream);
  }

  private typeOf({ typeUrl }: AnyRequest): string {
    const { onlyType } = this;
    if (onlyType === undefined && typeUrl === '') throw malformed('a request on an aggregated stream needs a type_url');
    if (onlyType !== undefined && typeUrl !== '' && typeUrl !== onlyType) {
      throw malformed(`this method serves ${onlyType}; ask an aggregated stream for other types`);
    }
    return onlyType ?? typeUrl;
  }

  private laneOf(typeUrl: string): Lane<Request> {
    for (const lane of this.lanes) if (lane.exchange.typeUrl === typeUrl) return lane;
    const { types, limits, allows, observer } = this.options;
    if (typeUrl.length > limits.maxNameLength) throw malformed(`a type_url of ${typeUrl.length} characters`);
    if (this.lanes.length >= limits.maxTypesPerStream) {
      throw tooMuch(`more than ${limits.maxTypesPerStream} types on one stream`);
    }
    const type = types.get(typeUrl);
    // One type that we do not have must not cost the client the others on its stream.
    if (type === undefined) observer.unknownType(this, typeUrl);
    this.client ??= clientOf(this.introduction, allows);
    const added = new Lane(this, this.options, this.client, typeUrl, type);
    this.lanes = [...this.lanes, added].toSorted((a, b) => pushRank(a.exchange.typeUrl) - pushRank(b.exchange.typeUrl));
    return added;
  }

  /**
   * A client that gets a cluster waits for its endpoints. An Envoy that has asked for endpoints of that name before does
   * not ask again, and would wait until a timeout.
   */
  private repeatEndpoints(typeUrl: string, { resources, changed = resources }: Batch): void {
    if (typeUrl !== clusterType) return;
    for (const { exchange } of this.lanes) {
      if (exchange.typeUrl === endpointType) exchange.subscription.repeat(changed.map(({ name }) => name));
    }
  }

  /** Whatever goes wrong with one client ends its stream, and nothing else. */
  private end(error: unknown): void {
    const refusal = error instanceof RequestRefused ? error : internalError;
    this.close(error instanceof RequestRefused || !(error instanceof Error) ? refusal.details : error.stack);
    this.options.transport.end(refusal);
  }
}

/** One type on one stream. */
class Lane<Request extends AnyRequest> implements SubscriptionOwner {
  readonly exchange: Exchange;
  readonly readWishes: WishReader<Request>;
  private readonly stream: TypedStream<Request>;
  private readonly observer: XdsObserver;

  constructor(
    stream: TypedStream<Request>,
    { protocol, limits, observer }: StreamOptions<Request>,
    client: Client,
    typeUrl: string,
    type: ResourceType | undefined,
  ) {
    const { variant } = protocol;
    const subscription = createSubscription({
      resources: type?.resources ?? noResources,
      client,
      absence: protocol.absence(type?.isFullState ?? false, client.class.dialect),
      owner: this,
    });
    this.stream = stream;
    this.observer = observer;
    this.exchange = createExchange({
      typeUrl,
      variant,
      subscription,
      nonces: stream,
      responseBytes: limits.responseBytes,
    });
    this.readWishes = protocol.createReader(subscription, type?.legacyWildcard ?? false);
  }

  due(): void {
    this.stream.push();
  }

  unknownName(name: string): void {
    this.observer.unknownName(this.stream, this.exchange.typeUrl, name);
  }

  refusedName(name: string): void {
    this.observer.refusedName(this.stream, this.exchange.typeUrl, name);
  }
}
