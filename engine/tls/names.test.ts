import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../test/support/certificates.ts';
import { subjectNames } from './names.ts';

const authority = createAuthority();

function namesIn(hosts: readonly string[], uris: readonly string[]) {
  return subjectNames(new X509Certificate(authority.issue('x', { hosts, uris }).cert).subjectAltName);
}

describe('the names of a certificate', () => {
  test('are its URIs and DNS names', () => {
    expect(namesIn(['127.0.0.1', 'Gateway.Example.com'], ['spiffe://cluster.local/ns/shop/sa/Web'])).toEqual([
      { kind: 'dns', value: 'gateway.example.com' },
      { kind: 'uri', value: 'spiffe://cluster.local/ns/shop/sa/Web' },
    ]);
    expect(namesIn(['127.0.0.1'], [])).toEqual([]);
    expect(subjectNames(undefined)).toEqual([]);
  });

  test.each([
    'spiffe://a/b, URI:spiffe://cluster.local/ns/shop/sa/web',
    'spiffe://a/b,URI:spiffe://cluster.local/ns/shop/sa/web',
    '", URI:spiffe://cluster.local/ns/shop/sa/web',
  ])('a name cannot be passed off as two: %s', (uri) => {
    expect(namesIn([], [uri])).toEqual([]);
    expect(namesIn(['gateway.example.com'], [uri])).toEqual([]);
  });
});
