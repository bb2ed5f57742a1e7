import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { protos } from '../support/protos.ts';
import { xdsServer } from '../support/xds-server.ts';

const { Check, Watch, List } = protos['grpc.health.v1.Health'];
const endpoints = 'envoy.service.endpoint.v3.EndpointDiscoveryService';

test('a watch is told what is so, and each change of it until we stop', async () => {
  const cache = createXdsCache();
  const server = await xdsServer([], { cache });
  const watch = (service: string) => {
    const call = server.connect().raw(Watch.path);
    call.say(Watch.requestSerialize({ service }));
    call.halfClose();
    return async () => Watch.responseDeserialize(await call.next()).status;
  };
  const all = ['', endpoints].map(watch);
  const told = (): Promise<unknown> => Promise.all(all.map((next) => next()));
  expect(await told()).toEqual(['NOT_SERVING', 'NOT_SERVING']);
  cache.open();
  expect(await told()).toEqual(['SERVING', 'SERVING']);
  const stopped = server.stop();
  expect(await told()).toEqual(['NOT_SERVING', 'NOT_SERVING']);
  await stopped;
});

test('of a service that nobody has a watch says so, and goes on', async () => {
  const server = await xdsServer([]);
  const watch = server.connect().raw(Watch.path);
  watch.say(Watch.requestSerialize({ service: 'nobody' }));
  watch.halfClose();
  expect(Watch.responseDeserialize(await watch.next())).toEqual({ status: 'SERVICE_UNKNOWN' });
  expect(await server.connect().health()).toBe('SERVING');
  watch.cancel();
  expect((await watch.ended).code).toBe(status.CANCELLED);
});

test('watches are as few as connections may be; who leaves makes room', async () => {
  const server = await xdsServer([], { limits: { maxConnections: 2 } });
  const client = server.connect();
  const watch = (service: string) => {
    const call = client.raw(Watch.path);
    call.say(Watch.requestSerialize({ service }));
    call.halfClose();
    return call;
  };
  const first = watch('');
  await first.next();
  await watch('nobody').next();
  expect(await watch('').ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(await client.health()).toBe('SERVING');
  first.cancel();
  await eventually(
    async () => {
      const again = watch('');
      return Promise.race([again.next().then(() => true), again.ended.then(() => false)]);
    },
    { timeoutMs: 10_000 },
  );
});

test('a list has everything', async () => {
  const list = (await xdsServer([])).connect().raw(List.path);
  list.say(Buffer.alloc(0));
  list.halfClose();
  const { statuses = {} } = List.responseDeserialize(await list.next());
  expect(statuses).toMatchObject({ '': { status: 'SERVING' }, [endpoints]: { status: 'SERVING' } });
});

test('a name that nobody has is not said back, however long it is', async () => {
  const check = (await xdsServer([])).connect().raw(Check.path);
  check.say(Check.requestSerialize({ service: 'x'.repeat(1 << 20) }));
  check.halfClose();
  expect(await check.ended).toMatchObject({ code: status.NOT_FOUND, details: 'there is no such service' });
});

test('what is no request is refused as that', async () => {
  const client = (await xdsServer([])).connect();
  for (const { path } of [Check, Watch]) {
    const call = client.raw(path);
    call.say(Buffer.from('junk'));
    call.halfClose();
    expect(await call.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
  }
});
