import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority } from '../../test/support/certificates.ts';
import { type Handler, json, type LoopbackServer, startServer, vector } from '../../test/metrics/loopback-server.ts';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import type { PrometheusConfig } from './config.ts';
import { createPrometheusSource, type PrometheusSource } from './prometheus.ts';
import { prometheusSettings } from './settings.ts';
import type { QueryAnswer, QueryRequest } from './source.ts';

const healthy = vector({ labels: { pod: 'a' }, value: '1' });
const failing: Handler = (_, response) =>
  json(response, 500, { status: 'error', errorType: 'internal', error: 'disk' });
const silent: Handler = () => undefined;
const never = new AbortController().signal;

let clock: ManualClock;
let cleanUps: (() => unknown)[];

beforeEach(() => {
  clock = createManualClock(1_700_000_000_000);
  cleanUps = [];
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function serve(handler: Handler, tls?: Parameters<typeof startServer>[1]): Promise<LoopbackServer> {
  const server = await startServer(handler, tls);
  cleanUps.push(() => server.close());
  return server;
}

function sourceOf(config: PrometheusConfig): PrometheusSource {
  const result = prometheusSettings(config, 'test');
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  const source = createPrometheusSource({ name: 'default', settings: result.settings, clock, random: () => 1 });
  cleanUps.push(() => source.close());
  return source;
}

function ask(source: PrometheusSource, request: Partial<QueryRequest> = {}, signal = never): Promise<QueryAnswer> {
  return source.query({ query: 'price', atMs: clock.now(), timeoutMs: 2000, lookbackMs: 60_000, ...request }, signal);
}

/** The answer of a source to one query, given how its server behaves. */
async function answerOf(handler: Handler, config: Partial<PrometheusConfig> = {}): Promise<QueryAnswer> {
  const { url } = await serve(handler);
  return ask(sourceOf({ url, ...config }));
}

describe('a query', () => {
  it('is a form POST that states its evaluation time to the millisecond, and its timeout', async () => {
    const server = await serve(healthy);
    const answer = await ask(sourceOf({ url: `${server.url}//mimir//` }), {
      query: 'a{b="ü &"}',
      atMs: 1_700_000_000_123,
    });
    expect(answer).toEqual({
      kind: 'samples',
      samples: [{ labels: { pod: 'a' }, value: { kind: 'number', value: 1 } }],
      evaluatedAtMs: 1_700_000_000_123,
      evaluatedAtLocalMs: 1_700_000_000_123,
      notes: [],
    });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/mimir/api/v1/query' });
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      query: 'a{b="ü &"}',
      time: '1700000000.123',
      timeout: '1800ms',
    });
  });

  it('carries the headers and parameters of the config', async () => {
    const server = await serve(healthy);
    await ask(
      sourceOf({ url: server.url, headers: { 'X-Scope-OrgID': 'shop' }, parameters: { partial_response: 'false' } }),
    );
    expect(server.requests[0]?.headers['x-scope-orgid']).toBe('shop');
    expect(server.requests[0]?.form.get('partial_response')).toBe('false');
  });

  it('is evaluated queryOffset ago, and the answer says so on both clocks', async () => {
    const server = await serve(healthy);
    const answer = await ask(sourceOf({ url: server.url, queryOffset: '30s' }));
    expect(server.requests[0]?.form.get('time')).toBe('1699999970.000');
    expect(answer).toMatchObject({ evaluatedAtMs: clock.now() - 30_000, evaluatedAtLocalMs: clock.now() - 30_000 });
  });

  it('is as old as the samples of a store that answers for an earlier moment', async () => {
    const answer = await answerOf((_, response) =>
      json(response, 200, {
        status: 'success',
        data: { resultType: 'vector', result: [{ metric: {}, value: [1_699_999_990, '1'] }] },
      }),
    );
    expect(answer).toMatchObject({ evaluatedAtMs: 1_699_999_990_000, evaluatedAtLocalMs: 1_699_999_990_000 });
  });

  it('uses one connection after the other, not one a query', async () => {
    const server = await serve(healthy);
    const source = sourceOf({ url: server.url });
    for (let n = 0; n < 5; n += 1) await ask(source);
    expect(server.connections()).toBe(1);
  });

  it('is sent again when a kept connection turns out to be closed', async () => {
    const server = await serve(healthy);
    const source = sourceOf({ url: server.url });
    await ask(source);
    let count = 0;
    server.handle((request, response) => {
      count += 1;
      if (count === 1) response.destroy();
      else healthy(request, response);
    });
    expect(await ask(source)).toMatchObject({ kind: 'samples' });
    expect(server.connections()).toBe(2);
  });

  it('ignores a proxy of the environment', async () => {
    const proxy = await serve(failing);
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('HTTP_PROXY', proxy.url);
    cleanUps.push(() => vi.unstubAllEnvs());
    expect(await answerOf(healthy)).toMatchObject({ kind: 'samples' });
    expect(proxy.requests).toEqual([]);
  });
});

describe('a deadline', () => {
  it.each<[string, Handler]>([
    ['before the headers', silent],
    ['after the headers', (_, response) => void response.writeHead(200).write('{')],
  ])('ends a query whose server hangs %s', async (_, handler) => {
    const server = await serve(handler);
    const source = sourceOf({ url: server.url });
    const answer = ask(source);
    await server.received(1);
    await clock.advance(2000);
    expect(await answer).toEqual({
      kind: 'error',
      cause: 'timeout',
      message: 'metric source default: no answer in time',
    });
    expect(source.health().lastError).toMatchObject({ cause: 'timeout' });
  });

  it('ends a query whose server sends a byte at a time, as no byte moves it', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 1);
      response.on('close', () => clearInterval(timer));
    });
    const answer = ask(sourceOf({ url: server.url }));
    await server.received(1);
    for (let n = 0; n < 20; n += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(100);
    }
    expect(await answer).toMatchObject({ cause: 'timeout' });
  });

  it('is the shorter of what the caller and the config allow', async () => {
    const server = await serve(silent);
    const answer = ask(sourceOf({ url: server.url, timeout: '500ms' }), { timeoutMs: 60_000 });
    await server.received(1);
    expect(server.requests[0]?.form.get('timeout')).toBe('450ms');
    await clock.advance(500);
    expect(await answer).toMatchObject({ cause: 'timeout' });
  });

  it('counts the time in the queue', async () => {
    const server = await serve(silent);
    const source = sourceOf({ url: server.url, concurrency: 1 });
    const first = ask(source, { timeoutMs: 5000 });
    await server.received(1);
    const second = ask(source, { timeoutMs: 1000 });
    await clock.advance(1000);
    expect(await second).toMatchObject({ cause: 'timeout', message: expect.stringContaining('no free place') });
    await clock.advance(4000);
    expect(await first).toMatchObject({ cause: 'timeout' });
    expect(server.requests).toHaveLength(1);
  });

  it('does not back off: a slow query is not a broken source', async () => {
    const server = await serve(silent);
    const source = sourceOf({ url: server.url });
    const slow = ask(source);
    await server.received(1);
    await clock.advance(2000);
    await slow;
    server.handle(healthy);
    expect(await ask(source)).toMatchObject({ kind: 'samples' });
  });

  it('leaves no trace in the health when it was the caller who gave up', async () => {
    const server = await serve(silent);
    const source = sourceOf({ url: server.url, concurrency: 1 });
    const caller = new AbortController();
    const answers = [ask(source, {}, caller.signal), ask(source, {}, caller.signal)];
    await server.received(1);
    caller.abort();
    for (const answer of answers) expect(await answer).toMatchObject({ kind: 'error', message: 'cancelled' });
    expect(await ask(source, {}, caller.signal)).toMatchObject({ message: 'cancelled' });
    expect(source.health().lastError).toBeUndefined();
  });
});

describe('concurrency', () => {
  it('is capped, and those who wait have their turn', async () => {
    const open: (() => void)[] = [];
    const server = await serve((request, response) => void open.push(() => healthy(request, response)));
    const source = sourceOf({ url: server.url, concurrency: 2 });
    const answers = [1, 2, 3, 4, 5].map((n) => ask(source, { query: `q${n}` }));
    for (let arrived = 1; arrived <= 5; arrived += 1) {
      await server.received(arrived);
      expect(open.length).toBeLessThanOrEqual(2);
      if (open.length === 2 || arrived === 5) open.shift()?.();
    }
    for (const finish of open) finish();
    for (const answer of answers) expect(await answer).toMatchObject({ kind: 'samples' });
    expect(server.requests.map(({ form }) => form.get('query'))).toEqual(['q1', 'q2', 'q3', 'q4', 'q5']);
  });
});

describe('an answer that is too large', () => {
  const megabyte = Buffer.alloc(1024 * 1024, ' ');

  it('is cut off at 8 MiB', async () => {
    let sent = 0;
    const answer = await answerOf((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const send = (): void => {
        if (sent >= 100 || response.destroyed) return void response.end();
        sent += 1;
        response.write(megabyte, send);
      };
      send();
    });
    expect(answer).toMatchObject({ cause: 'too-large', message: expect.stringContaining('8388608 bytes') });
    expect(sent).toBeLessThan(100);
  });

  it('is cut off by its size after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
    const answer = await answerOf((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    expect(answer).toMatchObject({ cause: 'too-large' });
  });

  it('by its number of series is refused', async () => {
    const samples = Array.from({ length: 10_001 }, (_, n) => ({ labels: { pod: `${n}` }, value: '1' }));
    expect(await answerOf(vector(...samples))).toMatchObject({ cause: 'too-large' });
  });
});

describe('an answer that is no answer', () => {
  it.each([301, 302, 307, 308])('HTTP %i is not followed', async (status) => {
    const elsewhere = await serve(healthy);
    const answer = await answerOf((_, response) => {
      response.writeHead(status, { location: `${elsewhere.url}/api/v1/query` });
      response.end();
    });
    expect(answer).toMatchObject({ cause: 'redirected' });
    expect(elsewhere.requests).toEqual([]);
  });

  it('bytes that are not gzip are a bad answer', async () => {
    const answer = await answerOf((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end('not gzip at all');
    });
    expect(answer).toMatchObject({ cause: 'bad-answer' });
  });

  it('bytes that are not HTTP are a bad answer', async () => {
    const answer = await answerOf((_, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n\r\n'));
    expect(answer).toMatchObject({ cause: 'bad-answer' });
  });

  it('a body that is cut is unreachable, never half an answer', async () => {
    const answer = await answerOf((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"status":"success","data":{"resultType":"vector","result":[]}}', () => response.destroy());
    });
    expect(answer).toMatchObject({ cause: 'unreachable' });
  });

  it('nobody at the port is unreachable, and only the health tells where that is', async () => {
    const server = await startServer(healthy);
    await server.close();
    const source = sourceOf({ url: server.url });
    const answer = await ask(source);
    expect(answer).toEqual({
      kind: 'error',
      cause: 'unreachable',
      message: 'metric source default: no connection (ECONNREFUSED)',
    });
    expect(source.health().lastError?.message).toContain(server.url);
  });
});

describe('a source that fails', () => {
  it('is not asked until its backoff is over, with ever longer pauses', async () => {
    const server = await serve(failing);
    const source = sourceOf({ url: server.url });
    for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      expect(await ask(source)).toMatchObject({ cause: 'server-error' });
      const asked = server.requests.length;
      await clock.advance(pauseMs - 1);
      expect(await ask(source)).toMatchObject({ cause: 'backoff', message: expect.stringContaining('1 ms') });
      expect(server.requests).toHaveLength(asked);
      await clock.advance(1);
    }
  });

  it('starts anew after a success', async () => {
    const server = await serve(failing);
    const source = sourceOf({ url: server.url });
    for (const pauseMs of [1000, 2000]) {
      await ask(source);
      await clock.advance(pauseMs);
    }
    server.handle(healthy);
    expect(await ask(source)).toMatchObject({ kind: 'samples' });
    server.handle(failing);
    await ask(source);
    await clock.advance(1000);
    expect(await ask(source)).toMatchObject({ cause: 'server-error' });
  });

  it('is given the time that it asks for', async () => {
    const server = await serve((_, response) => json(response, 429, {}, { 'retry-after': '20' }));
    const source = sourceOf({ url: server.url });
    expect(await ask(source)).toMatchObject({ cause: 'throttled' });
    await clock.advance(19_999);
    expect(await ask(source)).toMatchObject({ cause: 'backoff' });
    await clock.advance(1);
    expect(await ask(source)).toMatchObject({ cause: 'throttled' });
  });

  it('is spared by those who queued before it failed', async () => {
    const server = await serve(failing);
    const source = sourceOf({ url: server.url, concurrency: 1 });
    const answers = await Promise.all([ask(source), ask(source, { query: 'b' }), ask(source, { query: 'c' })]);
    expect(answers.map((answer) => answer.kind === 'error' && answer.cause)).toEqual([
      'server-error',
      'backoff',
      'backoff',
    ]);
    expect(server.requests).toHaveLength(1);
  });

  it('is asked by others when it only refuses one query', async () => {
    const server = await serve((request, response) =>
      request.form.get('query') === 'bad'
        ? json(response, 400, { status: 'error', errorType: 'bad_data', error: 'parse error' })
        : healthy(request, response),
    );
    const source = sourceOf({ url: server.url });
    expect(await ask(source, { query: 'bad' })).toMatchObject({
      cause: 'bad-query',
      message: 'metric source default: parse error',
    });
    expect(await ask(source)).toMatchObject({ kind: 'samples' });
    expect(source.health().lastError).toBeUndefined();
  });
});

describe('the clock of the source', () => {
  const withClock =
    (offsetMs: number): Handler =>
    (request, response) => {
      response.setHeader('date', new Date(clock.now() + offsetMs).toUTCString());
      healthy(request, response);
    };

  it('that agrees with ours changes nothing', async () => {
    const server = await serve(withClock(0));
    const source = sourceOf({ url: server.url });
    for (let n = 0; n < 3; n += 1) {
      expect(await ask(source)).toMatchObject({ evaluatedAtMs: clock.now(), evaluatedAtLocalMs: clock.now() });
      await clock.advance(1130);
    }
    expect(source.health().skewMs).toBe(0);
  });

  it('that is off moves the evaluation time by as much', async () => {
    const server = await serve(withClock(-12_000));
    const source = sourceOf({ url: server.url });
    await ask(source);
    const { skewMs } = source.health();
    expect(Math.abs(skewMs + 12_000)).toBeLessThan(1000);
    const answer = await ask(source);
    expect(server.requests[1]?.form.get('time')).toBe(((clock.now() + skewMs) / 1000).toFixed(3));
    expect(answer).toMatchObject({ evaluatedAtMs: clock.now() + skewMs, evaluatedAtLocalMs: clock.now() });
  });

  it('that is off by more than 30 s makes its answers useless, until it is set', async () => {
    const server = await serve(withClock(60_000));
    const source = sourceOf({ url: server.url });
    expect(await ask(source)).toMatchObject({ cause: 'clock-skew' });
    expect(source.health()).toMatchObject({ lastError: { cause: 'clock-skew' } });
    server.handle(withClock(0));
    expect(await ask(source)).toMatchObject({ kind: 'samples' });
    // Whatever our own clock said then, and says now.
    expect(source.health().lastError).toBeUndefined();
  });
});

describe('credentials', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-metrics-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
  });

  async function file(name: string, content: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  }

  it('are sent as basic authorization', async () => {
    const server = await serve(healthy);
    const passwordFile = await file('password', 'pass:wörd\n');
    await ask(sourceOf({ url: server.url, auth: { basic: { username: 'kv', passwordFile } } }));
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('kv:pass:wörd').toString('base64')}`);
  });

  it('are sent as a bearer token, and read again after a rotation', async () => {
    const server = await serve(healthy);
    const bearerFile = await file('token', 'first\n');
    const source = sourceOf({ url: server.url, auth: { bearerFile } });
    await ask(source);
    await file('token', 'second\n');
    await clock.advance(1000);
    await ask(source);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  it.each([
    ['missing', undefined],
    ['empty', '\n'],
    ['not text', 'to\u0000ken'],
    ['several lines', 'a\nb'],
  ])('in a file that is %s send nothing and leak nothing', async (_, content) => {
    const server = await serve(healthy);
    const bearerFile = content === undefined ? join(folder, 'none') : await file('token', content);
    const source = sourceOf({ url: server.url, auth: { bearerFile } });
    expect(await ask(source)).toEqual({
      kind: 'error',
      cause: 'unauthorized',
      message: 'metric source default: its credentials cannot be read',
    });
    expect(source.health().lastError?.message).toContain(bearerFile);
    expect(server.requests).toEqual([]);
  });

  it('never get into a message', async () => {
    const server = await serve((_, response) => json(response, 401, { status: 'error', error: 'no' }));
    const bearerFile = await file('token', 'hunter2');
    const source = sourceOf({ url: server.url, auth: { bearerFile } });
    const answer = await ask(source);
    expect(answer).toMatchObject({ cause: 'unauthorized', message: 'metric source default: HTTP 401: no' });
    expect(JSON.stringify([answer, source.health()])).not.toContain('hunter2');
  });

  describe('of TLS', () => {
    const authority = createAuthority('test authority');
    const ours = authority.issue('prometheus', { hosts: ['127.0.0.1', 'metrics.example'] });

    it('trust the given authority', async () => {
      const { url } = await serve(healthy, ours);
      const source = sourceOf({ url, tls: { caFile: await file('ca.pem', authority.cert) } });
      expect(await ask(source)).toMatchObject({ kind: 'samples' });
    });

    it.each<[string, { authority: string; certificate: { cert: string; key: string }; serverName?: string }]>([
      ['of another authority', { authority: createAuthority('somebody else').cert, certificate: ours }],
      ['of another host', { authority: authority.cert, certificate: authority.issue('x', { hosts: ['10.0.0.1'] }) }],
      [
        'of another name than the one expected',
        { authority: authority.cert, certificate: ours, serverName: 'other.example' },
      ],
      [
        'that has expired',
        {
          authority: authority.cert,
          certificate: authority.issue('x', { valid: 'once' }),
        },
      ],
    ])('refuse a certificate %s', async (_, { authority: trusted, certificate, serverName }) => {
      const server = await serve(healthy, certificate);
      // Switching verification off for the whole process must not reach us.
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      cleanUps.push(() => vi.unstubAllEnvs());
      const caFile = await file('ca.pem', trusted);
      const source = sourceOf({ url: server.url, tls: { caFile, ...(serverName !== undefined && { serverName }) } });
      expect(await ask(source)).toMatchObject({
        cause: 'unreachable',
        message: expect.stringMatching(/CERT|UNABLE|SELF_SIGNED|ALTNAME/),
      });
      expect(server.requests).toEqual([]);
    });

    it('may expect another name than the host of the URL', async () => {
      const { url } = await serve(healthy, ours);
      const source = sourceOf({
        url,
        tls: { caFile: await file('ca.pem', authority.cert), serverName: 'metrics.example' },
      });
      expect(await ask(source)).toMatchObject({ kind: 'samples' });
    });

    it('believe anybody only when told to', async () => {
      const { url } = await serve(healthy, ours);
      expect(await ask(sourceOf({ url }))).toMatchObject({ cause: 'unreachable' });
      expect(await ask(sourceOf({ url, tls: { insecureSkipVerify: true } }))).toMatchObject({ kind: 'samples' });
    });

    it('show our certificate, and a new one after a rotation', async () => {
      const revoked = createAuthority('an old authority').issue('kubervisor');
      const current = authority.issue('kubervisor');
      const server = await serve(healthy, { ...ours, ca: authority.cert, requestCert: true });
      const tls = {
        caFile: await file('ca.pem', authority.cert),
        certFile: await file('cert.pem', revoked.cert),
        keyFile: await file('key.pem', revoked.key),
      };
      const source = sourceOf({ url: server.url, tls });
      expect(await ask(source)).toMatchObject({ cause: 'unreachable' });
      await file('cert.pem', current.cert);
      await file('key.pem', current.key);
      await clock.advance(60_000);
      expect(await ask(source)).toMatchObject({ kind: 'samples' });
    });

    it('that are not PEM, or do not fit together, are named', async () => {
      const { url } = await serve(healthy, ours);
      const other = authority.issue('other');
      const source = sourceOf({
        url,
        tls: { certFile: await file('c.pem', ours.cert), keyFile: await file('k.pem', other.key) },
      });
      expect(await ask(source)).toMatchObject({ cause: 'unauthorized' });
      expect(source.health().lastError?.message).toContain('do not belong together');
    });
  });
});
