/**
 * One stream: reads requests, keeps an exchange for each type, and sends what is due whenever the client has taken the
 * last message. It hands over one message at a time, so nothing piles up for a client that does not read.
 */
import type { Clock } from '../engine/clock.ts';
import type { EpochMs } from '../engine/model.ts';
import { type Client, clientOf, type NamespaceRule } from './client.ts';
import { type Node, tooManyNames } from './decode.ts';
import { createExchange, type Exchange, type Push } from './exchange.ts';
import type { XdsLimits } from './limits.ts';
import type { StreamInfo, XdsObserver } from './observer.ts';
import type { AnyRequest, Protocol, WishReader } from './protocol.ts';
import { internalError, malformed, RequestRefused, type StreamStatus, tooMuch } from './refusal.ts';
import type { Pieces } from './response.ts';
import { createSubscription } from './subscription.ts';
import { clusterType, endpointType, noResources, pushRank, type ResourceType } from './types.ts';

/** The way to the client. */
export interface Transport {
  /** `address:port` of the client. */
  readonly peer: string;
  /** Hands over one message; `onTaken` is called when the client's flow control let it go. One at a time. */
  send(message: Pieces, onTaken: () => void): void;
  /** Ends the stream; what was sent before still arrives. */
  end(status: StreamStatus): void;
}

export interface StreamOptions<Request extends AnyRequest> {
  readonly protocol: Protocol<Request>;
  readonly types: ReadonlyMap<string, ResourceType>;
  /** What the client may ask for, by what its connection showed. */
  readonly allows: NamespaceRule;
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

interface TypedExchange<Request> {
  readonly exchange: Exchange;
  readonly readWishes: WishReader<Request>;
}

export function createStream<Request extends AnyRequest>(options: StreamOptions<Request>): Stream {
  const { protocol, types, allows, onlyType, transport, limits, observer, clock, nonceTag } = options;
  /** In the order in which they are pushed. */
  let exchanges = new Map<string, TypedExchange<Request>>();
  const openedAtMs = clock.now();
  let node: Node | undefined;
  /** Known from the first request on; who introduces itself later is not served differently for that. */
  let client: Client | undefined;
  let nonces = 0;
  let isSending = false;
  let isClosed = false;
  const info: StreamInfo = { peer: transport.peer, variant: protocol.variant, onlyType, node: () => node };

  // One count for all types: else the nonce of one type's response could pass for another's.
  const nextNonce = (): string => `${nonceTag}.${++nonces}`;

  function typeOf({ typeUrl }: AnyRequest): string {
    if (onlyType === undefined && typeUrl === '') throw malformed('a request on an aggregated stream needs a type_url');
    if (onlyType !== undefined && typeUrl !== '' && typeUrl !== onlyType) {
      throw malformed(`this method serves ${onlyType}; ask an aggregated stream for other types`);
    }
    return onlyType ?? typeUrl;
  }

  function exchangeOf(typeUrl: string): TypedExchange<Request> {
    const known = exchanges.get(typeUrl);
    if (known !== undefined) return known;
    if (typeUrl.length > limits.maxNameLength) throw malformed(`a type_url of ${typeUrl.length} characters`);
    if (exchanges.size >= limits.maxTypesPerStream) {
      throw tooMuch(`more than ${limits.maxTypesPerStream} types on one stream`);
    }
    const type = types.get(typeUrl);
    // One type that we do not have must not cost the client the others on its stream.
    if (type === undefined) observer.unknownType(info, typeUrl);
    client ??= clientOf(node, allows);
    const subscription = createSubscription({
      resources: type?.resources ?? noResources,
      client,
      absence: protocol.absence(type?.isFullState ?? false, client.class.dialect),
      onDue: push,
      onUnknown: (name) => observer.unknownName(info, typeUrl, name),
      onRefused: (name) => observer.refusedName(info, typeUrl, name),
    });
    const { responseBytes } = limits;
    const added = {
      exchange: createExchange({ typeUrl, variant: protocol.variant, subscription, responseBytes }),
      readWishes: protocol.createReader(subscription, type?.legacyWildcard ?? false),
    };
    exchanges = inPushOrder([...exchanges, [typeUrl, added]]);
    return added;
  }

  function read(bytes: Uint8Array): void {
    const request = protocol.decode(bytes, limits);
    node ??= request.node;
    const typeUrl = typeOf(request);
    const { exchange, readWishes } = exchangeOf(typeUrl);
    observer.requested(info, typeUrl, bytes.length);
    const now = clock.now();
    const answer = exchange.answer(request.nonce, request.error, now);
    if (answer.kind === 'accepted') observer.acked(info, typeUrl, answer.push, now - answer.push.sentAtMs);
    if (answer.kind === 'refused') observer.nacked(info, typeUrl, answer.push, answer.message);
    if (answer.kind === 'none' && request.nonce !== '') observer.staleNonce(info, typeUrl);
    readWishes(request, answer);
    let names = 0;
    for (const { exchange: each } of exchanges.values()) names += each.subscription.size();
    if (names > limits.maxNamesPerStream) throw tooManyNames(limits.maxNamesPerStream);
  }

  function push(): void {
    for (const { exchange } of exchanges.values()) {
      if (isSending || isClosed) return;
      const next = exchange.next(nextNonce, clock.now());
      if (next === undefined) continue;
      const { typeUrl } = exchange;
      isSending = true;
      repeatEndpoints(typeUrl, next.push);
      const [own, shared] = next.message;
      observer.pushed(info, typeUrl, next.push, own.length + shared.length);
      transport.send(next.message, () => {
        isSending = false;
        observer.taken(info, typeUrl, clock.now() - next.push.sentAtMs);
        push();
      });
    }
  }

  /**
   * A client that gets a cluster waits for its endpoints. An Envoy that has asked for endpoints of that name before does
   * not ask again, and would wait until a timeout.
   */
  function repeatEndpoints(typeUrl: string, { resources, changed = resources }: Push): void {
    if (typeUrl !== clusterType) return;
    exchanges.get(endpointType)?.exchange.subscription.repeat(changed.map(({ name }) => name));
  }

  function close(fault?: string): void {
    if (isClosed) return;
    isClosed = true;
    for (const { exchange } of exchanges.values()) exchange.subscription.close();
    observer.streamClosed(info, fault);
  }

  /** Whatever goes wrong with one client ends its stream, and nothing else. */
  function end(error: unknown): void {
    const refusal = error instanceof RequestRefused ? error : internalError;
    close(error instanceof RequestRefused || !(error instanceof Error) ? refusal.details : error.stack);
    transport.end(refusal);
  }

  observer.streamOpened(info);
  return {
    info,
    receive(bytes) {
      if (isClosed) return;
      try {
        read(bytes);
      } catch (error) {
        end(error);
        return;
      }
      push();
    },
    close,
    openedAtMs,
    *exchanges() {
      for (const { exchange } of exchanges.values()) yield exchange;
    },
  };
}

function inPushOrder<Value>(byType: readonly (readonly [typeUrl: string, Value])[]): Map<string, Value> {
  return new Map(byType.toSorted(([a], [b]) => pushRank(a) - pushRank(b)));
}
