/**
 * Backends to talk to for a long time. Each answers whatever it is told with its name, on all its ports: HTTP/1.1 (a
 * streamed body, or a WebSocket), gRPC (a stream both ways) and plain TCP.
 */
import { createHash } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as GrpcServer, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { freePort } from '../../demo/world/ports.ts';

export const ports = ['http', 'grpc', 'tcp'] as const;
export type Port = (typeof ports)[number];

export interface Talkers<Name extends string> {
  /** Where each of them listens, on an address of its own. */
  readonly numbers: Readonly<Record<Port, number>>;
  address(name: Name): string;
  /** No new connections; those that are open stay. */
  refuse(): void;
  /** After `refuse`. */
  acceptAgain(): Promise<void>;
  stop(): Promise<void>;
}

/** On 127.0.SUBNET.1 and so on. `grpcOptions` are those of a grpc-js server. */
export async function startTalkers<Name extends string>(
  names: readonly Name[],
  subnet: number,
  grpcOptions: Readonly<Record<string, number>> = {},
): Promise<Talkers<Name>> {
  const [http, grpc, tcp] = await Promise.all([freePort(), freePort(), freePort()]);
  const numbers = { http, grpc, tcp };
  const address = (name: Name): string => `127.0.${subnet}.${names.indexOf(name) + 1}`;
  const doors: Door[] = [];
  for (const name of names) {
    const servers = { http: httpServer(name), grpc: grpcServer(name, grpcOptions), tcp: tcpServer(name) };
    for (const port of ports) doors.push(await openDoor(servers[port], address(name), numbers[port]));
  }
  return {
    numbers,
    address,
    refuse() {
      for (const door of doors) door.refuse();
    },
    acceptAgain: async () => void (await Promise.all(doors.map((door) => door.open()))),
    stop: async () => void (await Promise.all(doors.map((door) => door.close()))),
  };
}

interface Door {
  open(): Promise<void>;
  refuse(): void;
  close(): Promise<void>;
}

async function openDoor(server: Server, address: string, port: number): Promise<Door> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const door: Door = {
    open: () => new Promise((resolve, reject) => void server.once('error', reject).listen(port, address, resolve)),
    // An HTTP server's own `close` would end idle connections too.
    refuse: () => void Server.prototype.close.call(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  await door.open();
  return door;
}

function tcpServer(name: string): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => undefined).on('data', () => socket.write(name));
  });
}

/** The service of one method, whose messages are plain bytes. */
export const talkMethod = {
  path: '/test.Talk/Talk',
  requestStream: true,
  responseStream: true,
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
} as const;

function grpcServer(name: string, options: Readonly<Record<string, number>>): Server {
  const server = new GrpcServer(options);
  server.addService(
    { Talk: talkMethod },
    {
      Talk: (call: ServerDuplexStream<string, string>) => {
        call.on('data', () => call.write(name));
        call.on('end', () => call.end());
      },
    },
  );
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return createTcpServer((socket) => injector.injectConnection(socket)).on('close', () => server.forceShutdown());
}

function httpServer(name: string): Server {
  const server = createHttpServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (request, response) => {
    request.on('data', () => response.write(name)).on('end', () => response.end());
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // A text frame for each frame that comes. The client waits for its answer, so frames come one by one and whole; one
    // that closes is answered by closing.
    socket
      .on('error', () => undefined)
      .on('data', (frame: Buffer) => {
        if (((frame[0] ?? 0) & 0x0f) === 0x8) socket.end(Buffer.from([0x88, 0]));
        else socket.write(Buffer.concat([Buffer.from([0x81, name.length]), Buffer.from(name)]));
      });
  });
  return server;
}
