/**
 * Bounds the age of connections. Streams of xDS never end by themselves, so without it a replica that was started last
 * gets no clients, and a client is served for ever on a certificate that was looked at once.
 *
 * grpc-js can do it, but ends what has not ended by cutting the connection, about which Envoy writes a warning for each
 * of its streams. Here an old connection is announced as such (GOAWAY), so that new streams take another one, and after
 * the grace its streams end with OK: Envoy says nothing, and like gRPC clients it comes back after a pause of its own
 * that is short and drawn by lot. When we are to end all connections are old, and those that come as well.
 */
import { constants, type Http2Session } from 'node:http2';
import { type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock } from '../engine/clock.ts';
import type { EpochMs } from '../engine/model.ts';
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

export interface Ageing {
  readonly interceptor: ServerInterceptor;
  /**
   * Sends everybody away, one after the other, so that they do not all come to the other replicas at once. Resolves
   * when the last has left, and after `withinMs` whoever is still there.
   */
  drain(withinMs: number): Promise<void>;
}

interface Connection {
  readonly calls: Set<ServerInterceptingCallInterface>;
  /** In place of what was planned for it. Its streams end after the grace. */
  leave(atMs: EpochMs, why: 'max_age' | 'shutdown', graceMs: number): void;
}

/** Between two that are sent away, unless there are too many for it: a few are gone at once. */
const farewellMs = 20;

/** The age counts from the first call of a connection: one without calls is kept alive by nobody's need. */
export function createAgeing({ limits, identify, clock, random }: AgeingOptions): Ageing {
  const connections = new Map<Http2Session, Connection>();
  const { maxConnectionAgeMs, maxConnectionAgeGraceMs, streamStallMs } = limits;
  let draining: { readonly untilMs: EpochMs; readonly finish: () => void } | undefined;

  function connectionOf(session: Http2Session, address: string): Connection {
    const known = connections.get(session);
    if (known !== undefined) return known;
    const connection = watch(session);
    connections.set(session, connection);
    const now = clock.now();
    if (draining !== undefined) {
      // It does not know yet that we go, and would come straight back. Each time it does there is less time left.
      connection.leave(now + (draining.untilMs - now) / 2, 'shutdown', 0);
      return connection;
    }
    // Those that connected together, after a restart, should not come back together.
    const ageMs = maxConnectionAgeMs === 0 ? Number.POSITIVE_INFINITY : maxConnectionAgeMs * (0.9 + 0.2 * random());
    // Who has renewed its certificate comes back with the new one; who has not does not come back.
    const untilMs = Math.min(now + ageMs, identify(address).expiresAtMs);
    if (untilMs !== Number.POSITIVE_INFINITY) connection.leave(untilMs, 'max_age', maxConnectionAgeGraceMs);
    return connection;
  }

  function watch(session: Http2Session): Connection {
    const calls = new Set<ServerInterceptingCallInterface>();
    let cancel = (): void => undefined;
    const plan = (atMs: EpochMs, run: () => void): void => {
      cancel();
      cancel = clock.at(atMs, run);
    };
    session.once('close', () => {
      cancel();
      connections.delete(session);
      if (connections.size === 0) draining?.finish();
    });
    function end(): void {
      session.close();
      for (const call of calls) call.sendStatus({ code: status.OK, details: '' });
      // Who does not read does not see the end either.
      plan(clock.now() + streamStallMs, () => session.destroy());
    }
    return {
      calls,
      leave: (atMs, why, graceMs) =>
        plan(atMs, () => {
          // It may have been cut a moment ago and not have said so yet: what is said to it then throws, with nobody to catch it.
          if (session.destroyed) return;
          session.goaway(constants.NGHTTP2_NO_ERROR, anyStream, Buffer.from(why));
          plan(clock.now() + graceMs, end);
        }),
    };
  }

  return {
    interceptor: onEachCall((call) => {
      const stream = http2StreamOf(call);
      if (stream?.session !== undefined) {
        const { calls } = connectionOf(stream.session, call.getPeer());
        calls.add(call);
        stream.once('close', () => calls.delete(call));
      }
    }),
    async drain(withinMs) {
      const now = clock.now();
      const gapMs = Math.min(farewellMs, withinMs / connections.size);
      const over = Promise.withResolvers<void>();
      draining = { untilMs: now + withinMs, finish: over.resolve };
      for (const [index, connection] of [...connections.values()].entries()) {
        connection.leave(now + index * gapMs, 'shutdown', 0);
      }
      if (connections.size === 0) return;
      const cancel = clock.at(draining.untilMs, over.resolve);
      await over.promise;
      cancel();
    },
  };
}
