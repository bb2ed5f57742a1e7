/** Says who was not let in at the xDS listener: a fleet with an expired certificate tries again several times a second. */
import type { Clock } from '../clock.ts';
import type { SubjectName } from '../tls/names.ts';
import type { RenewalObserver } from '../tls/renewal.ts';
import type { AccessMetrics } from './access-metrics.ts';
import type { Log } from './log.ts';
import { createSampledLog } from './sampled-log.ts';

export interface AccessLog {
  handshakeFailed(reason: string, address: string): void;
  callRefused(address: string, names: readonly SubjectName[], reason: string): void;
  nameRefused(address: string, node: string | undefined, name: string): void;
  /** Of our own certificate. */
  readonly renewal: RenewalObserver;
}

export interface AccessLogOptions {
  readonly log: Log;
  readonly metrics: AccessMetrics;
  readonly clock: Clock;
}

/** Every few seconds from load balancers and kubelets, and nobody is worse off. */
const harmless = new Set(['disconnected']);

export function createAccessLog({ log, metrics, clock }: AccessLogOptions): AccessLog {
  const warn = createSampledLog(log, clock);

  return {
    handshakeFailed(reason, peer) {
      metrics.handshakeFailed(reason);
      if (harmless.has(reason)) log.debug({ peer, reason }, 'a client could not connect');
      else warn(`handshake ${reason}`, { peer, reason }, 'a client could not connect');
    },
    callRefused(peer, names, reason) {
      metrics.callRefused();
      const certificate = names
        .map(({ value }) => value)
        .join(', ')
        .slice(0, 500);
      warn('call', { peer, certificate, reason }, 'a call was turned away');
    },
    nameRefused(peer, node, name) {
      metrics.nameRefused();
      warn('name', { peer, node, name }, 'a client asked for a name in a namespace that is not its own');
    },
    renewal: {
      inForce: ({ untilMs }) => metrics.expiresAt(untilMs),
      renewed() {
        metrics.renewed('taken');
        log.info({}, 'the certificate was renewed');
      },
      problem(problem) {
        if (problem.code === 'KV0751') metrics.renewed('refused');
        log.problem(problem);
      },
    },
  };
}
