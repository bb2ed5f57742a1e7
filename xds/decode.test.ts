import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eds } from '../test/support/protos.ts';
import { decodeDeltaRequest, decodeSotwRequest } from './decode.ts';
import { defaultLimits } from './limits.ts';
import { RequestRefused } from './refusal.ts';

const { StreamEndpoints, DeltaEndpoints } = eds;
const sotw = (request: Parameters<typeof StreamEndpoints.requestSerialize>[0], limits = defaultLimits) =>
  decodeSotwRequest(StreamEndpoints.requestSerialize(request), limits);
const delta = (request: Parameters<typeof DeltaEndpoints.requestSerialize>[0], limits = defaultLimits) =>
  decodeDeltaRequest(DeltaEndpoints.requestSerialize(request), limits);

/** As an Envoy describes itself, with things nobody here reads. */
const envoy = {
  id: 'sidecar~10.0.0.9',
  cluster: 'frontend',
  metadata: { fields: { LABELS: { structValue: { fields: { app: { stringValue: 'frontend' } } } } } },
  locality: { region: 'eu', zone: 'eu-1a', sub_zone: 'x' },
  user_agent_name: 'envoy',
  user_agent_build_version: { version: { major_number: 1, minor_number: 40 }, metadata: { fields: {} } },
  extensions: [{ name: 'envoy.filters.http.router', category: 'envoy.filters.http', disabled: true }],
  client_features: ['envoy.lb.does_not_support_overprovisioning'],
};
const node = {
  id: 'sidecar~10.0.0.9',
  cluster: 'frontend',
  zone: 'eu-1a',
  subZone: 'x',
  userAgentName: 'envoy',
  userAgentVersion: '1.40.0',
};

describe('a state-of-the-world request', () => {
  test('is read in all that matters, the rest is skipped', () => {
    expect(
      sotw({
        version_info: 'v1',
        node: envoy,
        resource_names: ['a', 'b', 'a'],
        type_url: 'type',
        response_nonce: 'n1',
        error_detail: { code: 3, message: 'no good', details: [{ type_url: 'x', value: Buffer.from('y') }] },
        resource_locators: [{ name: 'c', dynamic_parameters: { x: 'y' } }],
      }),
    ).toEqual({
      node,
      names: ['a', 'b', 'a', 'c'],
      typeUrl: 'type',
      nonce: 'n1',
      error: { code: 3, message: 'no good' },
    });
  });

  test('may be empty', () => {
    expect(sotw({})).toEqual({ names: [], typeUrl: '', nonce: '' });
  });

  test('refuses by the presence of an error, even one that says nothing', () => {
    expect(sotw({ error_detail: {} }).error).toEqual({ code: 0, message: '' });
  });

  test('may tell a version that is no number', () => {
    expect(sotw({ node: { id: 'x', user_agent_name: 'grpc', user_agent_version: 'C-core 1.70' } }).node).toMatchObject({
      userAgentName: 'grpc',
      userAgentVersion: 'C-core 1.70',
    });
  });
});

test('what is kept for people is bounded, with both its ends', () => {
  const long = `first${'x'.repeat(5000)}last`;
  const request = sotw({ node: { id: long }, error_detail: { message: long } });
  for (const text of [request.node?.id, request.error?.message]) {
    expect(text).toMatch(/^firstx+ \.\.\. x+last$/);
    expect(text?.length).toBeLessThan(1100);
  }
});

test('a delta request is read in all that matters', () => {
  expect(
    delta({
      node: envoy,
      type_url: 'type',
      resource_names_subscribe: ['a', 'b'],
      resource_names_unsubscribe: ['c'],
      resource_locators_subscribe: [{ name: 'e' }],
      resource_locators_unsubscribe: [{ name: 'f' }],
      initial_resource_versions: { a: '1', d: '2' },
      response_nonce: 'n1',
      error_detail: { code: 13, message: 'no good' },
    }),
  ).toEqual({
    node,
    typeUrl: 'type',
    subscribe: ['a', 'b', 'e'],
    unsubscribe: ['c', 'f'],
    known: new Map([
      ['a', '1'],
      ['d', '2'],
    ]),
    nonce: 'n1',
    error: { code: 13, message: 'no good' },
  });
});

describe('beyond the limits', () => {
  const limits = { ...defaultLimits, maxNamesPerStream: 2, maxNameLength: 5 };
  const refusal = (code: status, details: string) =>
    expect.objectContaining({ code, details: expect.stringContaining(details) as string });

  test('too many names are refused, in every list', () => {
    const names = ['a', 'b', 'c'];
    for (const ask of [
      () => sotw({ resource_names: names }, limits),
      () => sotw({ resource_locators: names.map((name) => ({ name })) }, limits),
      () => delta({ resource_names_subscribe: names }, limits),
      () => delta({ resource_names_unsubscribe: names }, limits),
      () => delta({ initial_resource_versions: { a: '', b: '', c: '' } }, limits),
    ]) {
      expect(ask).toThrow(refusal(status.RESOURCE_EXHAUSTED, 'more than 2 resource names'));
    }
    expect(sotw({ resource_names: ['a', 'b'] }, limits).names).toHaveLength(2);
  });

  test('too long names are refused', () => {
    expect(() => sotw({ resource_names: ['abcdef'] }, limits)).toThrow(
      refusal(status.INVALID_ARGUMENT, '6 characters; the limit is 5'),
    );
    expect(sotw({ resource_names: ['abcde'] }, limits).names).toEqual(['abcde']);
  });
});

describe('what is no request', () => {
  test.each([
    ['a field that is longer than the message', [0x1a, 0x05, 0x61]],
    ['a node that is longer than the message', [0x12, 0x05, 0x0a, 0x01, 0x61]],
    ['a node whose field is longer than the node', [0x12, 0x02, 0x0a, 0x03, 0x61, 0x61, 0x61]],
    ['field 0', [0x02, 0x00]],
    ['an unknown wire type', [0x0f]],
    ['an unfinished number', [0x80, 0x80]],
    ['groups without end', Array.from({ length: 10_000 }, () => 0x0b)],
  ])('%s is INVALID_ARGUMENT', (_, bytes) => {
    for (const decode of [decodeSotwRequest, decodeDeltaRequest]) {
      expect(() => decode(Uint8Array.from(bytes), defaultLimits)).toThrow(
        expect.objectContaining({ code: status.INVALID_ARGUMENT }),
      );
    }
  });

  test('whatever the bytes: a request, or one clear refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const decode of [decodeSotwRequest, decodeDeltaRequest]) {
          try {
            decode(bytes, defaultLimits);
          } catch (error) {
            expect(error).toBeInstanceOf(RequestRefused);
          }
        }
      }),
    );
  });
});
