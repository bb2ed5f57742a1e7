/** How an Envoy shows who it is, and makes sure that it talks to us. */
import { isIP } from 'node:net';
import type { TlsFiles } from '../xds-options.ts';

/** Of a cluster. */
export function tlsSocket({ ca, own, serverName }: TlsFiles, { host }: { readonly host: string }): object {
  const names = [serverName, host].filter((name) => !name.includes('://') && isIP(name) === 0);
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...(names[0] === undefined ? {} : { sni: names[0] }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2'],
        ...(own === undefined
          ? {}
          : {
              tls_certificates: [{ certificate_chain: { filename: own.cert }, private_key: { filename: own.key } }],
            }),
        validation_context: {
          trusted_ca: { filename: ca },
          match_typed_subject_alt_names: [{ san_type: sanType(serverName), matcher: { exact: serverName } }],
        },
      },
    },
  };
}

function sanType(name: string): string {
  if (name.includes('://')) return 'URI';
  return isIP(name) === 0 ? 'DNS' : 'IP_ADDRESS';
}
