/**
 * HTTP to places that may be broken: no redirects, no proxy from the environment, a cap on the answer after
 * decompression, and every outcome is data. The deadline is the caller's signal.
 */
import type { Agent } from 'node:http';
import type { AxiosError, AxiosInstance, AxiosRequestConfig } from 'axios';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

export type HttpOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly body: string;
      header(name: string): string | undefined;
    }
  | {
      readonly kind: 'failure';
      readonly cause: 'unreachable' | 'aborted' | 'too-large' | 'bad-answer';
      /** Fit for anybody's eyes. */
      readonly message: string;
      /** What the network layer said, with addresses and names: for whoever runs this process. */
      readonly detail?: string;
    };

export type Http = (request: HttpRequest) => Promise<HttpOutcome>;

export function createHttp(maxAnswerBytes: number): Http {
  let client: Promise<AxiosInstance> | undefined;
  // Loaded with the first question: a tenth of a second that nobody needs to wait for before they are served.
  const load = async (): Promise<AxiosInstance> => {
    const { default: axios } = await import('axios');
    return axios.create({
      adapter: 'http',
      proxy: false,
      maxRedirects: 0,
      maxContentLength: maxAnswerBytes,
      responseType: 'text',
      // axios would parse JSON without limits, and silently keep the text where that fails.
      transformResponse: [(data: unknown) => data],
      validateStatus: () => true,
    });
  };
  return async ({ agent, body, ...rest }) => {
    const config: AxiosRequestConfig = { ...rest, data: body, httpAgent: agent, httpsAgent: agent };
    client ??= load();
    const axios = await client;
    for (;;) {
      try {
        const response = await axios.request<string>(config);
        return {
          kind: 'response',
          status: response.status,
          body: response.data,
          header: (name) => headerValue(response.headers[name]),
        };
      } catch (error) {
        if (!isStaleConnection(error)) return outcomeOf(error, rest.signal, maxAnswerBytes);
      }
    }
  };
}

function headerValue(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * A kept-alive connection that the server closed while idle fails on its next use. That says nothing about the server:
 * the same query goes out again, until a connection is fresh. All our requests are safe to repeat.
 */
function isStaleConnection(error: unknown): boolean {
  if (!(error instanceof Error) || !('request' in error)) return false;
  const { code, response } = error as AxiosError;
  const sent: unknown = error.request;
  const reused = typeof sent === 'object' && sent !== null && 'reusedSocket' in sent && sent.reusedSocket;
  return response === undefined && reused === true && (code === 'ECONNRESET' || code === 'EPIPE');
}

function outcomeOf(error: unknown, signal: AbortSignal, maxAnswerBytes: number): HttpOutcome {
  if (signal.aborted) return { kind: 'failure', cause: 'aborted', message: 'aborted' };
  const { code, message } = codeAndMessage(error);
  if (message.startsWith('maxContentLength')) {
    return { kind: 'failure', cause: 'too-large', message: `the answer is larger than ${maxAnswerBytes} bytes` };
  }
  if (/^(HPE_|Z_|ERR_BROTLI|ERR_ZSTD|ZSTD)/.test(code)) {
    return { kind: 'failure', cause: 'bad-answer', message: `not a valid HTTP answer (${code})` };
  }
  return {
    kind: 'failure',
    cause: 'unreachable',
    message: code === '' ? 'no connection' : `no connection (${code})`,
    detail: message === '' ? code : message,
  };
}

/** A connection that was tried over several addresses fails with an AggregateError, which has a code and no message. */
function codeAndMessage(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: 'unknown error' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, message: error.message.replace(/^Error: /, '') };
}
