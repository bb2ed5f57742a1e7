/**
 * TLS in front of gRPC's server. Who a client is, is looked at once, at the handshake: to read a certificate takes longer
 * than to open a stream, and an Envoy opens thousands of them on one connection.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import type { TlsMaterial } from '../engine/tls/files.ts';
import { type SubjectName, subjectNames } from '../engine/tls/names.ts';
import type { TlsSource } from '../engine/tls/renewal.ts';
import type { Grant } from './identity.ts';
import { anybody, type Identify, type Peer, stranger } from './peer.ts';

export interface TlsOptions {
  readonly source: TlsSource;
  /** What the client may ask for whose certificate has these names. */
  readonly grantTo: (names: readonly SubjectName[]) => Grant;
}

/** Why a connection did not come about; for a label, so there are few. */
export type HandshakeFailure =
  /** The certificate of the client has expired. */
  | 'expired'
  | 'not-yet-valid'
  /** None of those in clientCaFile has signed the certificate of the client. */
  | 'unknown-authority'
  | 'invalid-certificate'
  | 'no-certificate'
  /** The client does not believe our certificate. */
  | 'refused-by-client'
  /** No TLS, an old version of it, or a client that wants to speak something else than HTTP/2. */
  | 'protocol'
  | 'timeout'
  /** It left without a word, as port scanners and TCP probes do. */
  | 'disconnected';

export interface TlsServer {
  readonly server: Server;
  readonly identify: Identify;
}

export interface TlsServerOptions extends TlsOptions {
  readonly onConnection: (socket: TLSSocket) => void;
  readonly onFailed: (failure: HandshakeFailure, address: string) => void;
}

/** Whoever connects and is silent holds memory. */
const handshakeTimeoutMs = 10_000;

export function createTlsServer({ source, grantTo, onConnection, onFailed }: TlsServerOptions): TlsServer {
  const peers = new Map<string, Peer>();
  const asksWho = source.current().ca !== undefined;
  const server = createServer(
    {
      ...contextOf(source.current()),
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
      requestCert: asksWho,
      // Said outright, because an environment variable can switch the default off.
      rejectUnauthorized: asksWho,
    },
    accept,
  );
  // Connections that are there go on as they are.
  source.onRenewed((material) => server.setSecureContext(contextOf(material)));
  // Read while there is somebody: Node remembers it, and of a failed handshake nothing else is left to ask.
  server.on('connection', (socket: Socket) => void socket.remoteAddress);
  server.on('tlsClientError', (error, socket) => {
    const { remoteAddress = '', remotePort = 0 } = rawSocketOf(socket);
    // After a timeout Node leaves that to us.
    socket.destroy();
    onFailed(failureOf(error, socket), `${remoteAddress}:${remotePort}`);
  });

  function accept(socket: TLSSocket): void {
    const key = `${socket.remoteAddress}:${socket.remotePort}`;
    // One client port connected to two of our addresses: a stream could not tell which of the two it belongs to.
    if (peers.has(key)) return void socket.destroy();
    peers.set(key, asksWho ? holderOf(socket.getPeerCertificate()) : anybody);
    socket.once('close', () => peers.delete(key));
    // HTTP/2 is all there is here, so who does not negotiate is taken to know; Node would send them an HTTP/1 error.
    if (socket.alpnProtocol === false) socket.alpnProtocol = 'h2';
    onConnection(socket);
  }

  function holderOf({ subjectaltname, valid_to }: PeerCertificate): Peer {
    const names = subjectNames(subjectaltname);
    return { names, grant: grantTo(names), expiresAtMs: Date.parse(valid_to) };
  }

  return { server, identify: (address) => peers.get(address) ?? stranger };
}

function contextOf(material: TlsMaterial) {
  return {
    ...material,
    minVersion: 'TLSv1.2',
    // Nothing is resumed, neither by ticket nor, as we keep none, by session: who resumed would not be looked at again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

function failureOf(error: Error, { authorizationError }: TLSSocket): HandshakeFailure {
  // The type says Error; it is the code of one.
  const certificate = authorizationError === null ? undefined : String(authorizationError);
  const code = 'code' in error ? String(error.code) : '';
  if (certificate === 'CERT_HAS_EXPIRED') return 'expired';
  if (certificate === 'CERT_NOT_YET_VALID') return 'not-yet-valid';
  if (certificate !== undefined)
    return /ISSUER|LEAF|SELF_SIGNED|SIGNATURE/.test(certificate) ? 'unknown-authority' : 'invalid-certificate';
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no-certificate';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  if (/^ERR_SSL_\w*ALERT/.test(code)) return 'refused-by-client';
  return code.startsWith('ERR_SSL') ? 'protocol' : 'disconnected';
}

/** Node keeps the TCP connection under the TLS one here. Without it a failed handshake has no address in the log. */
function rawSocketOf(socket: TLSSocket): Socket {
  return (socket as { readonly _parent?: Socket })._parent ?? socket;
}
