/** How an Envoy shows who it is, and makes sure that it talks to us. */
import { isIP } from 'node:net';

/** Paths as Envoy will find them, not as they are here. */
export interface TlsFiles {
  /** PEM of the authority that signed the certificate of the server. */
  readonly ca: string;
  /** PEM of Envoy's own certificate and of its key, where the server asks for one. */
  readonly own?: { readonly cert: string; readonly key: string };
  /** In the certificate of the server: a DNS name, an address, or a URI such as a SPIFFE id. */
  readonly serverName: string;
}

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
