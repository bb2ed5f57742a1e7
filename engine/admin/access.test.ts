/** Who gets in, on both wires. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminOf, grpcClient, onLoopback, serveAdmin } from '../../test/support/admin.ts';
import { createAuthority } from '../../test/support/certificates.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { world } from '../../test/support/world.ts';
import { systemClock } from '../clock.ts';
import type { AdminListener } from '../config/config.ts';
import { startGrpcAdmin } from './grpc.ts';
import { startHttpAdmin } from './http.ts';
import type { Readiness } from './telemetry.ts';
import { createTokenFile } from './token-file.ts';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** `fetch` would not send a Host header of our choice, and has no client certificates. */
function ask(
  url: string,
  options: RequestOptions & { cert?: string; key?: string; ca?: string } = {},
  body?: object,
): Promise<Answer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, (response) => {
      const isJson = response.headers['content-type']?.startsWith('application/json') === true;
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(body) : { text: body } }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-access-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('on loopback without authentication', () => {
  it.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:9999', 200],
    ['localhost:18080', 200],
    ['[::1]:18080', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:18080', 403],
    ['10.0.0.1', 403],
  ])('the Host header %j gives %d', async (host, expected) => {
    await using wires = await serveAdmin(adminOf(world()));
    const answer = await ask(`${wires.url}/api/v1/services`, { headers: { host } });
    expect(answer.status).toBe(expected);
    if (expected === 403) expect(answer.body['code']).toBe('KV0712');
  });

  it.each([
    ['of this server', (url: string) => url, 200],
    ['of another port', () => 'http://127.0.0.1:1', 403],
    ['of another site', () => 'https://evil.example', 403],
    ['of a sandboxed page', () => 'null', 403],
  ])('an Origin %s is answered with %s', async (_, originOf, expected) => {
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin);
    const headers = { origin: originOf(wires.url), 'content-type': 'application/json' };
    const act = { backend: 'p1', forSeconds: 60, reason: 'x' };
    const answer = await ask(`${wires.url}/api/v1/services/shop/pricer/eject`, { method: 'POST', headers }, act);
    expect(answer.status).toBe(expected);
    expect(admin.acts).toHaveLength(expected === 200 ? 1 : 0);
  });

  it('no page of another origin is ever told that it may read or send', async () => {
    await using wires = await serveAdmin(adminOf(world()));
    const answer = await fetch(`${wires.url}/api/v1/suspend`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(404);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('the watch is as closed to other names as the rest', async () => {
    await using wires = await serveAdmin(adminOf(world()));
    expect(await ask(`${wires.url}/api/v1/watch`, { headers: { host: 'evil.example' } })).toMatchObject({
      status: 403,
    });
  });

  it('the client says who acts', async () => {
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin);
    const headers = { 'content-type': 'application/json' };
    const body = { reason: 'x', actor: 'cli:ana' };
    await ask(`${wires.url}/api/v1/services/shop/pricer/suspend`, { method: 'POST', headers }, body);
    expect(admin.acts[0]).toEqual({
      verb: 'suspend',
      service: 'shop/pricer',
      backend: '',
      actor: 'cli:ana',
      reason: 'x',
    });
  });
});

describe('beyond loopback', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'some-name'])('%s without authentication is refused at start', async (host) => {
    const listener: AdminListener = { address: { host, port: 0 } };
    const { handlers } = adminOf(world());
    const open = { handlers, listener, clock: systemClock };
    const http = startHttpAdmin({
      ...open,
      readiness: () => ({ status: 'ready', problems: [] }),
      metrics: async () => '',
    });
    await expect(http).rejects.toMatchObject({ problem: { code: 'KV0715', field: 'http.listen' } });
    await expect(startGrpcAdmin(open)).rejects.toMatchObject({
      problem: { code: 'KV0715', field: 'grpcAdmin.listen' },
    });
  });
});

describe('a port in use', () => {
  it('is said on both wires with the address and the way out', async () => {
    await using wires = await serveAdmin(adminOf(world()));
    const { handlers } = adminOf(world());
    const at = (port: number) => ({ handlers, clock: systemClock, listener: { address: { host: '127.0.0.1', port } } });
    const httpPort = Number(new URL(wires.url).port);
    const http = startHttpAdmin({
      ...at(httpPort),
      readiness: () => ({ status: 'ready', problems: [] }),
      metrics: async () => '',
    });
    await expect(http).rejects.toMatchObject({ problem: { code: 'KV0510' } });
    const grpcPort = Number(wires.target.split(':')[1]);
    await expect(startGrpcAdmin(at(grpcPort))).rejects.toMatchObject({ problem: { code: 'KV0510' } });
  });
});

describe('with bearer tokens', () => {
  it.each([
    ['none', undefined, 401],
    ['a wrong one', 'Bearer wrong', 401],
    ['the beginning of one', 'Bearer secre', 401],
    ['another scheme', 'Basic secret', 401],
    ['an empty one', 'Bearer ', 401],
    ['one of them', 'Bearer secret', 200],
    ['the other', 'bearer  older', 200],
  ])('%s gives the same answer on both wires', async (_, authorization, expected) => {
    const auth = { kind: 'bearer', file: await file('tokens', 'secret\nolder\n\n') } as const;
    await using wires = await serveAdmin(adminOf(world()), { listener: { ...onLoopback, auth } });
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await ask(`${wires.url}/api/v1/services`, { headers });
    expect(answer.status).toBe(expected);
    using grpc = grpcClient(wires.target, headers);
    const call = grpc.call('list', {});
    if (expected === 200) await expect(call).resolves.toEqual(answer.body);
    else await expect(call).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    if (expected === 401) expect(answer.body['code']).toBe('KV0711');
  });

  it('the token says who acts, whatever the client says', async () => {
    const auth = { kind: 'bearer', file: await file('tokens', 'secret') } as const;
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin, { listener: { ...onLoopback, auth } });
    const headers = { authorization: 'Bearer secret', 'content-type': 'application/json' };
    const body = { reason: 'x', actor: 'root' };
    await ask(`${wires.url}/api/v1/services/shop/pricer/suspend`, { method: 'POST', headers }, body);
    expect(admin.acts[0]?.actor).toBe('bearer');
  });

  it('a replaced file counts within a second, a lost or empty one lets nobody in', async () => {
    const path = await file('rotating', 'old');
    const clock = createManualClock();
    const tokens = createTokenFile(path, clock);
    expect(await tokens.accepts('Bearer old')).toBe(true);
    await writeFile(path, 'new');
    await clock.advance(1000);
    expect([await tokens.accepts('Bearer old'), await tokens.accepts('Bearer new')]).toEqual([false, true]);
    await writeFile(path, '\n');
    await clock.advance(1000);
    expect([await tokens.accepts('Bearer new'), await tokens.accepts('Bearer ')]).toEqual([false, false]);
    await rm(path);
    await clock.advance(1000);
    expect(await tokens.accepts('Bearer new')).toBe(false);
  });

  it('probes get in without a token and learn no details, metrics do not', async () => {
    const auth = { kind: 'bearer', file: await file('tokens', 'secret') } as const;
    const problem = { code: 'KV0201', severity: 'error', message: 'broken.yaml', file: '/etc/x.yaml' } as const;
    await using wires = await serveAdmin(adminOf(world()), {
      listener: { ...onLoopback, auth },
      readiness: () => ({ status: 'ready', problems: [problem] }),
    });
    expect((await ask(`${wires.url}/healthz`)).status).toBe(200);
    expect(await ask(`${wires.url}/readyz`)).toEqual({ status: 200, body: { status: 'ready' } });
    const headers = { authorization: 'Bearer secret' };
    expect((await ask(`${wires.url}/readyz`, { headers })).body).toEqual({ status: 'ready', problems: [problem] });
    expect((await ask(`${wires.url}/metrics`)).status).toBe(401);
    expect(await ask(`${wires.url}/metrics`, { headers })).toMatchObject({ body: { text: 'kubervisor_up 1\n' } });
  });
});

describe('with client certificates', () => {
  const authority = createAuthority();
  const server = authority.issue('kubervisor');
  const mtls = async (): Promise<AdminListener> => ({
    ...onLoopback,
    auth: {
      kind: 'mtls',
      caFile: await file('ca.pem', authority.cert),
      certFile: await file('cert.pem', server.cert),
      keyFile: await file('key.pem', server.key),
    },
  });
  const act = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const path = '/api/v1/services/shop/pricer/suspend';

  it.each([
    ['a common name', authority.issue('ana'), 'ana'],
    ['a workload URI', authority.issue('ana', { uris: ['spiffe://shop/ns/ops'] }), 'spiffe://shop/ns/ops'],
  ])('%s says who acts, on both wires', async (_, client, actor) => {
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin, { listener: await mtls() });
    const answer = await ask(
      `${wires.url}${path}`,
      { ...act, ...client, ca: authority.cert },
      { reason: 'x', actor: 'root' },
    );
    expect(answer.status).toBe(200);
    const channel = credentials.createSsl(...[authority.cert, client.key, client.cert].map((pem) => Buffer.from(pem)));
    using grpc = grpcClient(wires.target, {}, channel);
    await grpc.call('resume', { namespace: 'shop', name: 'pricer', reason: 'x' });
    expect(admin.acts.map((told) => told.actor)).toEqual([actor, actor]);
  });

  it('no certificate, or one of another authority, is nobody', async () => {
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin, { listener: await mtls() });
    const stranger = createAuthority().issue('ana');
    for (const client of [{}, stranger]) {
      const answer = await ask(`${wires.url}${path}`, { ...act, ...client, ca: authority.cert }, { reason: 'x' });
      expect([answer.status, answer.body['code']]).toEqual([401, 'KV0711']);
    }
    using grpc = grpcClient(wires.target, {}, credentials.createSsl(Buffer.from(authority.cert)));
    await expect(grpc.call('list', {})).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect((await ask(`${wires.url}/healthz`, { ca: authority.cert })).status).toBe(200);
    expect(admin.acts).toEqual([]);
  });

  it('files that are missing or do not fit are named at start', async () => {
    const listener = await mtls();
    await rm(join(folder, 'key.pem'));
    await expect(serveAdmin(adminOf(world()), { listener })).rejects.toMatchObject({
      problem: { code: 'KV0716', field: 'http.auth.mtls.keyFile' },
    });
    await file('key.pem', authority.issue('other').key);
    await expect(serveAdmin(adminOf(world()), { listener })).rejects.toMatchObject({
      problem: { code: 'KV0716', field: 'http.auth.mtls' },
    });
  });
});

describe('probes', () => {
  it('say starting until every input was read, and ready although an input is broken', async () => {
    const problem = { code: 'KV0201', severity: 'error', message: 'broken' } as const;
    let status: Readiness['status'] = 'starting';
    await using wires = await serveAdmin(adminOf(world()), { readiness: () => ({ status, problems: [problem] }) });
    expect(await ask(`${wires.url}/readyz`)).toEqual({
      status: 503,
      body: { status: 'starting', problems: [problem] },
    });
    status = 'ready';
    expect(await ask(`${wires.url}/readyz`)).toEqual({ status: 200, body: { status: 'ready', problems: [problem] } });
  });
});
