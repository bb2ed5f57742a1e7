/** A server on loopback that does what it should not, for the faults that a real one cannot be brought to. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Of a form body. */
  readonly form: URLSearchParams;
}

export type Handler = (request: Received, response: ServerResponse) => void;

export interface LoopbackServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly Received[];
  /** Connections that were opened so far. */
  connections(): number;
  /** Resolves when that many requests have arrived. */
  received(count: number): Promise<void>;
  handle(handler: Handler): void;
  /** Cuts the connections that are open. */
  cut(): void;
  close(): Promise<void>;
}

export async function startServer(
  handler: Handler,
  tls?: SecureContextOptions & { requestCert?: boolean },
): Promise<LoopbackServer> {
  const requests: Received[] = [];
  const waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();
  let current = handler;
  let connections = 0;

  const listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      // The clock of this machine has no place in tests that own theirs.
      response.sendDate = false;
      const received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body,
        form: new URLSearchParams(body),
      };
      requests.push(received);
      for (const waiter of waiting) if (requests.length >= waiter.count) waiter.resolve();
      current(received, response);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    received: (count) =>
      new Promise((resolve) => {
        if (requests.length >= count) resolve();
        else waiting.add({ count, resolve });
      }),
    handle(next) {
      current = next;
    },
    cut: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The answer of a healthy Prometheus to an instant query. */
export function vector(
  ...samples: readonly { readonly labels: Record<string, string>; readonly value: string }[]
): Handler {
  return (request, response) => {
    const time = Number(request.form.get('time'));
    const result = samples.map(({ labels, value }) => ({ metric: labels, value: [time, value] }));
    json(response, 200, { status: 'success', data: { resultType: 'vector', result } });
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
