import { describe, expect, it } from 'vitest';
import type { Verdict } from '../breakers/verdict.ts';
import { type Backend, backendId } from '../model.ts';
import { readCustomAnswer } from './custom-answer.ts';

function backend(name: string, address: string): Backend {
  const endpoints = [{ portName: 'http', address, port: 8080 }];
  return {
    id: backendId(`uid-${name}`),
    name,
    podName: name,
    podUid: `uid-${name}`,
    ready: true,
    serving: true,
    terminating: false,
    endpoints,
  };
}

const fleet = [backend('a', '10.0.0.1'), backend('b', 'fd00::2'), backend('c', '10.0.0.3')];

function read(body: unknown, backends: readonly Backend[] = fleet) {
  return readCustomAnswer(typeof body === 'string' ? body : JSON.stringify(body), 'shop', backends);
}

/** The kinds of verdict for a, b and c. */
function kinds(body: unknown): string {
  const answer = read(body);
  return answer.kind === 'invalid'
    ? answer.message
    : [...fleet.map(({ id }) => answer.verdicts.get(id)?.kind)].join(' ');
}

function podList(...pods: object[]) {
  return {
    apiVersion: 'v1',
    kind: 'PodList',
    metadata: {},
    items: pods.map((metadata) => ({ metadata, spec: { containers: [] } })),
  };
}

function verdicts(...list: object[]) {
  return { apiVersion: 'breaker.kubervisor.io/v1', kind: 'Verdicts', verdicts: list };
}

describe('a PodList', () => {
  it('lists the anomalous ones; the rest is normal', () => {
    expect(kinds(podList({ name: 'b', namespace: 'shop' }))).toBe('normal anomalous normal');
    expect(kinds(podList())).toBe('normal normal normal');
  });

  it('names a pod by UID where it has one: a successor does not inherit faults with the name', () => {
    expect(kinds(podList({ name: 'a', uid: 'uid-of-the-pod-before' }))).toBe('normal normal normal');
    expect(kinds(podList({ name: 'renamed', uid: 'uid-c' }))).toBe('normal normal anomalous');
  });

  it('may name pods of others, which are ignored and counted', () => {
    const answer = read(podList({ name: 'a', namespace: 'bank' }, { name: 'stranger' }, { name: 'c' }));
    expect(answer).toMatchObject({ kind: 'verdicts', unknownCount: 2 });
    expect(kinds(podList({ name: 'a', namespace: 'bank' }, { name: 'c' }))).toBe('normal normal anomalous');
  });

  it('may come as Go writes it: without a kind, and with null for an empty list', () => {
    expect(kinds({ metadata: {}, items: null })).toBe('normal normal normal');
    expect(kinds({ items: [{ metadata: { name: 'a', creationTimestamp: null } }] })).toBe('anomalous normal normal');
  });

  it('that says a thing twice says it once', () => {
    expect(kinds(podList({ name: 'a' }, { name: 'a' }, { name: 'a', uid: 'uid-a' }))).toBe('anomalous normal normal');
  });

  it('must be whole: the rest of a page would read as healthy', () => {
    expect(kinds({ ...podList(), metadata: { continue: 'token' } })).toContain('must be whole');
  });
});

describe('Verdicts', () => {
  it('carry severity, evidence and a reason', () => {
    const answer = read(
      verdicts(
        { pod: 'a', verdict: 'anomalous', severity: 3.5, value: 70, bound: 20, reason: 'wrong\nprices' },
        { address: '[FD00:0::2]:8080', verdict: 'normal', value: 1, bound: 20 },
        { uid: 'uid-c', verdict: 'insufficient', reason: 'idle' },
      ),
    );
    expect(answer).toMatchObject({ kind: 'verdicts', unknownCount: 0 });
    expect(answer.kind === 'verdicts' && [...answer.verdicts.values()]).toEqual<Verdict[]>([
      { kind: 'anomalous', severity: 3.5, value: 70, bound: 20, reason: 'wrong prices' },
      { kind: 'normal', value: 1, bound: 20 },
      { kind: 'insufficient', reason: 'idle' },
    ]);
  });

  it('need no more than a name and a verdict', () => {
    expect(kinds(verdicts({ pod: 'a', verdict: 'anomalous' }, { address: 'fd00::2', verdict: 'normal' }))).toBe(
      'anomalous normal insufficient',
    );
  });

  it('say nothing about who is not in them', () => {
    expect(kinds(verdicts())).toBe('insufficient insufficient insufficient');
  });

  it('may name strangers, which are ignored and counted', () => {
    expect(
      read(verdicts({ pod: 'x', verdict: 'anomalous' }, { address: '10.0.0.1:9090', verdict: 'anomalous' })),
    ).toMatchObject({ unknownCount: 2 });
    expect(kinds(verdicts({ pod: 'x', verdict: 'anomalous' }))).toBe('insufficient insufficient insufficient');
  });

  it('that speak twice of one backend are an error for it, even when they agree', () => {
    expect(
      kinds(
        verdicts({ pod: 'a', verdict: 'normal' }, { uid: 'uid-a', verdict: 'normal' }, { pod: 'b', verdict: 'normal' }),
      ),
    ).toBe('error normal insufficient');
  });

  it('that use a name of two backends are an error for both', () => {
    const old: Backend = { ...backend('a-old', '10.0.0.1'), terminating: true };
    const answer = read(verdicts({ address: '10.0.0.1', verdict: 'anomalous' }), [...fleet, old]);
    expect(
      answer.kind === 'verdicts' && [...answer.verdicts].filter(([, { kind }]) => kind === 'error').map(([id]) => id),
    ).toEqual(['uid-a', 'uid-a-old']);
  });

  it('have a severity that can be compared with that of other breakers', () => {
    const answer = read(verdicts({ pod: 'a', verdict: 'anomalous', severity: 1e9 }));
    expect(answer.kind === 'verdicts' && answer.verdicts.get(backendId('uid-a'))).toMatchObject({ severity: 1000 });
  });

  it('may say how far back they look', () => {
    expect(read({ ...verdicts(), windowSeconds: 2.5 })).toMatchObject({ windowMs: 2500 });
    expect(read(verdicts())).not.toHaveProperty('windowMs');
  });
});

describe('an answer is refused as a whole', () => {
  it.each([
    ['nothing', ''],
    ['HTML', '<html></html>'],
    ['a list', []],
    ['null', 'null'],
    ['another kind', { kind: 'Pod', metadata: { name: 'a' } }],
    ['neither kind nor items', {}],
    ['an item without a name', { kind: 'PodList', items: [{ metadata: {} }] }],
    ['another version', { ...verdicts(), apiVersion: 'breaker.kubervisor.io/v2' }],
    ['no verdicts', { apiVersion: 'breaker.kubervisor.io/v1', kind: 'Verdicts' }],
    ['an entry without a name', verdicts({ verdict: 'normal' })],
    ['an entry with two names', verdicts({ pod: 'a', uid: 'uid-a', verdict: 'normal' })],
    ['a verdict nobody knows', verdicts({ pod: 'a', verdict: 'bad' })],
    ['a severity below 1', verdicts({ pod: 'a', verdict: 'anomalous', severity: 0.5 })],
    ['a severity that is text', verdicts({ pod: 'a', verdict: 'anomalous', severity: '2' })],
    [
      'a severity without bound',
      '{"apiVersion":"breaker.kubervisor.io/v1","kind":"Verdicts","verdicts":[{"pod":"a","verdict":"anomalous","severity":1e999}]}',
    ],
    ['a reason too long', verdicts({ pod: 'a', verdict: 'anomalous', reason: 'x'.repeat(257) })],
    ['a field nobody knows', verdicts({ pod: 'a', verdict: 'anomalous', sevrity: 2 })],
    ['a good entry beside a bad one', verdicts({ pod: 'a', verdict: 'anomalous' }, { pod: 'b' })],
    ['a negative window', { ...verdicts(), windowSeconds: -1 }],
  ])('with %s', (_, body) => {
    expect(read(body)).toMatchObject({ kind: 'invalid' });
  });

  it('with a message that names the place, and repeats nothing of the body', () => {
    expect(kinds(verdicts({ pod: 'a', verdict: 'anomalous', severity: 0.5 }))).toBe('verdicts/0/severity must be >= 1');
    expect(kinds(verdicts({ pod: 'a', verdict: 'anomalous', 'AKIA-secret': 1 }))).toBe(
      'verdicts/0 must NOT have additional properties',
    );
    expect(kinds({ kind: 'AKIA-secret' })).not.toContain('AKIA');
    expect(kinds('AKIA-secret')).not.toContain('AKIA');
  });
});
