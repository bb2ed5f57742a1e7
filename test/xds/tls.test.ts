/** TLS connections by hand: what they may not be, and how long they may last. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/world/ports.ts';
import { eventually } from '../../demo/world/wait.ts';
import { everything } from '../../xds/identity.ts';
import { silentObserver } from '../../xds/observer.ts';
import type { XdsServerOptions } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { createAuthority } from '../support/certificates.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createTlsSource } from '../support/tls-source.ts';
import { xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const authority = createAuthority();
const ask = { resource_names: ['shop/a'] };

async function serving(options: Partial<XdsServerOptions> = {}) {
  const failures: string[] = [];
  const server = await xdsServer([assignmentOf('a', endpointOf('10.0.0.1'))], {
    tls: { source: createTlsSource(authority.issue('kubervisor'), authority.cert), grantTo: () => everything },
    observer: { ...silentObserver, handshakeFailed: (failure, address) => failures.push(`${failure} ${address}`) },
    ...options,
  });
  return { ...server, failures };
}

/** Valid for an hour from now. */
function certified() {
  return { ca: authority.cert, ...authority.issue('proxy') };
}

/** Resolves when it is secure, as far as the client can tell, or has failed. */
async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...certified(), ...options });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  return socket;
}

test('a failed handshake is told with the address of the client', async () => {
  const { port, failures } = await serving();
  const expired = { ca: authority.cert, ...authority.issue('proxy', { valid: 'once' }) };
  const socket = await handshake(port, expired);
  const { localPort } = socket;
  await eventually(() => failures.length === 1, { timeoutMs: 5000 });
  expect(failures).toEqual([`expired 127.0.0.1:${localPort}`]);
});

test('a client that asks for HTTP/1 gets nothing', async () => {
  const { port, failures } = await serving();
  expect((await handshake(port, { ALPNProtocols: ['http/1.1'] })).destroyed).toBe(true);
  await eventually(() => failures[0]?.startsWith('protocol'), { timeoutMs: 5000 });
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('nobody gets in by resuming a connection: %s', async (version) => {
  const { port } = await serving();
  const options = { ...certified(), minVersion: version, maxVersion: version };
  const first = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...options });
  onTestFinished(() => void first.destroy());
  const session = await new Promise<Buffer>((resolve) => first.resume().once('session', resolve));
  const second = await handshake(port, { ...options, session });
  expect([second.authorized, second.isSessionReused()]).toEqual([true, false]);
});

test('two connections from one address and port are not taken for one another: the second is closed', async () => {
  const { port, connect } = await serving({ listen: { host: '0.0.0.0', port: 0 } });
  // Our certificate is for 127.0.0.1 only.
  const checkServerIdentity = (): undefined => undefined;
  const own = { localAddress: '127.0.0.1', localPort: await freePort(), checkServerIdentity };
  const first = await handshake(port, own);
  const second = connectTls({ port, host: '127.0.0.2', ALPNProtocols: ['h2'], ...certified(), ...own });
  onTestFinished(() => void second.destroy());
  second.on('error', () => undefined);
  const places: unknown[] = [];
  second.on('secureConnect', () => places.push(second.localPort, second.remoteAddress));
  await new Promise((resolve) => second.resume().once('close', resolve));
  expect(places).toEqual([own.localPort, '127.0.0.2']);
  expect(first.destroyed).toBe(false);
  expect(await connect(certified()).health()).toBe('SERVING');
});

test('a stop does not wait for handshakes that never end', async () => {
  const server = await serving();
  const silent = connectTcp(server.port, '127.0.0.1');
  await new Promise((resolve) => silent.once('connect', resolve));
  const left = new Promise((resolve) => silent.resume().once('close', resolve));
  await server.stop();
  await left;
});

describe('a connection whose certificate expires', () => {
  const hourMs = 3_600_000;
  const limits = { maxConnectionAgeMs: 0, maxConnectionAgeGraceMs: 30_000 };

  test('goes on until then', async () => {
    const clock = createManualClock(Date.now());
    const { connect, cache } = await serving({ clock, limits });
    const stream = connect(certified()).sotw();
    stream.say(ask);
    const { nonce = '' } = await stream.next();
    await clock.advance(hourMs / 2);
    stream.say({ ...ask, response_nonce: nonce });
    cache.publish([assignmentOf('a', endpointOf('10.0.0.2'))]);
    expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.2']);
  });

  test('then ends in good order, and no stream begins on it', async () => {
    const clock = createManualClock(Date.now());
    const { connect } = await serving({ clock, limits });
    const certificate = certified();
    const stream = connect(certificate).sotw();
    stream.say(ask);
    await stream.next();
    await clock.advance(hourMs + 1000);
    // The clock of OpenSSL has not moved: it lets the client in, and we do not.
    await expect(connect(certificate).fetch(ask)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('expired'),
    });
    await clock.advance(30_000);
    expect(await stream.ended).toMatchObject({ code: status.OK });
  });
});
