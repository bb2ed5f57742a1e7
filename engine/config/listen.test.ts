import { describe, expect, test } from 'vitest';
import { cannotListen } from './cannot-listen.ts';
import { formatListen, isLoopback, parseListen } from './listen.ts';

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1:18000', { host: '127.0.0.1', port: 18_000 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['0.0.0.0:1', { host: '0.0.0.0', port: 1 }],
    ['kubervisor.shop.svc:80', { host: 'kubervisor.shop.svc', port: 80 }],
  ])('%s', (text, address) => {
    expect(parseListen(text)).toEqual(address);
    expect(formatListen(address)).toBe(text);
  });

  test.each([
    '',
    '18000',
    ':18000',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.256:1',
    '1.2.3:1',
    '::1:80',
    '[::g]:1',
    '[127.0.0.1]:1',
    'http://a:1',
    'a b:1',
    '127.0.0.1:1 ',
  ])('is not %j', (text) => {
    expect(parseListen(text)).toBeUndefined();
  });
});

test.each([
  ['127.0.0.1:1', true],
  ['127.9.9.9:1', true],
  ['localhost:1', true],
  ['[::1]:1', true],
  ['[::ffff:127.0.0.1]:1', true],
  ['0.0.0.0:1', false],
  ['[::]:1', false],
  ['10.0.0.1:1', false],
  ['[::ffff:10.0.0.1]:1', false],
  ['localhost.example.com:1', false],
])('%s is reachable from this machine only: %j', (text, expected) => {
  const address = parseListen(text);
  expect(address && isLoopback(address)).toBe(expected);
});

test.each([
  ['listen EADDRINUSE: address already in use 127.0.0.1:18000', 'is in use by another process'],
  ['No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use]', 'is in use'],
  ['listen EACCES: permission denied', 'may not listen'],
  ['listen EADDRNOTAVAIL: address not available', 'not an address of this machine'],
  ['something else', 'something else'],
])('%s is one clear problem', (cause, message) => {
  expect(cannotListen('xds', { host: '127.0.0.1', port: 18_000 }, new Error(cause)).problem).toMatchObject({
    code: 'KV0510',
    field: 'xds.listen',
    message: expect.stringContaining(message),
    remedy: expect.stringContaining('xds.listen'),
  });
});
