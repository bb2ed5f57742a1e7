import { describe, expect, test } from 'vitest';
import { endpointOf, localityOf, portOf } from '../test/support/assignments.ts';
import { eds } from '../test/support/protos.ts';
import { encodeContent } from './content.ts';
import { createResource, type Resource } from './resource.ts';
import { batchVersion, encodeResponse } from './response.ts';
import { endpointType } from './types.ts';

const { StreamEndpoints, DeltaEndpoints } = eds;
const encoded = (...response: Parameters<typeof encodeResponse>): Buffer => Buffer.concat(encodeResponse(...response));

function resourceOf(name: string, address: string): Resource {
  const content = encodeContent(portOf([localityOf([endpointOf(address)])]));
  const { version } = content;
  return createResource({ typeUrl: endpointType, name, version, message: content.message(name), servedSinceMs: 0 });
}

const a = resourceOf('shop/a', '10.0.0.1');
const b = resourceOf('shop/b', '10.0.0.2');
const any = (resource: Resource) => ({
  type_url: endpointType,
  value: encodeContent(portOf([localityOf([endpointOf(resource === a ? '10.0.0.1' : '10.0.0.2')])])).message(
    resource.name,
  ),
});

describe('a state-of-the-world response', () => {
  const decode = (resources: readonly Resource[], nonce = 'n1') =>
    StreamEndpoints.responseDeserialize(encoded('sotw', endpointType, { resources, absent: [] }, nonce));

  test('with one resource has its version', () => {
    expect(decode([a])).toEqual({
      version_info: a.version,
      type_url: endpointType,
      nonce: 'n1',
      resources: [any(a)],
    });
  });

  test('with several has a version made of theirs', () => {
    const version = batchVersion({ resources: [a, b] });
    expect(version).not.toBe(batchVersion({ resources: [b] }));
    expect(decode([a, b])).toEqual({
      version_info: version,
      type_url: endpointType,
      nonce: 'n1',
      resources: [any(a), any(b)],
    });
  });

  test('has a version that does not depend on the order of what is in it', () => {
    expect(batchVersion({ resources: [b, a] })).toBe(batchVersion({ resources: [a, b] }));
  });

  test('with all there is has a version of its own, even if that is one resource', () => {
    const sameContent = resourceOf('shop/c', '10.0.0.1');
    const [version, other] = [a, sameContent].map((resource) => {
      const all = { resources: [resource], absent: [], changed: [] };
      return StreamEndpoints.responseDeserialize(encoded('sotw', endpointType, all, 'n1')).version_info;
    });
    expect(version).toBe(batchVersion({ resources: [a], changed: [] }));
    expect(other).not.toBe(version);
  });

  test('without a nonce has none: a plain call needs none', () => {
    expect(decode([a], '')).not.toHaveProperty('nonce');
  });
});

describe('a delta response', () => {
  const decode = (resources: readonly Resource[], absent: readonly string[]) =>
    DeltaEndpoints.responseDeserialize(encoded('delta', endpointType, { resources, absent }, 'n1'));

  test('has a version for each resource', () => {
    expect(decode([a], [])).toEqual({
      system_version_info: a.version,
      type_url: endpointType,
      nonce: 'n1',
      resources: [{ name: 'shop/a', version: a.version, resource: any(a) }],
    });
  });

  test('has what is gone beside what is there', () => {
    expect(decode([a, b], ['shop/c'])).toMatchObject({
      resources: [{ name: 'shop/a' }, { name: 'shop/b' }],
      removed_resources: ['shop/c'],
      nonce: 'n1',
    });
    const nothing = { system_version_info: batchVersion({ resources: [] }), type_url: endpointType, nonce: 'n1' };
    expect(decode([], ['shop/c'])).toEqual({ ...nothing, removed_resources: ['shop/c'] });
    expect(decode([], [])).toEqual(nothing);
  });
});

test('a resource is encoded once per variant, whoever asks and how often', () => {
  expect(a.encoded('sotw')).toBe(a.encoded('sotw'));
  expect(a.encoded('delta')).toBe(a.encoded('delta'));
});

test('what is shared is the whole response but for the nonce, and is not copied', () => {
  const [, shared] = encodeResponse('sotw', endpointType, { resources: [a], absent: [] }, 'n1');
  expect(shared).toBe(a.encoded('sotw').response);
});
