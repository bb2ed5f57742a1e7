/** What a TLS listener shows, changed when a test says so instead of when a file does. */
import type { TlsMaterial } from '../../engine/tls/files.ts';
import type { TlsSource } from '../../engine/tls/renewal.ts';
import type { Certificate } from './certificates.ts';

export interface TestTlsSource extends TlsSource {
  renew(certificate: Certificate, ca?: string): void;
}

/** @param ca authorities that clients need a certificate of; without, they need none. */
export function createTlsSource(certificate: Certificate, ca?: string): TestTlsSource {
  const materialOf = ({ cert, key }: Certificate, ca: string | undefined): TlsMaterial => ({
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
  });
  let current = materialOf(certificate, ca);
  const users: ((material: TlsMaterial) => void)[] = [];
  return {
    current: () => current,
    onRenewed: (use) => void users.push(use),
    renew(next, nextCa = ca) {
      current = materialOf(next, nextCa);
      for (const use of users) use(current);
    },
  };
}
