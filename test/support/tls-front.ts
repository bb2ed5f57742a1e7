/** TLS in front of a listener that speaks plain HTTP/2: shows a certificate, and asks clients for one. */
import { connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import type { Authority, Certificate } from './certificates.ts';

export interface TlsFront {
  readonly port: number;
  /** How many clients it has let in. */
  admitted(): number;
  stop(): Promise<void>;
}

export async function startTlsFront(port: number, { cert, key }: Certificate, clients: Authority): Promise<TlsFront> {
  const sockets = new Set<TLSSocket>();
  let admitted = 0;
  const options = { cert, key, ca: clients.cert, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] };
  const server = createServer(options, (socket) => {
    admitted += 1;
    sockets.add(socket);
    const upstream = connect(port, '127.0.0.1');
    const end = (): void => {
      sockets.delete(socket);
      socket.destroy();
      upstream.destroy();
    };
    socket.pipe(upstream).pipe(socket);
    for (const side of [socket, upstream]) side.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    admitted: () => admitted,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
