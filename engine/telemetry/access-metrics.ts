/** Who was not let in at the xDS listener, and the certificate that it shows. */
import { Gauge, type Registry } from 'prom-client';
import type { EpochMs } from '../model.ts';
import { createTally } from './tally.ts';

export interface AccessMetrics {
  /** A connection did not come about; `reason` is one of few. */
  handshakeFailed(reason: string): void;
  /** A client with a valid certificate may ask for nothing. */
  callRefused(): void;
  /** A client asked for a name in a namespace that is not its own. */
  nameRefused(): void;
  /** Of the certificate in use. */
  expiresAt(atMs: EpochMs): void;
  renewed(result: 'taken' | 'refused'): void;
}

export function createAccessMetrics(registry: Registry): AccessMetrics {
  const handshakes = createTally({
    registry,
    name: 'kubervisor_xds_handshake_failures_total',
    help: 'xDS connections that did not come about, by reason',
    labels: ['reason'],
  });
  const calls = createTally({
    registry,
    name: 'kubervisor_xds_refused_calls_total',
    help: 'xDS calls turned away because the certificate of the client gives it no right to them, or has expired',
    labels: [],
  });
  const names = createTally({
    registry,
    name: 'kubervisor_xds_refused_names_total',
    help: 'Resource names asked for by clients whose certificate gives them no right to the namespace',
    labels: [],
  });
  const renewals = createTally({
    registry,
    name: 'kubervisor_xds_certificate_renewals_total',
    help: 'New certificates for the xDS listener, by result: taken, refused',
    labels: ['result'],
  });
  let expiry: Gauge | undefined;
  return {
    handshakeFailed: (reason) => handshakes.add({ reason }),
    callRefused: () => calls.add({}),
    nameRefused: () => names.add({}),
    renewed: (result) => renewals.add({ result }),
    expiresAt(atMs) {
      // Without a certificate there is no series: zero would look like one that has long expired.
      expiry ??= new Gauge({
        name: 'kubervisor_xds_certificate_expiry_timestamp_seconds',
        help: 'When the certificate that the xDS listener shows expires',
        registers: [registry],
      });
      expiry.set(atMs / 1000);
    },
  };
}
