import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Handler, json, type LoopbackServer, startServer } from '../../test/metrics/loopback-server.ts';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import { type Backend, backendId, serviceKey } from '../model.ts';
import { createCustomServices, type ServiceAddresses } from './custom-service.ts';

const service = serviceKey('shop', 'judge');
const backends: readonly Backend[] = [
  {
    id: backendId('uid-a'),
    name: 'a',
    podName: 'a',
    podUid: 'uid-a',
    ready: true,
    serving: true,
    terminating: false,
    endpoints: [],
  },
];
const never = new AbortController().signal;
const allWell: Handler = (_, response) => json(response, 200, { kind: 'PodList', items: [] });
const listsA: Handler = (_, response) => json(response, 200, { kind: 'PodList', items: [{ metadata: { name: 'a' } }] });

let clock: ManualClock;
let servers: LoopbackServer[];

beforeEach(() => {
  clock = createManualClock(1_700_000_000_000);
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await server.close();
});

async function serve(handler: Handler): Promise<LoopbackServer> {
  const server = await startServer(handler);
  servers.push(server);
  return server;
}

/** Servers in the order in which they are asked. */
async function serveInOrder(...handlers: Handler[]): Promise<LoopbackServer[]> {
  const started = await Promise.all(handlers.map(() => serve(allWell)));
  const sorted = started.toSorted((a, b) => (`${a.port}` < `${b.port}` ? -1 : 1));
  for (const [index, handler] of handlers.entries()) sorted[index]?.handle(handler);
  return sorted;
}

function asker(resolved: ServiceAddresses) {
  const services = createCustomServices({ resolve: () => resolved, clock });
  return (signal = never) => services.ask({ service, port: 8080, backends }, signal);
}

function at(...targets: LoopbackServer[]): ServiceAddresses {
  return { kind: 'addresses', addresses: targets.map(({ port }) => ({ address: '127.0.0.1', port })) };
}

describe('a custom service', () => {
  it('is asked by a plain GET to one of its pods, under the name of the Service', async () => {
    const server = await serve(listsA);
    expect(await asker(at(server))()).toMatchObject({
      kind: 'verdicts',
      askedAtMs: clock.now(),
      verdicts: new Map([['uid-a', { kind: 'anomalous', severity: 1 }]]),
    });
    expect(server.requests).toMatchObject([
      { method: 'GET', path: '/', body: '', headers: { host: 'judge.shop.svc:8080' } },
    ]);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('has a second to answer', async () => {
    const server = await serve(() => undefined);
    const answer = asker(at(server))();
    await server.received(1);
    await clock.advance(1000);
    expect(await answer).toEqual({ kind: 'error', cause: 'timeout', message: 'shop/judge:8080: no answer in time' });
  });

  it('is asked at the instance that answered before, and at the next one when that fails', async () => {
    const [first, second] = await serveInOrder(allWell, allWell);
    if (first === undefined || second === undefined) throw new Error('no servers');
    const ask = asker(at(second, first));
    const counts = () => [first.requests.length, second.requests.length];
    await ask();
    await ask();
    expect(counts()).toEqual([2, 0]);
    first.handle((_, response) => json(response, 500, {}));
    expect(await ask()).toMatchObject({ cause: 'bad-status' });
    expect(await ask()).toMatchObject({ kind: 'verdicts' });
    expect(await ask()).toMatchObject({ kind: 'verdicts' });
    expect(counts()).toEqual([3, 2]);
  });

  it.each<[string, string, Handler]>([
    [
      'a redirect',
      'redirected',
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['an error', 'bad-status', (_, response) => json(response, 503, { items: [] })],
    ['no content', 'bad-status', (_, response) => void response.writeHead(204).end()],
    ['something else', 'bad-answer', (_, response) => void response.end('<html>')],
    ['too much', 'too-large', (_, response) => void response.end(Buffer.alloc(1024 * 1024 + 1, ' '))],
    [
      'half of it',
      'unreachable',
      (_, response) => void response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
    ],
  ])('that answers with %s is %s', async (_, cause, handler) => {
    expect(await asker(at(await serve(handler)))()).toMatchObject({ kind: 'error', cause });
  });

  it('of which nothing but verdicts is repeated', async () => {
    const server = await serve((_, response) => void response.writeHead(500, { 'x-a': 'AKIA' }).end('AKIA-secret'));
    expect(await asker(at(server))()).toEqual({
      kind: 'error',
      cause: 'bad-status',
      message: 'shop/judge:8080: HTTP 500 where 200 was expected',
    });
  });

  it('is not asked through a proxy of the environment', async () => {
    const proxy = await serve(allWell);
    vi.stubEnv('http_proxy', proxy.url);
    const server = await serve(listsA);
    await asker(at(server))();
    vi.unstubAllEnvs();
    expect(proxy.requests).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('is not asked when the Service may not be called, or has nobody to answer', async () => {
    expect(await asker({ kind: 'refused', reason: 'the Service has no selector' })()).toEqual({
      kind: 'error',
      cause: 'refused',
      message: 'shop/judge:8080: the Service has no selector',
    });
    expect(await asker({ kind: 'addresses', addresses: [] })()).toMatchObject({ cause: 'unreachable' });
  });

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    'metadata.internal',
  ])('is never asked at %s', async (address) => {
    expect(await asker({ kind: 'addresses', addresses: [{ address, port: 80 }] })()).toMatchObject({
      cause: 'refused',
    });
  });

  it('may be given up', async () => {
    const server = await serve(() => undefined);
    const caller = new AbortController();
    const answer = asker(at(server))(caller.signal);
    await server.received(1);
    caller.abort();
    expect(await answer).toMatchObject({ kind: 'error', message: expect.stringContaining('cancelled') });
  });
});
