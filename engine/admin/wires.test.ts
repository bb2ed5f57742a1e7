/** One API, two wires: what is true of one is true of the other. */
import { serviceKey } from '../model.ts';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { adminOf, type GrpcClient, grpcClient, named, serveAdmin, type Wires } from '../../test/support/admin.ts';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { WatchResponse } from './messages.ts';

interface Http {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function send(url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Http> {
  const response = await fetch(url, {
    ...(body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function* events(url: string, signal: AbortSignal): AsyncGenerator<WatchResponse> {
  const response = await fetch(url, { signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length)) as WatchResponse;
    }
  }
}

/** A world with everything in it that a view can show. */
function richWorld(): World {
  const observing = breakerOf({ name: 'slow', enforcement: 'Observe', activity: { query: 'calls', min: 0 } });
  const w = world({ fleet: 8, policy: policyOf({ breakers: [breakerOf(), observing] }) });
  w.eject('p1', { verb: 'pause' });
  w.evaluations(3, w.bad('p2', 'p3'));
  return w;
}

async function bothWires(
  worlds: readonly World[],
  run: (wires: Wires, grpc: GrpcClient, admin: ReturnType<typeof adminOf>) => Promise<void>,
): Promise<void> {
  const admin = adminOf(...worlds);
  await using wires = await serveAdmin(admin);
  using grpc = grpcClient(wires.target);
  await run(wires, grpc, admin);
}

describe('both wires answer with the same JSON', () => {
  it.each([
    ['list', '/api/v1/services', {}],
    ['list', '/api/v1/services?namespace=shop&backends=true', { namespace: 'shop', backends: true }],
    ['get', '/api/v1/services/shop/pricer', { namespace: 'shop', name: 'pricer' }],
    ['why', '/api/v1/why?backend=p2&namespace=shop', { backend: 'p2', namespace: 'shop' }],
    ['why', '/api/v1/why?backend=10.0.0.1:8080&namespace=shop', { backend: '10.0.0.1:8080', namespace: 'shop' }],
    ['proxies', '/api/v1/proxies', {}],
    ['proxies', '/api/v1/proxies?namespace=shop&name=pricer', { namespace: 'shop', name: 'pricer' }],
  ] as const)('to %s %s', async (method, path, request) => {
    await bothWires([richWorld(), named(world({ policy: undefined }), 'ops', 'plain')], async (wires, grpc, admin) => {
      admin.proxies = [
        {
          nodeId: 'e1',
          nodeCluster: 'edge',
          version: 'envoy 1.40.0',
          zone: 'a',
          dialect: 'envoy',
          address: '127.0.0.1:5',
          connectedAtMs: 0,
          subscriptions: [
            {
              type: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
              variant: 'delta',
              resources: 2,
              sentVersion: '3',
              nack: { version: '3', message: 'no', atMs: 0 },
              holdings: [
                { name: 'shop/pricer', service: serviceKey('shop', 'pricer'), status: 'stale', sentVersion: '3' },
              ],
            },
          ],
        },
      ];
      const http = await send(`${wires.url}${path}`);
      expect(http.status).toBe(200);
      expect(await grpc.call(method, request)).toEqual(http.body);
    });
  });

  it('to manual acts, each seen by the other wire at once', async () => {
    await bothWires([world()], async (wires, grpc) => {
      const service = { namespace: 'shop', name: 'pricer' };
      const base = `${wires.url}/api/v1/services/shop/pricer`;
      const ejected = await send(`${base}/eject`, {
        backend: 'p1',
        forSeconds: 60,
        reason: 'heap dump',
        actor: 'cli:ana',
      });
      expect(ejected.body).toMatchObject({
        backend: { state: 'ejected', decision: { actor: 'cli:ana', verb: 'eject' } },
      });
      expect(await grpc.call('why', { backend: 'p1' })).toMatchObject({ backend: ejected.body['backend'] });

      const paused = await grpc.call('pause', {
        ...service,
        backend: 'p2',
        forSeconds: 60,
        reason: 'look',
        force: true,
      });
      expect(paused).toMatchObject({ backend: { state: 'paused', decision: { actor: 'loopback' } } });
      const restored = await send(`${base}/restore`, { backend: '10.0.0.1:8080', reason: 'done' });
      expect(restored.body).toMatchObject({ service: { summary: { serving: 5 } }, backend: { state: 'serving' } });
      const ramped = await grpc.call('restore', { ...service, backend: 'p2', reason: 'done', ramp: true });
      expect(ramped).toMatchObject({ backend: { state: 'probing', decision: { returning: 'manual-ramp' } } });

      const suspended = await grpc.call('suspend', { ...service, reason: 'drill', actor: 'ana' });
      expect(suspended).toMatchObject({ suspension: { scope: 'service', actor: 'ana', reason: 'drill' } });
      const resumed = await send(`${base}/resume`, { reason: 'over' });
      expect(resumed.status).toBe(200);
      expect(resumed.body['service']).not.toHaveProperty('suspension');

      const frozen = await grpc.call('freeze', { ...service, forSeconds: 60, reason: 'move', actor: 'ana' });
      expect(frozen).toMatchObject({ service: { freeze: { actor: 'ana', reason: 'move' } } });
      const thawed = await send(`${base}/unfreeze`, { reason: 'over' });
      expect(thawed.status).toBe(200);
      expect(thawed.body['service']).not.toHaveProperty('freeze');
      expect((await send(`${base}/freeze`, { reason: 'again', forSeconds: 60 })).status).toBe(200);
      expect(await grpc.call('unfreeze', { ...service, reason: 'over' })).toMatchObject({
        service: { name: 'pricer' },
      });

      const everything = await send(`${wires.url}/api/v1/suspend`, { reason: 'outage' });
      expect(everything.body).toMatchObject({ suspension: { scope: 'everything', actor: 'loopback' } });
      expect(await grpc.call('list', {})).toMatchObject({ suspension: everything.body['suspension'] });
      expect(await grpc.call('resume', { all: true, reason: 'over' })).toEqual({});
    });
  });
});

it('a person who has looked at a kill loop lets evictions go on, with no suspension to end', async () => {
  const activator = { mode: 'retryAndKill', maxRetryCount: 0 } as const;
  const w = world({ policy: policyOf({ activator: { ...activator, maxEvictionsPerHour: 10 } }) });
  const fleet = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
  for (const [bad, next] of [
    ['p1', 'q1'],
    ['q1', 'q2'],
    ['q2', ''],
  ] as const) {
    w.evaluations(2, w.bad(bad));
    w.pass(30_000);
    w.evaluate(w.bad(bad));
    w.pass(600_000);
    if (next !== '') w.fleet([...fleet.slice(1), next].map((name) => backendOf(name)));
    w.pass(120_000);
  }
  await bothWires([w], async (wires, grpc) => {
    const waiting = await send(`${wires.url}/api/v1/why?backend=q2`);
    expect(waiting.body).toMatchObject({ backend: { decision: { next: expect.stringContaining('kill-loop') } } });
    const resumed = await send(`${wires.url}/api/v1/services/shop/pricer/resume`, { reason: 'image mended' });
    expect(resumed.status).toBe(200);
    expect(await grpc.call('why', { backend: 'q2' })).toMatchObject({ backend: { state: 'evicted' } });
  });
});

describe('both wires refuse with the same code', () => {
  const act = { backend: 'p1', forSeconds: 60, reason: 'because' };
  it.each([
    ['no reason', 'eject', { ...act, reason: ' ' }, 'KV0701', 400, status.INVALID_ARGUMENT],
    [
      'a reason of 257 characters',
      'eject',
      { ...act, reason: 'x'.repeat(257) },
      'KV0701',
      400,
      status.INVALID_ARGUMENT,
    ],
    ['a reason with a line break', 'eject', { ...act, reason: 'a\nb' }, 'KV0701', 400, status.INVALID_ARGUMENT],
    ['no time', 'pause', { ...act, forSeconds: 0 }, 'KV0701', 400, status.INVALID_ARGUMENT],
    ['more than four hours', 'pause', { ...act, forSeconds: 14_401 }, 'KV0701', 400, status.INVALID_ARGUMENT],
    [
      'an unknown backend',
      'restore',
      { ...act, backend: 'p99', forSeconds: undefined },
      'KV0703',
      404,
      status.NOT_FOUND,
    ],
    [
      'a backend that serves already',
      'restore',
      { backend: 'p1', reason: 'why' },
      'KV0707',
      409,
      status.FAILED_PRECONDITION,
    ],
    ['a freeze without a time', 'freeze', { reason: 'why' }, 'KV0701', 400, status.INVALID_ARGUMENT],
    [
      'a freeze of more than four hours',
      'freeze',
      { reason: 'why', forSeconds: 14_401 },
      'KV0701',
      400,
      status.INVALID_ARGUMENT,
    ],
    ['a freeze without a reason', 'freeze', { reason: '', forSeconds: 60 }, 'KV0701', 400, status.INVALID_ARGUMENT],
    ['an end of no freeze', 'unfreeze', { reason: 'why' }, 'KV0717', 409, status.FAILED_PRECONDITION],
    ['a resume of what is not suspended', 'resume', { reason: 'why' }, 'KV0710', 409, status.FAILED_PRECONDITION],
  ] as const)('%s', async (_, verb, request, code, httpStatus, grpcStatus) => {
    await bothWires([world()], async (wires, grpc, admin) => {
      const http = await send(`${wires.url}/api/v1/services/shop/pricer/${verb}`, request);
      expect([http.status, http.body['code']]).toEqual([httpStatus, code]);
      expect(Object.keys(http.body)).toEqual(['code', 'message', 'remedy']);
      const refused: unknown = await grpc
        .call(verb, { namespace: 'shop', name: 'pricer', ...request })
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: grpcStatus });
      expect((refused as { metadata: { get(name: string): unknown } }).metadata.get('kubervisor-code')).toEqual([code]);
      expect(String(refused)).toContain(http.body['message']);
      expect(admin.acts.map(({ refused: why }) => why)).toEqual([code, code]);
    });
  });

  it('an act that would break the floor, whatever the force', async () => {
    await bothWires(
      [world({ fleet: 2, policy: policyOf({ budget: { minAvailableCount: 2 } }) })],
      async (wires, grpc) => {
        const request = { ...act, force: true };
        const http = await send(`${wires.url}/api/v1/services/shop/pricer/eject`, request);
        expect(http).toMatchObject({ status: 409, body: { code: 'KV0705' } });
        await expect(grpc.call('eject', { namespace: 'shop', name: 'pricer', ...request })).rejects.toMatchObject({
          code: status.FAILED_PRECONDITION,
        });
      },
    );
  });

  it('an act that a guard stops, until it is forced', async () => {
    await bothWires([world({ policy: policyOf({ budget: { maxEjectedPercent: 0 } }) })], async (wires) => {
      const url = `${wires.url}/api/v1/services/shop/pricer/eject`;
      expect(await send(url, act)).toMatchObject({ status: 409, body: { code: 'KV0706' } });
      expect(await send(url, { ...act, force: true })).toMatchObject({ status: 200 });
    });
  });

  it('an act that cannot be put on record', async () => {
    await bothWires([world()], async (wires, grpc, admin) => {
      admin.refuseAll = { kind: 'refused', cause: 'store-down', message: 'the disk is full' };
      expect(await send(`${wires.url}/api/v1/services/shop/pricer/eject`, act)).toMatchObject({
        status: 503,
        body: { code: 'KV0709', message: 'the disk is full' },
      });
      await expect(grpc.call('eject', { namespace: 'shop', name: 'pricer', ...act })).rejects.toMatchObject({
        code: status.UNAVAILABLE,
      });
    });
  });

  it.each([
    ['not-leader', 'KV0810'],
    ['no-policy', 'KV0811'],
  ] as const)('an act that this replica may not do: %s', async (cause, code) => {
    await bothWires([world()], async (wires, grpc, admin) => {
      admin.refuseAll = { kind: 'refused', cause, message: 'this replica follows; kubervisor-1 leads' };
      admin.role = { kind: 'following', leader: 'kubervisor-1' };
      expect(await send(`${wires.url}/api/v1/services/shop/pricer/eject`, act)).toMatchObject({
        status: 409,
        body: { code, message: 'this replica follows; kubervisor-1 leads' },
      });
      await expect(grpc.call('eject', { namespace: 'shop', name: 'pricer', ...act })).rejects.toMatchObject({
        code: status.FAILED_PRECONDITION,
      });
      const { replica } = admin.handlers.list({ namespace: '', backends: false });
      expect(replica).toEqual({ role: 'following', leader: 'kubervisor-1' });
    });
  });

  it('a ramp on one replica alone', async () => {
    await bothWires([world()], async (wires) => {
      const request = { backend: 'p1', reason: 'x', ramp: true, local: true };
      const answer = await send(`${wires.url}/api/v1/services/shop/pricer/restore`, request);
      expect(answer).toMatchObject({ status: 400, body: { code: 'KV0701' } });
    });
  });

  it('a suspension of everything that also names a Service', async () => {
    await bothWires([world()], async (wires, grpc) => {
      expect(await send(`${wires.url}/api/v1/suspend`, { name: 'pricer', reason: 'x' })).toMatchObject({ status: 400 });
      await expect(grpc.call('suspend', { all: true, name: 'pricer', reason: 'x' })).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
    });
  });

  it('a suspension that names nothing, rather than suspend everything', async () => {
    await bothWires([world()], async (_, grpc, admin) => {
      await expect(grpc.call('suspend', { reason: 'x' })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
      expect(admin.handlers.list({ namespace: '', backends: false })).not.toHaveProperty('suspension');
    });
  });
});

describe('HTTP takes nothing but what the proto knows', () => {
  it.each([
    ['a misspelt field', { backend: 'p1', forSecond: 60, reason: 'x' }, /forSecond is not a field of this request/],
    ['text for a number', { backend: 'p1', forSeconds: '60', reason: 'x' }, /forSeconds must be a number/],
    ['a number for text', { backend: 1, forSeconds: 60, reason: 'x' }, /backend must be a string/],
    ['null', { backend: null, forSeconds: 60, reason: 'x' }, /backend must be a string/],
    ['a list', [], /body must be a JSON object/],
  ])('not %s', async (_, body, message) => {
    await bothWires([world()], async ({ url }, __, admin) => {
      const answer = await send(`${url}/api/v1/services/shop/pricer/eject`, body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'KV0701' } });
      expect(answer.body['message']).toMatch(message);
      expect(admin.acts).toEqual([]);
    });
  });

  it.each([
    ['a form', 415, 'application/x-www-form-urlencoded', 'backend=p1'],
    ['plain text', 415, 'text/plain', '{"backend":"p1","forSeconds":60,"reason":"x"}'],
    ['broken JSON', 400, 'application/json', '{"backend":'],
    ['no body', 400, 'application/json', ''],
    ['17 KiB', 413, 'application/json', JSON.stringify({ reason: 'x'.repeat(17 * 1024) })],
  ])('not %s', async (_, expected, type, body) => {
    await bothWires([world()], async ({ url }, __, admin) => {
      const answer = await fetch(`${url}/api/v1/services/shop/pricer/eject`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect(answer.status).toBe(expected);
      expect(await answer.json()).toMatchObject({ code: 'KV0701' });
      expect(admin.acts).toEqual([]);
    });
  });

  it('and says of a path it does not know where the list is', async () => {
    await bothWires([world()], async ({ url }) => {
      expect(await send(`${url}/api/v2/services`)).toMatchObject({ status: 404, body: { code: 'KV0714' } });
    });
  });

  it('and nobody keeps the answer', async () => {
    await bothWires([world()], async ({ url }) => {
      const { headers } = await fetch(`${url}/api/v1/services`);
      expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff']);
    });
  });

  it('and a fault of ours tells the client nothing of our insides', async () => {
    await bothWires([world()], async ({ url }, grpc, admin) => {
      Object.defineProperty(admin, 'proxies', {
        get() {
          throw new Error('/etc/secret');
        },
      });
      const answer = await send(`${url}/api/v1/proxies`);
      expect(answer).toMatchObject({ status: 500, body: { code: 'KV0713' } });
      expect(JSON.stringify(answer.body)).not.toContain('secret');
      await expect(grpc.call('proxies', {})).rejects.toMatchObject({ code: status.INTERNAL });
    });
  });
});

describe('a watch, on either wire', () => {
  const open = {
    SSE: ({ url }: Wires, _: GrpcClient, query: string, signal: AbortSignal) =>
      events(`${url}/api/v1/watch?${query}`, signal),
    gRPC: (_: Wires, grpc: GrpcClient, query: string, signal: AbortSignal) => {
      const { backends, ...names } = Object.fromEntries(new URLSearchParams(query));
      const stream = grpc.watch({ ...names, backends: backends === 'true' });
      signal.addEventListener('abort', () => stream.cancel());
      return stream[Symbol.asyncIterator]();
    },
  };

  async function take(events: AsyncIterator<WatchResponse>, count: number): Promise<readonly WatchResponse[]> {
    const taken: WatchResponse[] = [];
    while (taken.length < count) {
      const next = await events.next();
      if (next.done === true) throw new Error(`the watch ended after ${taken.length} events`);
      taken.push(next.value);
    }
    return taken;
  }

  describe.each(['SSE', 'gRPC'] as const)('%s', (wire) => {
    it('sends what is there, says that this was all, and then each change', async () => {
      const pricer = world();
      await bothWires([pricer, named(world(), 'ops', 'plain')], async (wires, grpc, admin) => {
        const abort = new AbortController();
        const stream = open[wire](wires, grpc, '', abort.signal);
        const first = await take(stream, 3);
        expect(first.map(({ key, current }) => [key, current])).toEqual([
          ['ops/plain', false],
          ['shop/pricer', false],
          ['', true],
        ]);
        pricer.evaluations(2, pricer.bad('p1'));
        admin.changed(pricer.state.service);
        const [changed] = await take(stream, 1);
        expect(changed).toMatchObject({ key: 'shop/pricer', gone: false, service: { summary: { ejected: 1 } } });
        pricer.step({ kind: 'fleet', fleet: { service: pricer.state.service, ports: [], backends: [] } });
        admin.changed(pricer.state.service);
        expect(await take(stream, 1)).toEqual([{ key: 'shop/pricer', gone: true, current: false }]);
        abort.abort();
      });
    });

    it('sends only what was asked for', async () => {
      await bothWires([world(), named(world(), 'ops', 'plain')], async (wires, grpc, admin) => {
        const abort = new AbortController();
        const stream = open[wire](wires, grpc, 'namespace=shop&name=pricer&backends=true', abort.signal);
        const [view] = await take(stream, 2);
        expect(view?.service?.backends).toHaveLength(6);
        await admin.handlers.suspend(
          { namespace: 'ops', name: 'plain', all: false, reason: 'not this one', actor: '' },
          {},
        );
        await admin.handlers.suspend({ namespace: 'shop', name: 'pricer', all: false, reason: 'this', actor: '' }, {});
        expect((await take(stream, 1))[0]).toMatchObject({
          key: 'shop/pricer',
          service: { suspension: { reason: 'this' } },
        });
        abort.abort();
      });
    });

    it('ends with its client', async () => {
      await bothWires([world()], async (wires, grpc, admin) => {
        const abort = new AbortController();
        await take(open[wire](wires, grpc, '', abort.signal), 2);
        expect(admin.watchers()).toBe(1);
        abort.abort();
        await expect.poll(() => admin.watchers()).toBe(0);
      });
    });

    it('ends with the server', async () => {
      const admin = adminOf(world());
      const wires = await serveAdmin(admin);
      using grpc = grpcClient(wires.target);
      await take(open[wire](wires, grpc, '', new AbortController().signal), 2);
      await wires[Symbol.asyncDispose]();
      await expect.poll(() => admin.watchers()).toBe(0);
    });
  });

  it('refuses a name without a namespace before it begins', async () => {
    await bothWires([world()], async ({ url }) => {
      expect(await send(`${url}/api/v1/watch?name=pricer`)).toMatchObject({ status: 400, body: { code: 'KV0701' } });
    });
  });
});
