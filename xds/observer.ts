/** Tells the outside what happens on the streams. Must not throw, and must not publish. */
import type { SubjectName } from '../engine/tls/names.ts';
import type { Node } from './decode.ts';
import type { Push } from './exchange.ts';
import type { Peer } from './peer.ts';
import type { StreamStatus } from './refusal.ts';
import type { VariantName } from './resource.ts';
import type { HandshakeFailure } from './tls.ts';

export interface XdsObserver {
  /** There are as many connections as there may be. */
  connectionRefused(): void;
  /** A stream was let in, this long after it came. */
  admitted(waitedMs: number): void;
  /** A client could not connect by TLS, or was not let in. */
  handshakeFailed(failure: HandshakeFailure, address: string): void;
  /** A client that could connect was not let in: it may ask for nothing, or not any more. */
  callRefused(address: string, peer: Peer, status: StreamStatus): void;
  streamOpened(stream: StreamInfo): void;
  /** `fault` says what the client did wrong, where it did. */
  streamClosed(stream: StreamInfo, fault: string | undefined): void;
  /** `bytes` is the size of the request. */
  requested(stream: StreamInfo, typeUrl: string, bytes: number): void;
  pushed(stream: StreamInfo, typeUrl: string, push: Push, bytes: number): void;
  /** The client's flow control let the push go, this long after it was written. */
  taken(stream: StreamInfo, typeUrl: string, durationMs: number): void;
  /** `latencyMs` is the time since the push. */
  acked(stream: StreamInfo, typeUrl: string, push: Push, latencyMs: number): void;
  /** The client refused the push and keeps what it had; `message` is its own. */
  nacked(stream: StreamInfo, typeUrl: string, push: Push, message: string): void;
  /** A request spoke of a response that is not the last. */
  staleNonce(stream: StreamInfo, typeUrl: string): void;
  /** Somebody asked for a name that means nothing now. */
  unknownName(stream: StreamInfo, typeUrl: string, name: string): void;
  /** Somebody asked for a name in a namespace that is not theirs; they get silence, as for one that means nothing. */
  refusedName(stream: StreamInfo, typeUrl: string, name: string): void;
  /** Somebody asked for a type that nobody here has; once per type and stream. */
  unknownType(stream: StreamInfo, typeUrl: string): void;
  /** A client did not take a response in time; its stream was cut. */
  stalled(stream: StreamInfo): void;
}

export interface StreamInfo {
  /** `address:port` of the client. */
  readonly peer: string;
  /** Of its certificate: who it was shown to be, whatever it calls itself. */
  readonly names: readonly SubjectName[];
  readonly variant: VariantName;
  /** Of a service for one type; undefined for an aggregated stream. */
  readonly onlyType: string | undefined;
  /** As it introduced itself; undefined before its first request, and when it did not. */
  node(): Node | undefined;
}

const nothing = (): void => undefined;

export const silentObserver: XdsObserver = {
  connectionRefused: nothing,
  admitted: nothing,
  handshakeFailed: nothing,
  callRefused: nothing,
  streamOpened: nothing,
  streamClosed: nothing,
  requested: nothing,
  pushed: nothing,
  taken: nothing,
  acked: nothing,
  nacked: nothing,
  staleNonce: nothing,
  unknownName: nothing,
  refusedName: nothing,
  unknownType: nothing,
  stalled: nothing,
};
