import { describe, expect, it } from 'vitest';
import { backendOf } from '../test/support/fixtures.ts';
import { groupKeyOf } from './group-key.ts';

const keyOf = (change: Parameters<typeof backendOf>[1], ...keys: readonly string[]) =>
  groupKeyOf(backendOf('p1', change), keys);

describe('the group of a backend', () => {
  const labels = { version: 'v2', 'pod-template-hash': '6d4cf56db6', empty: '' };

  it('is the values of the labels that are asked for, in that order', () => {
    expect(keyOf({ labels }, 'version')).toEqual({ kind: 'known', key: 'version=v2' });
    expect(keyOf({ labels }, 'pod-template-hash', 'version')).toEqual({
      kind: 'known',
      key: 'pod-template-hash=6d4cf56db6,version=v2',
    });
    expect(keyOf({ labels }, 'empty')).toEqual({ kind: 'known', key: 'empty=' });
  });
  it.each([
    ['topology.kubernetes.io/zone', { zone: 'a' }],
    ['kubernetes.io/hostname', { node: 'a' }],
  ])('by %s it is where EndpointSlices say the backend is, else what the label says', (key, place) => {
    expect(keyOf({ ...place, labels: { [key]: 'b' } }, key)).toEqual({ kind: 'known', key: `${key}=a` });
    expect(keyOf(place, key)).toEqual({ kind: 'known', key: `${key}=a` });
    expect(keyOf({ labels: { [key]: 'b' } }, key)).toEqual({ kind: 'known', key: `${key}=b` });
  });
  it('is never that of another, whatever a zone is called', () => {
    const keys = ['topology.kubernetes.io/zone', 'version'];
    const tricky = keyOf({ zone: 'a,version=b', labels: { version: 'c' } }, ...keys);
    expect(tricky).not.toEqual(keyOf({ zone: 'a', labels: { version: 'b,version=c' } }, ...keys));
  });
});

describe('a backend without a group says why', () => {
  it.each([
    ['the labels of its pod are not known', {}, 'version'],
    ['its pod has no label version', { labels: { app: 'pricer' } }, 'version'],
    ['its pod has no label constructor', { labels: {} }, 'constructor'],
    ['its zone is not known', { labels: {} }, 'topology.kubernetes.io/zone'],
    ['its node is not known', {}, 'kubernetes.io/hostname'],
  ])('%s', (reason, change, key) => {
    expect(keyOf(change, 'app', key).kind).toBe('unknown');
    expect(keyOf(change, key)).toEqual({ kind: 'unknown', reason });
  });
});
