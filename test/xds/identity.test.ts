/** Clients with certificates, over the wire: who gets in, and what each may ask for. */
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { parseIdentityRule } from '../../engine/config/identity-rule.ts';
import { serviceKey } from '../../engine/model.ts';
import type { Peer } from '../../xds/peer.ts';
import { createGrants, everything } from '../../xds/identity.ts';
import { silentObserver } from '../../xds/observer.ts';
import { clusterType, endpointType } from '../../xds/types.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { type Authority, createAuthority, type Facts } from '../support/certificates.ts';
import { fetchStatus } from '../support/csds.ts';
import { createTlsSource } from '../support/tls-source.ts';
import { type ClientTls, connectXds } from '../support/xds-client.ts';
import { xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const authority = createAuthority();
const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');
const vault = { ...assignmentOf('vault', one), service: serviceKey('bank', 'vault') };

function rule(name: string, ...namespaces: readonly string[]) {
  const parsed = parseIdentityRule(name, namespaces);
  if (parsed.kind === 'flawed') throw new Error(parsed.flaws[0]?.message);
  return parsed.rule;
}

const workloads = rule('spiffe://mesh/ns/{namespace}/sa/*', '{namespace}');
const operators = rule('dns:*.ops.example', '*');

/** shop/pricer and bank/vault, for clients with a certificate; and what happens at the door. */
async function world({ asksWho = true, rules = [workloads, operators] } = {}) {
  const failures: string[] = [];
  const refusedNames: string[] = [];
  const refusedCalls: Peer['names'][] = [];
  const source = createTlsSource(authority.issue('kubervisor'), asksWho ? authority.cert : undefined);
  const server = await xdsServer([assignmentOf('pricer', one), vault], {
    tls: { source, grantTo: rules.length === 0 ? () => everything : createGrants(rules) },
    observer: {
      ...silentObserver,
      handshakeFailed: (failure) => failures.push(failure),
      callRefused: (_, { names }) => refusedCalls.push(names),
      refusedName: (_, _type, name) => refusedNames.push(name),
    },
  });
  return { server, source, failures, refusedNames, refusedCalls };
}

function holderOf(facts: Facts, signer: Authority = authority): ClientTls {
  return { ca: authority.cert, ...signer.issue('client', facts) };
}

const shop = holderOf({ uris: ['spiffe://mesh/ns/shop/sa/web'] });
const ops = holderOf({ hosts: ['ana.ops.example'] });
const names = ['shop/pricer', 'bank/vault'];

describe('a name in a namespace that is not its own', () => {
  test.each(['eds', 'ads'] as const)('is silence in state of the world, and counted: %s', async (service) => {
    const { server, refusedNames } = await world();
    const stream = server.connect(shop).sotw(service);
    stream.say({ type_url: endpointType, resource_names: names });
    const first = await stream.next();
    expect(contents(first)).toEqual(['shop/pricer: 10.0.0.1']);
    stream.say({ type_url: endpointType, resource_names: names, response_nonce: first.nonce ?? '' });
    server.cache.publish([{ ...vault, ports: assignmentOf('vault', two).ports }]);
    server.cache.remove(serviceKey('bank', 'vault'));
    server.cache.publish([assignmentOf('pricer', two)]);
    // Nothing came between.
    expect(contents(await stream.next())).toEqual(['shop/pricer: 10.0.0.2']);
    expect(refusedNames).toEqual(['bank/vault']);
  });

  test.each(['eds', 'ads'] as const)('is silence in delta: %s', async (service) => {
    const { server, refusedNames } = await world();
    const stream = server.connect(shop).delta(service);
    stream.say({ type_url: endpointType, resource_names_subscribe: names });
    const first = await stream.next();
    expect([contents(first), first.removed_resources]).toEqual([['shop/pricer: 10.0.0.1'], undefined]);
    stream.say({ type_url: endpointType, response_nonce: first.nonce ?? '' });
    server.cache.remove(serviceKey('bank', 'vault'));
    server.cache.publish([assignmentOf('pricer', two)]);
    const second = await stream.next();
    expect([contents(second), second.removed_resources]).toEqual([['shop/pricer: 10.0.0.2'], undefined]);
    expect(refusedNames).toEqual(['bank/vault']);
  });

  test('is no part of everything, and has no cluster', async () => {
    const { server } = await world();
    const stream = server.connect(shop).sotw('ads');
    stream.say({ type_url: clusterType });
    const clusters = await stream.next();
    expect(clusters.resources).toHaveLength(1);
    const everythingOfDelta = server.connect(shop).delta();
    everythingOfDelta.say({ resource_names_subscribe: ['*'] });
    expect(contents(await everythingOfDelta.next())).toEqual(['shop/pricer:http: 10.0.0.1']);
  });

  test('is not found by a single call, like one that is not there at all', async () => {
    const { server, refusedNames } = await world();
    const client = server.connect(shop);
    const [others, nobodys] = await Promise.all(
      ['bank/vault', 'shop/nobody'].map((name) =>
        client.fetch({ resource_names: [name] }).catch((error: { code: number; details: string }) => ({
          code: error.code,
          details: error.details.replace(name, 'NAME'),
        })),
      ),
    );
    expect(others).toEqual(nobodys);
    expect(others).toMatchObject({ code: status.NOT_FOUND });
    expect(refusedNames).toEqual(['bank/vault']);
  });

  test('does not show in the status of clients', async () => {
    const { server } = await world();
    const other = server.connect(ops).sotw();
    other.say({ node: { id: 'operator' }, resource_names: ['bank/vault'] });
    await other.next();
    const own = server.connect(shop).sotw();
    own.say({ node: { id: 'web' }, resource_names: ['shop/pricer'] });
    await own.next();
    // Of whom nothing tells to which namespace it belongs.
    const unheardOf = server.connect(ops).sotw();
    unheardOf.say({ node: { id: 'unheard-of' }, resource_names: ['teller'] });
    const idle = server.connect(ops).sotw();
    idle.say({ node: { id: 'idle' } });
    await eventually(() => server.proxies().length === 4, { timeoutMs: 20_000 });
    const nodesFor = async (tls: ClientTls) =>
      (await fetchStatus(server.connect(tls))).config?.map(({ node }) => node?.id).toSorted();
    expect(await nodesFor(shop)).toEqual(['web']);
    expect(await nodesFor(ops)).toEqual(['idle', 'operator', 'unheard-of', 'web']);
  });
});

test('who a client says it is changes nothing', async () => {
  const { server } = await world();
  const stream = server.connect(shop).sotw();
  stream.say({ node: { id: 'spiffe://mesh/ns/bank/sa/teller', cluster: 'bank' }, resource_names: names });
  expect(contents(await stream.next())).toEqual(['shop/pricer: 10.0.0.1']);
});

test('a certificate to which no rule applies is told so, and health and reflection answer it all the same', async () => {
  const { server, refusedCalls } = await world();
  const client = server.connect(holderOf({ uris: ['spiffe://elsewhere/ns/shop/sa/web'] }));
  for (const stream of [client.sotw(), client.delta('ads')]) {
    expect(await stream.ended).toMatchObject({ code: status.PERMISSION_DENIED });
  }
  await expect(client.fetch({ resource_names: ['shop/pricer'] })).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
  });
  expect(await client.health()).toBe('SERVING');
  expect(refusedCalls[0]).toEqual([{ kind: 'uri', value: 'spiffe://elsewhere/ns/shop/sa/web' }]);
});

test('without rules a certificate is enough, and without clientCaFile none is needed', async () => {
  for (const [asksWho, tls] of [
    [true, holderOf({})],
    [false, { ca: authority.cert }],
  ] as const) {
    const { server } = await world({ asksWho, rules: [] });
    const stream = server.connect(tls).sotw();
    stream.say({ resource_names: names });
    expect(contents(await stream.next())).toHaveLength(2);
  }
});

describe('nobody gets in', () => {
  test.each([
    ['without a certificate', { ca: authority.cert }, 'no-certificate'],
    ['with one that has expired', holderOf({ valid: 'once' }), 'expired'],
    ['with one that is not valid yet', holderOf({ valid: 'later' }), 'not-yet-valid'],
    ['with one of another authority', holderOf({}, createAuthority('somebody else')), 'unknown-authority'],
    ['with one of another authority of the same name', holderOf({}, createAuthority()), 'unknown-authority'],
  ])('%s', async (_, tls, reason) => {
    const { server, failures } = await world();
    const good = server.connect(shop).sotw();
    good.say({ resource_names: ['shop/pricer'] });
    const { nonce = '' } = await good.next();
    const stream = server.connect(tls).sotw();
    stream.say({ resource_names: ['shop/pricer'] });
    expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
    await eventually(() => failures.includes(reason), { timeoutMs: 20_000, what: reason });
    expect(new Set(failures)).toEqual(new Set([reason]));
    // And nobody else notices.
    good.say({ resource_names: ['shop/pricer'], response_nonce: nonce });
    server.cache.publish([assignmentOf('pricer', two)]);
    expect(contents(await good.next())).toEqual(['shop/pricer: 10.0.0.2']);
  });

  test('in plain text, or with an old version of TLS', async () => {
    const { server, failures } = await world();
    const plain = server.connect().sotw();
    plain.say({ resource_names: ['shop/pricer'] });
    expect(await plain.ended).toMatchObject({ code: status.UNAVAILABLE });
    await eventually(() => failures.includes('protocol'), { timeoutMs: 20_000 });
    const old = connectTls({
      host: '127.0.0.1',
      port: server.port,
      ca: authority.cert,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1.1',
    });
    onTestFinished(() => void old.destroy());
    await new Promise((resolve) => old.once('error', resolve));
  });
});

test('a client that does not negotiate HTTP/2 is taken to know', async () => {
  const { server } = await world();
  const socket = connectTls({ host: '127.0.0.1', port: server.port, ...shop });
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  // SETTINGS, which only HTTP/2 answers with.
  const [answer] = await new Promise<[Buffer]>((resolve) => socket.once('data', (data: Buffer) => resolve([data])));
  expect(answer[3]).toBe(4);
});

describe('a new certificate', () => {
  test('is shown to who connects, and drops no stream', async () => {
    const { server, source } = await world();
    const stream = server.connect(shop).sotw();
    stream.say({ resource_names: ['shop/pricer'] });
    const { nonce = '' } = await stream.next();
    const next = createAuthority('next authority');
    source.renew(next.issue('kubervisor'));

    const newcomer = connectXds(server.port, { ...shop, ca: next.cert });
    onTestFinished(() => newcomer.stop());
    expect(await newcomer.health()).toBe('SERVING');
    stream.say({ resource_names: ['shop/pricer'], response_nonce: nonce });
    server.cache.publish([assignmentOf('pricer', two)]);
    expect(contents(await stream.next())).toEqual(['shop/pricer: 10.0.0.2']);
  });

  test('of the authority of clients counts from the next connection on', async () => {
    const { server, source, failures } = await world();
    const next = createAuthority('next authority');
    source.renew(authority.issue('kubervisor'), next.cert);
    const late = server.connect(shop).sotw();
    late.say({ resource_names: ['shop/pricer'] });
    expect(await late.ended).toMatchObject({ code: status.UNAVAILABLE });
    await eventually(() => failures.includes('unknown-authority'), { timeoutMs: 20_000 });
    const fresh = server.connect(holderOf({ uris: ['spiffe://mesh/ns/shop/sa/web'] }, next)).sotw();
    fresh.say({ resource_names: ['shop/pricer'] });
    expect(contents(await fresh.next())).toEqual(['shop/pricer: 10.0.0.1']);
  });
});
