/** Tells log and metrics what happens on the streams. */
import type { AccessLog } from '../engine/telemetry/access-log.ts';
import type { Log } from '../engine/telemetry/log.ts';
import type { SampledLog } from '../engine/telemetry/sampled-log.ts';
import type { XdsMetrics } from '../engine/telemetry/xds-metrics.ts';
import type { StreamInfo, XdsObserver } from './observer.ts';
import { shortType } from './types.ts';

export function reportTo(metrics: XdsMetrics, log: Log, warn: SampledLog, access: AccessLog): XdsObserver {
  const who = (stream: StreamInfo): { readonly peer: string; readonly node: string | undefined } => ({
    peer: stream.peer,
    node: stream.node()?.id,
  });
  return {
    connectionRefused: metrics.connectionRefused,
    handshakeFailed: access.handshakeFailed,
    callRefused: (address, { names }, { details }) => access.callRefused(address, names, details),
    admitted: metrics.admitted,
    streamOpened: () => undefined,
    streamClosed(stream, fault) {
      if (fault !== undefined) warn(`ended ${whom(stream)}`, { ...who(stream), reason: fault }, 'a stream was ended');
    },
    requested: (_, _type, bytes) => metrics.received(bytes),
    pushed: (_, typeUrl, _push, bytes) => metrics.pushed(shortType(typeUrl), bytes),
    taken: (_, typeUrl, durationMs) => metrics.sent(shortType(typeUrl), durationMs),
    acked(_, typeUrl, { sentAtMs, changedAtMs }, latencyMs) {
      metrics.acked(shortType(typeUrl), latencyMs);
      if (changedAtMs !== undefined) metrics.converged(shortType(typeUrl), sentAtMs + latencyMs - changedAtMs);
    },
    nacked(stream, typeUrl, { version }, message) {
      const type = shortType(typeUrl);
      metrics.nacked(type);
      const fields = { ...who(stream), type, version, reason: message };
      warn(`refused ${type} ${whom(stream)}`, fields, 'a client refused a response');
    },
    staleNonce: (_, typeUrl) => metrics.staleNonce(shortType(typeUrl)),
    unknownType(stream, typeUrl) {
      metrics.unknownType();
      log.debug({ ...who(stream), type: typeUrl }, 'a client asked for a type that is not served');
    },
    unknownName(stream, _, name) {
      metrics.unknownName();
      log.debug({ ...who(stream), name }, 'a client asked for a name that means nothing');
    },
    refusedName(stream, _, name) {
      access.nameRefused(stream.peer, stream.node()?.id, name);
    },
    stalled: () => metrics.stalled(),
  };
}

/** By the name it gives itself, under which it comes back; else by its connection. */
function whom(stream: StreamInfo): string {
  return stream.node()?.id ?? stream.peer;
}
