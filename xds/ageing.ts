/**
 * Bounds the age of connections. Streams of xDS never end by themselves, so without it a replica that was started last
 * gets no clients, and a client is served for ever on a certificate that was looked at once.
 *
 * grpc-js can do it, but ends what has not ended by cutting the connection, about which Envoy writes a warning for each
 * of its streams. Here an old connection is announced as such (GOAWAY), so that new streams take another one, and after
 * the grace its streams end with OK: Envoy says nothing, and like gRPC clients it comes back after a pause of its own
 * that is short and drawn by lot.
 */
import { constants, type Http2Session } from 'node:http2';
import { type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock } from '../engine/clock.ts';
import { http2StreamOf, onEachCall } from './grpc-internals.ts';
import type { XdsLimits } from './limits.ts';
import type { Identify } from './peer.ts';

export interface AgeingOptions {
  readonly identify: Identify;
  readonly limits: Pick<XdsLimits, 'maxConnectionAgeMs' | 'maxConnectionAgeGraceMs' | 'streamStallMs'>;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** "Whatever stream you opened is served": the streams under way when it is sent are not refused. */
const anyStream = 0x7fff_ffff;

/** The age counts from the first call of a connection: one without calls is kept alive by nobody's need. */
export function createAgeing({ limits, identify, clock, random }: AgeingOptions): ServerInterceptor {
  const connections = new Map<Http2Session, Set<ServerInterceptingCallInterface>>();
  const { maxConnectionAgeMs, maxConnectionAgeGraceMs, streamStallMs } = limits;

  function callsOf(session: Http2Session, address: string): Set<ServerInterceptingCallInterface> {
    const known = connections.get(session);
    if (known !== undefined) return known;
    const calls = new Set<ServerInterceptingCallInterface>();
    connections.set(session, calls);
    // Those that connected together, after a restart, should not come back together.
    const ageMs = maxConnectionAgeMs === 0 ? Number.POSITIVE_INFINITY : maxConnectionAgeMs * (0.9 + 0.2 * random());
    // Who has renewed its certificate comes back with the new one; who has not does not come back.
    const untilMs = Math.min(clock.now() + ageMs, identify(address).expiresAtMs);
    let cancel = untilMs === Number.POSITIVE_INFINITY ? () => undefined : clock.at(untilMs, growOld);
    function growOld(): void {
      session.goaway(constants.NGHTTP2_NO_ERROR, anyStream, Buffer.from('max_age'));
      cancel = clock.at(clock.now() + maxConnectionAgeGraceMs, () => {
        session.close();
        for (const call of calls) call.sendStatus({ code: status.OK, details: '' });
        // Who does not read does not see the end either.
        cancel = clock.at(clock.now() + streamStallMs, () => session.destroy());
      });
    }
    session.once('close', () => {
      cancel();
      connections.delete(session);
    });
    return calls;
  }

  return onEachCall((call) => {
    const stream = http2StreamOf(call);
    if (stream?.session !== undefined) {
      const calls = callsOf(stream.session, call.getPeer());
      calls.add(call);
      stream.once('close', () => calls.delete(call));
    }
  });
}
