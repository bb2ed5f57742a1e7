/**
 * A client of the admin API over HTTP. Node's own http and not axios: loading that takes longer than a whole `get`.
 */
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { WatchResponse } from '../engine/admin/messages.ts';
import type { Problem } from '../engine/problem.ts';
import { Exit, exitCodes, failure } from './exit.ts';

export interface ConnectionOptions {
  /** Absent: the caller is kubectl's plugin, whose default is a cluster. */
  readonly server?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export type Query = Readonly<Record<string, string | boolean | undefined>>;

/** Every method throws an Exit that says what is wrong and what to do. */
export interface AdminClient {
  get<Response>(path: string, query?: Query): Promise<Response>;
  post<Response>(path: string, body: object): Promise<Response>;
  /** Why the server knows nothing yet, where it has not read its inputs; undefined: it has. */
  starting(): Promise<Exit | undefined>;
  /** Ends only with an Exit: a watch that stops is a server that stopped. */
  watch(query: Query): AsyncGenerator<WatchResponse, never, void>;
}

/** A server that is up answers at once; one that does not must not leave a person waiting. */
const answerWithinMs = 15_000;

export async function connect(options: ConnectionOptions): Promise<AdminClient> {
  const server = serverOf(options);
  const base = readServer(server);
  const [token, ca, cert, key] = await Promise.all(
    [options.tokenFile, options.caFile, options.certFile, options.keyFile].map(readGiven),
  );
  const headers = token === undefined ? {} : { authorization: `Bearer ${token.trim()}` };
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };

  function send(method: string, path: string, query: Query, body?: object, root = '/api/v1'): Promise<IncomingMessage> {
    const url = new URL(`${base.pathname.replace(/\/$/, '')}${root}${path}`, base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, agent: false, headers: { ...headers, ...json }, ...tls }, resolve);
      sent.setTimeout(answerWithinMs, () => sent.destroy(new Error(`no answer in ${answerWithinMs / 1000} s`)));
      sent.on('error', (error) => reject(unreachable(server, error)));
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    get: async (path, query = {}) => readAnswer(await send('GET', path, query), server),
    async starting() {
      const response = await send('GET', '/readyz', {}, undefined, '');
      const { status, problems } = (await readJson(response, server)) as Partial<Readiness>;
      return status === 'starting' ? stillReading(server, problems ?? []) : undefined;
    },
    post: async (path, body) => readAnswer(await send('POST', path, {}, body), server),
    async *watch(query) {
      const response = await send('GET', '/watch', query);
      if (response.statusCode !== 200) throw await readRefusal(response, server);
      // From here on silence is normal, up to the heartbeats.
      response.socket.setTimeout(3 * answerWithinMs, () => response.destroy());
      yield* readEvents(response);
      throw failure({
        code: 'KV0732',
        message: `${server} ended the watch`,
        remedy: 'it may have stopped; run the command again when it is back',
      });
    },
  };
}

interface Readiness {
  readonly status: string;
  /** For those who are let in. */
  readonly problems: readonly Problem[];
}

function stillReading(server: string, problems: readonly Problem[]): Exit {
  const message = `${server} has not read its inputs yet, and knows no Services`;
  return new Exit(
    exitCodes.error,
    { code: 'KV0839', severity: 'error', message, remedy: 'ask it again, or /readyz what it waits for' },
    ...problems,
  );
}

function serverOf({ server }: ConnectionOptions): string {
  if (server !== undefined) return server;
  const message = 'this is known to a server only, not to the cluster';
  throw failure({ code: 'KV0733', message, remedy: 'forward a port, and name it with --server' }, exitCodes.usage);
}

function readServer(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const message = `--server ${server} is not an http or https URL`;
  throw failure({ code: 'KV0733', message, remedy: 'write it as http://host:port' }, exitCodes.usage);
}

async function readGiven(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readFile(file, 'utf8').catch((error: unknown) => {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw failure({ code: 'KV0734', file, message }, exitCodes.badInput);
  });
}

async function readAnswer<Response>(response: IncomingMessage, server: string): Promise<Response> {
  if (response.statusCode !== 200) throw await readRefusal(response, server);
  return (await readJson(response, server)) as Response;
}

async function readRefusal(response: IncomingMessage, server: string): Promise<Exit> {
  const { code, message, remedy } = (await readJson(response, server)) as Partial<Record<string, string>>;
  if (code === undefined || !code.startsWith('KV') || message === undefined) throw foreign(server, response);
  const problem = {
    code: code as `KV${number}`,
    message,
    ...(remedy === undefined || remedy === '' ? {} : { remedy }),
  };
  return failure(problem, response.statusCode === 400 ? exitCodes.badInput : exitCodes.error);
}

async function readJson(response: IncomingMessage, server: string): Promise<object> {
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(await response.toArray()).toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Said below.
  }
  throw foreign(server, response);
}

async function* readEvents(response: IncomingMessage): AsyncGenerator<WatchResponse, void, void> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const events = `${text}${String(chunk)}`.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length)) as WatchResponse;
      }
    }
  } catch {
    // A connection that breaks ends the watch like one that is closed.
  }
}

function unreachable(server: string, error: Error): Exit {
  // Node's parser of HTTP: something answers there, in another protocol.
  if ('code' in error && String(error.code).startsWith('HPE_')) return notKubervisor(`${server} does not speak HTTP/1`);
  const reason = 'code' in error && error.code === 'ECONNREFUSED' ? 'connection refused' : error.message || error.name;
  return failure({
    code: 'KV0730',
    message: `cannot reach ${server}: ${reason}`,
    remedy:
      'start it with kubervisor serve --config kubervisor.yaml, name another with --server, or ask a cluster: --context NAME, or kubectl kubervisor',
  });
}

function foreign(server: string, response: IncomingMessage): Exit {
  return notKubervisor(`${server} answered ${response.statusCode ?? 'nothing'}, and not as Kubervisor does`);
}

function notKubervisor(message: string): Exit {
  return failure({ code: 'KV0731', message, remedy: 'check --server: the admin API is at http.listen of its config' });
}
