/** The API server over HTTPS, by the configuration that kubectl and pods have. */
import { Agent, type RequestOptions } from 'node:https';
import type { Readable } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
import type { AxiosResponse } from 'axios';
import metadata from '../../package.json' with { type: 'json' };
import type { Clock } from '../clock.ts';
import { isRecord } from '../is-record.ts';
import type { JsonValue } from '../store/store.ts';
import { inTime } from './in-time.ts';
import { type KubeClient, KubeError, type Query, type Verb } from './kube-client.ts';
import { createLines } from './lines.ts';

export interface HttpClientOptions {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** For one question; a watch has none. Default 30 s. */
  readonly timeoutMs?: number;
}

interface How {
  /** Absent: get. */
  readonly method?: Verb;
  readonly query?: Query;
  readonly body?: JsonValue;
  readonly responseType: 'text' | 'stream';
}

/** A page of 500 pods is a few megabytes. One with the largest objects there are is more, and is asked for in smaller ones. */
const maxAnswerBytes = 32 * 1024 * 1024;
/**
 * etcd takes no object of more than 1.5 MiB, in which a character may be one byte that JSON writes as six, such as `<`. A watch
 * that gave up at an object which is valid would come upon it again and again, and hear of nothing else any more.
 */
const maxEventBytes = 16 * 1024 * 1024;
/**
 * The API server notes the part before the slash as the manager of the fields that we write, and its audit log has all
 * of it: without one both would name the library.
 */
const userAgent = `${metadata.name}/${metadata.version}`;

export async function createHttpClient({ config, clock, timeoutMs = 30_000 }: HttpClientOptions): Promise<KubeClient> {
  const { default: axios } = await import('axios');
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, '') ?? '';
  let kept: { readonly identity: string; readonly agent: Agent } | undefined;

  /** Credentials are asked for each time, because tokens rotate; connections are kept while certificates stay the same. */
  async function access(): Promise<{ readonly agent: Agent; readonly headers: Record<string, string> }> {
    const options: RequestOptions & { servername?: string } = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const identity = [ca, cert, key, servername, rejectUnauthorized].map(String).join('\n');
    if (kept?.identity !== identity) {
      // The library's own agent makes a connection for each request; that to a proxy is the only one it is needed for.
      const isProxied = config.getCurrentCluster()?.proxyUrl !== undefined;
      const tls = { ca, cert, key, servername, rejectUnauthorized };
      const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
      kept = { identity, agent: isProxied ? (options.agent as Agent) : new Agent({ ...given, keepAlive: true }) };
    }
    return { agent: kept.agent, headers: headersOf(options.headers, options.auth) };
  }

  async function request<Body>(path: string, how: How, signal: AbortSignal): Promise<AxiosResponse<Body>> {
    const { agent: httpsAgent, headers } = await access();
    const { method = 'get', query, body, responseType } = how;
    const type = method === 'patch' ? 'application/merge-patch+json' : 'application/json';
    try {
      return await axios.request<Body>({
        method,
        url: `${server}${path}`,
        params: query,
        ...(body === undefined ? {} : { data: JSON.stringify(body) }),
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': userAgent,
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        httpsAgent,
        httpAgent: httpsAgent,
        responseType,
        signal,
        proxy: false,
        maxRedirects: 0,
        maxContentLength: responseType === 'stream' ? -1 : maxAnswerBytes,
        transformResponse: [(data: unknown) => data],
        validateStatus: () => true,
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message.startsWith('maxContentLength')) {
        throw new KubeError(`the answer is larger than ${maxAnswerBytes / 2 ** 20} MiB`, { isTooLarge: true });
      }
      throw new KubeError(`no connection to ${server}: ${message}`);
    }
  }

  async function ask(path: string, how: Omit<How, 'responseType'>, signal: AbortSignal): Promise<unknown> {
    const question = async (until: AbortSignal): Promise<unknown> => {
      const answer = await request<string>(path, { ...how, responseType: 'text' }, until);
      if (answer.status < 200 || answer.status > 299) throw refusal(answer, answer.data);
      return decode(answer.data);
    };
    return inTime(clock, timeoutMs, signal, question, `no answer within ${timeoutMs / 1000} s from ${server}`);
  }

  return {
    get: (path, query, signal) => ask(path, { query }, signal),
    send: (method, path, body, signal) => ask(path, { method, ...(body === undefined ? {} : { body }) }, signal),
    async watch(path, query, observer, signal) {
      const answer = await request<Readable>(path, { query, responseType: 'stream' }, signal);
      const body = answer.data;
      if (answer.status !== 200) throw refusal(answer, await textOf(body));
      observer.opened();
      const lines = createLines(maxEventBytes, (line) => observer.event(decode(line)));
      try {
        for await (const chunk of body) lines.push(chunk as Buffer);
        // What is left was cut off in the middle: the watch did not end in good order.
        if (lines.rest() > 0) throw new KubeError('the watch broke off in the middle of an event');
      } catch (error) {
        if (error instanceof KubeError) throw error;
        throw new KubeError(`the watch broke off: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        body.destroy();
      }
    },
  };
}

function headersOf(given: unknown, basic: string | null | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (isRecord(given)) for (const [name, value] of Object.entries(given)) headers[name] = String(value);
  if (basic) headers['authorization'] = `Basic ${Buffer.from(basic).toString('base64')}`;
  return headers;
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new KubeError('the answer is no JSON');
  }
}

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    // A refusal says why in a few lines; whatever says more is not our API server.
    if (bytes > 65_536) break;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The server's own sentence, where it has one: it names the verb and the resource that RBAC does not allow. */
function refusal({ status, headers }: AxiosResponse, text: string): KubeError {
  const seconds = Number(headers['retry-after']);
  const said = statusIn(text);
  return new KubeError(typeof said['message'] === 'string' ? said['message'] : `HTTP ${status}`, {
    status,
    causes: causesIn(said['details']),
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  });
}

/** The object of kind Status that an API server answers with; whatever else it was says nothing. */
function statusIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const status: unknown = JSON.parse(text);
    return isRecord(status) ? status : {};
  } catch {
    return {};
  }
}

function causesIn(details: unknown): readonly string[] {
  const causes: unknown = isRecord(details) ? details['causes'] : undefined;
  return Array.isArray(causes) ? causes.flatMap((each) => (isRecord(each) ? [String(each['reason'])] : [])) : [];
}
