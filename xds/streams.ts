/** The streams of the server: let in at a bounded rate, kept in the book, cut when they stall, ended at the stop. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../engine/clock.ts';
import { createAdmission } from './admission.ts';
import { createBook, type ServiceFilter } from './book.ts';
import type { XdsCache } from './cache.ts';
import { callTransport, endCall, type XdsCall } from './call.ts';
import type { Door } from './door.ts';
import type { XdsLimits } from './limits.ts';
import type { XdsObserver } from './observer.ts';
import { type Census, takeCensus } from './census.ts';
import type { Peer } from './peer.ts';
import type { ConnectedClient, ProxyView } from './proxy-view.ts';
import type { AnyRequest, Protocol } from './protocol.ts';
import { notReady, stopping, tooMuch } from './refusal.ts';
import { createStallGuard } from './stall.ts';
import { createStream } from './stream.ts';

export interface Streams {
  /** Handles a call of a service for one type, or, without one, of the aggregated service. */
  accept<Request extends AnyRequest>(call: XdsCall, protocol: Protocol<Request>, onlyType?: string): void;
  clients(): readonly ConnectedClient[];
  proxies(about?: ServiceFilter): readonly ProxyView[];
  census(): Census;
  /** Ends all of them, and turns new ones away. */
  stop(): void;
}

export interface StreamsOptions {
  readonly cache: XdsCache;
  readonly door: Door;
  readonly limits: XdsLimits;
  readonly observer: XdsObserver;
  readonly clock: Clock;
}

export function createStreams({ cache, door, limits, observer, clock }: StreamsOptions): Streams {
  const book = createBook(cache.serviceOf);
  const admission = createAdmission(clock, limits.streamsPerSecond);
  const stalls = createStallGuard(clock, limits.streamStallMs);
  /** Those that wait to be let in, too. */
  const calls = new Set<XdsCall>();
  let isStopping = false;

  function begin<Request extends AnyRequest>(
    call: XdsCall,
    { names, grant: { allows } }: Peer,
    protocol: Protocol<Request>,
    onlyType?: string,
  ): void {
    const transport = callTransport(call, stalls, () => {
      observer.stalled(stream.info);
      leave(`it left a response unread for ${limits.streamStallMs} ms`);
    });
    const stream = createStream({
      protocol,
      types: cache.types,
      allows,
      names,
      ...(onlyType === undefined ? {} : { onlyType }),
      transport,
      limits,
      observer,
      clock,
      nonceTag: randomUUID().slice(0, 8),
    });
    const leave = (fault?: string): void => {
      stream.close(fault);
      book.remove(stream);
    };
    book.add(stream);
    transport.receive(limits.maxRequestBytes, {
      request: (bytes) => stream.receive(bytes),
      refused: (status) => {
        leave(status.details);
        endCall(call, status);
      },
      ended: () => {
        leave();
        call.end();
      },
    });
    call.once('cancelled', () => leave());
  }

  return {
    accept(call, protocol, onlyType) {
      if (isStopping) return endCall(call, stopping);
      if (!cache.isOpen()) return endCall(call, notReady);
      if (calls.size >= limits.maxStreams) return endCall(call, tooMuch(`more than ${limits.maxStreams} streams`));
      const entry = door(call.getPeer());
      if (entry.kind === 'turned away') return endCall(call, entry.status);
      calls.add(call);
      // Until it is let in, nothing of it is read.
      const cameAtMs = clock.now();
      const giveUp = admission.enter(() => {
        observer.admitted(clock.now() - cameAtMs);
        begin(call, entry.peer, protocol, onlyType);
      });
      call.once('cancelled', () => {
        giveUp();
        calls.delete(call);
      });
    },

    clients: () => book.clients(),
    proxies: (about) => book.proxies(about),
    census: () => takeCensus(book.streams, { waiting: admission.waiting(), watchedNames: cache.watchedNames() }),

    stop() {
      isStopping = true;
      admission.stop();
      stalls.stop();
      for (const call of calls) endCall(call, stopping);
    },
  };
}
