import { describe, expect, it } from 'vitest';
import { type Backend, backendId } from '../model.ts';
import type { Match } from '../policy/policy.ts';
import { matchSamples } from './match.ts';
import type { Sample } from './source.ts';

function backend(name: string, ...addresses: string[]): Backend {
  return {
    id: backendId(`uid-${name}`),
    name,
    podName: name,
    podUid: `uid-${name}`,
    ready: true,
    serving: true,
    terminating: false,
    endpoints: addresses.map((address) => ({ portName: 'http', address, port: 8080 })),
  };
}

function sample(labels: Record<string, string>): Sample {
  return { labels, value: { kind: 'number', value: 1 } };
}

function matched(match: Partial<Match>, backends: readonly Backend[], ...labels: Record<string, string>[]) {
  const by: Match = { label: 'pod', by: 'PodName', namespaceLabel: 'namespace', ...match };
  const result = matchSamples(by, 'shop', backends, labels.map(sample));
  return { ...result, ids: [...result.byBackend.keys()] };
}

const a = backend('a', '10.0.0.1');
const b = backend('b', '10.0.0.2', 'fd00::2');
const fleet = [a, b];

describe('a sample belongs to a backend', () => {
  it('by pod name', () => {
    expect(matched({}, fleet, { pod: 'b' }, { pod: 'a' }).ids).toEqual([b.id, a.id]);
  });

  it('by pod UID, but not by the name that an earlier pod had too', () => {
    expect(matched({ by: 'PodUID', label: 'uid' }, fleet, { uid: 'uid-a' }, { uid: 'a' }).ids).toEqual([a.id]);
  });

  it('by pod IP, in any spelling of an IPv6 address', () => {
    for (const ip of ['fd00::2', 'FD00:0:0:0:0:0:0:2', '[fd00::2]', 'fd00::0002']) {
      expect(matched({ by: 'PodIP', label: 'ip' }, fleet, { ip }).ids).toEqual([b.id]);
    }
    expect(matched({ by: 'PodIP', label: 'ip' }, fleet, { ip: '10.0.0.1' }).ids).toEqual([a.id]);
    expect(matched({ by: 'PodIP', label: 'ip' }, [backend('c', 'FD00:0::2')], { ip: 'fd00::2' }).ids).toEqual([
      'uid-c',
    ]);
  });

  it('by address and port, as the instance label has it', () => {
    const by: Partial<Match> = { by: 'Address', label: 'instance' };
    expect(matched(by, fleet, { instance: '10.0.0.1:8080' }).ids).toEqual([a.id]);
    expect(matched(by, fleet, { instance: '[FD00::2]:8080' }).ids).toEqual([b.id]);
    for (const instance of ['10.0.0.1:9090', '10.0.0.1', 'fd00::2:8080', 'a:8080', '']) {
      expect(matched(by, fleet, { instance }).unmatchedCount).toBe(1);
    }
  });

  it('with all its series, in the order of the answer', () => {
    const { byBackend } = matched({}, fleet, { pod: 'a', code: '200' }, { pod: 'b' }, { pod: 'a', code: '500' });
    expect(byBackend.get(a.id)?.map(({ labels }) => labels['code'])).toEqual(['200', '500']);
  });
});

describe('a sample is left out', () => {
  it('when it is of another namespace, even with the name of our pod', () => {
    const result = matched({}, fleet, { pod: 'a', namespace: 'bank' }, { pod: 'b', namespace: 'shop' });
    expect(result).toMatchObject({ ids: [b.id], foreignCount: 1, unmatchedCount: 0 });
  });

  it('but not when it says nothing about a namespace', () => {
    expect(matched({}, fleet, { pod: 'a' }, { pod: 'b', namespace: '' }).ids).toEqual([a.id, b.id]);
  });

  it('when it names nobody, and a few of those are shown', () => {
    const strangers = Array.from({ length: 50 }, (_, index) => ({ pod: `other-${index}` }));
    const result = matched({}, fleet, ...strangers, {}, { pod: '' });
    expect(result.unmatchedCount).toBe(52);
    expect(result.unmatched).toHaveLength(10);
    expect(result.ids).toEqual([]);
  });

  it('when the label it would be matched by is only a property that every object has', () => {
    expect(matched({ label: 'constructor' }, fleet, {}).unmatchedCount).toBe(1);
  });
});

describe('a label value that fits two backends', () => {
  const old = { ...backend('a-old', '10.0.0.1'), terminating: true };

  it('is an error for both, and for nobody else', () => {
    const result = matched({ by: 'PodIP', label: 'ip' }, [a, b, old], { ip: '10.0.0.1' }, { ip: '10.0.0.2' });
    expect([...result.ambiguous.keys()]).toEqual([a.id, old.id]);
    expect(result.ambiguous.get(a.id)).toBe('ip="10.0.0.1" fits several backends: a, a-old');
    expect(result.ids).toEqual([b.id]);
  });

  it('is none when the backends can be told apart by it', () => {
    expect(matched({}, [a, b, old], { pod: 'a' }, { pod: 'a-old' })).toMatchObject({
      ids: [a.id, old.id],
      ambiguous: new Map(),
    });
  });

  it('is none when the two are endpoints of one backend', () => {
    const twoPorts = { ...a, endpoints: [...a.endpoints, { portName: 'admin', address: '10.0.0.1', port: 9090 }] };
    expect(matched({ by: 'PodIP', label: 'ip' }, [twoPorts], { ip: '10.0.0.1' }).ids).toEqual([a.id]);
  });
});
