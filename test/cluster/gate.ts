/**
 * Stands between one client and the API server, and understands what is asked: a request or its answer can be kept back,
 * delayed or made up. Whatever it does not stop goes to the real one, and its answer comes back.
 */
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as ask } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority } from '../support/certificates.ts';

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
  /** By the monotonic clock of this process, as `answered.atMs`. */
  readonly atMs: number;
  /** By the API server, or by us in its place; undefined until then. */
  readonly answered: Answered | undefined;
}

export interface Answered {
  readonly atMs: number;
  readonly status: number;
  readonly retryAfterMs: number;
}

export type Fate =
  /** `path`: another one in its place. */
  | { readonly kind: 'passes'; readonly path?: string }
  | { readonly kind: 'slow'; readonly byMs: number }
  /** It never arrives, and nothing comes back. */
  | { readonly kind: 'lost' }
  /** It arrives and is obeyed, and nothing comes back. */
  | { readonly kind: 'unanswered' }
  /** By us. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: string;
      readonly headers?: IncomingHttpHeaders;
    };

export interface Gate {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly ca: string;
  /** Everything so far, in order. */
  readonly asked: readonly Asked[];
  /** From now on; at first all pass. */
  rule(decide: (asked: Asked) => Fate): void;
  /** Of the watches that are open now nothing more is heard: they are half open. New ones are as before. */
  silence(isMeant: (asked: Asked) => boolean): void;
  /** Ends the watches that are open now. */
  breakOff(isMeant: (asked: Asked) => boolean): void;
  close(): Promise<void>;
}

interface Exchange extends Asked {
  answered: Answered | undefined;
  isSilent: boolean;
  readonly response: ServerResponse;
}

export const passes: Fate = { kind: 'passes' };
export const isWatch = ({ path }: Asked): boolean => path.includes('watch=true');

export async function startGate(target: { readonly url: string; readonly ca: string }): Promise<Gate> {
  const authority = createAuthority('gate');
  const agent = new Agent({ ca: target.ca, keepAlive: true });
  const exchanges: Exchange[] = [];
  const open = new Set<Exchange>();
  let decide: (asked: Asked) => Fate = () => passes;

  function forward(exchange: Exchange, path: string, headers: IncomingHttpHeaders, isAnswered: boolean): void {
    const { method, body, response } = exchange;
    const upstream = ask(`${target.url}${path}`, { method, headers, agent }, (answer) => {
      note(exchange, answer.statusCode ?? 0, answer.headers);
      if (!isAnswered) {
        answer.resume();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on('data', (chunk) => void (exchange.isSilent || response.write(chunk)));
      answer.on('end', () => void (exchange.isSilent || response.end()));
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', () => response.destroy());
    // Who asked is gone. What it asked for is done all the same; a watch would go on for ever.
    response.on('close', () => void (method === 'GET' && upstream.destroy()));
    upstream.end(body);
  }

  const server = createServer(authority.issue('kube-apiserver'), (request, response) => {
    void (async () => {
      const { method = '', url: path = '' } = request;
      const body = await textOf(request);
      const exchange: Exchange = {
        method,
        path,
        body,
        atMs: performance.now(),
        answered: undefined,
        isSilent: false,
        response,
      };
      exchanges.push(exchange);
      open.add(exchange);
      response.on('close', () => open.delete(exchange));
      const fate = decide(exchange);
      const { host: _, connection: _connection, ...headers } = request.headers;
      switch (fate.kind) {
        case 'lost':
          return;
        case 'answered':
          note(exchange, fate.status, fate.headers ?? {});
          response.writeHead(fate.status, { 'content-type': 'application/json', ...fate.headers }).end(fate.body);
          return;
        case 'slow':
          setTimeout(() => forward(exchange, path, headers, true), fate.byMs);
          return;
        case 'unanswered':
          forward(exchange, path, headers, false);
          return;
        case 'passes':
          forward(exchange, fate.path ?? path, headers, true);
      }
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: authority.cert,
    asked: exchanges,
    rule(next) {
      decide = next;
    },
    silence(isMeant) {
      for (const exchange of open) if (isWatch(exchange) && isMeant(exchange)) exchange.isSilent = true;
    },
    breakOff(isMeant) {
      for (const exchange of open) if (isWatch(exchange) && isMeant(exchange)) exchange.response.destroy();
    },
    async close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

function note(exchange: Exchange, status: number, headers: IncomingHttpHeaders): void {
  const seconds = Number(headers['retry-after'] ?? 0);
  exchange.answered = { atMs: performance.now(), status, retryAfterMs: seconds * 1000 };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
