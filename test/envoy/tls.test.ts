/** Real Envoys that have the wrong certificate, or none, or believe another authority: what is told of them here. */
import { expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { everything } from '../../xds/identity.ts';
import { silentObserver } from '../../xds/observer.ts';
import { startXdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { type Certificate, createAuthority } from '../support/certificates.ts';
import { usePrograms } from '../support/programs.ts';
import { createTlsSource } from '../support/tls-source.ts';
import { edsBootstrap } from './bootstrap.ts';
import { describeWithEnvoys } from './versions.ts';

const authority = createAuthority();
const stranger = createAuthority('nobody knows it');
const cluster = 'shop/pricer:http';

describeWithEnvoys('TLS', ({ executable }) => {
  const programs = usePrograms();

  async function connecting(trusted: string, own?: Certificate): Promise<{ envoy: Envoy; failures: Set<string> }> {
    const failures = new Set<string>();
    const cache = createXdsCache();
    cache.publish([assignmentOf('pricer', endpointOf('127.0.0.1'))]);
    cache.open();
    const { port } = programs.keep(
      await startXdsServer({
        listen: { host: '127.0.0.1', port: 0 },
        tls: { source: createTlsSource(authority.issue('kubervisor'), authority.cert), grantTo: () => everything },
        cache,
        observer: { ...silentObserver, handshakeFailed: (failure) => failures.add(failure) },
      }),
    );
    const bootstrap = edsBootstrap({ way: 'sotw', xdsPort: port, clusters: [cluster], initialFetchTimeout: '0.2s' });
    const inline = (text: string): object => ({ inline_string: text });
    const tls = {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      // No alpn_protocols: Envoy says h2 because the cluster speaks HTTP/2.
      common_tls_context: {
        validation_context: { trusted_ca: inline(trusted) },
        tls_certificates:
          own === undefined ? [] : [{ certificate_chain: inline(own.cert), private_key: inline(own.key) }],
      },
    };
    const socket = { name: 'envoy.transport_sockets.tls', typed_config: tls };
    const withTls = JSON.parse(JSON.stringify(bootstrap), (_, part: { readonly name?: string }) =>
      part?.name === 'kubervisor' ? { ...part, transport_socket: socket } : part,
    ) as object;
    return { envoy: await programs.envoy({ executable, bootstrap: withTls }), failures };
  }

  it('lets in an Envoy with a certificate of the authority', async () => {
    const { envoy, failures } = await connecting(authority.cert, authority.issue('proxy'));
    await eventually(async () => (await envoy.clusters(cluster)).length === 1, { timeoutMs: 20_000 });
    expect([...failures]).toEqual([]);
  });

  it.each<[string, string, Certificate | undefined]>([
    ['expired', authority.cert, authority.issue('proxy', { valid: 'once' })],
    ['unknown-authority', authority.cert, stranger.issue('proxy')],
    ['no-certificate', authority.cert, undefined],
    ['refused-by-client', stranger.cert, authority.issue('proxy')],
  ])('tells why an Envoy is not: %s', async (failure, trusted, own) => {
    const { envoy, failures } = await connecting(trusted, own);
    await eventually(() => failures.size > 0, { timeoutMs: 20_000, what: failure });
    expect([...failures]).toEqual([failure]);
    expect(await envoy.clusters(cluster)).toEqual([]);
  });
});
