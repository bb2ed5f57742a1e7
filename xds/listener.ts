/**
 * A TCP or TLS listener of our own in front of gRPC's server. gRPC can listen by itself, but tells a port that is in use in a
 * sentence instead of an error code, logs it past us, and loses track of its connections when its own statistics are
 * switched off, so that it could not end them.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { cannotListen } from '../engine/config/cannot-listen.ts';
import type { ListenAddress } from '../engine/config/listen.ts';
import { anybody, type Identify } from './peer.ts';
import { createTlsServer, type HandshakeFailure, type TlsOptions } from './tls.ts';

export interface Listener {
  readonly address: string;
  /** The real one, where 0 was asked for. */
  readonly port: number;
  readonly identify: Identify;
  /** No new connections; resolves when those that are there have ended. */
  close(): Promise<void>;
  /** Ends the connections that are still there. */
  destroyConnections(): void;
}

export interface ListenOptions {
  /** More than this at once are closed as they come: a word to them would cost what the limit is there to save. */
  readonly maxConnections: number;
  /** Plain text without. */
  readonly tls?: TlsOptions | undefined;
  readonly onConnection: (socket: Socket) => void;
  readonly onRefused: () => void;
  readonly onHandshakeFailed: (failure: HandshakeFailure, address: string) => void;
}

/** @throws ProblemError that names the address and the remedy when it cannot be listened on. */
export async function listen(address: ListenAddress, options: ListenOptions): Promise<Listener> {
  const { maxConnections, tls, onConnection, onRefused, onHandshakeFailed } = options;
  const sockets = new Set<Socket>();
  const { server, identify } =
    tls === undefined
      ? { server: createServer({ noDelay: true }, onConnection), identify: () => anybody }
      : createTlsServer({ ...tls, onConnection, onFailed: onHandshakeFailed });
  // Those whose handshake goes on, too.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.maxConnections = maxConnections;
  server.on('drop', onRefused);
  await new Promise<void>((resolve, reject) => {
    server.on('error', (error) => reject(cannotListen('xds', address, error)));
    server.listen(address, resolve);
  });
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    identify,
    close: () => new Promise((resolve) => server.close(() => resolve())),
    destroyConnections() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
