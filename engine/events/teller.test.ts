import { describe, expect, it } from 'vitest';
import { createFakeKube } from '../../test/support/fake-kube.ts';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { KubeError } from '../kubernetes/kube-client.ts';
import type { JsonValue } from '../store/store.ts';
import type { Telling } from './kube-event.ts';
import { createTeller, type EventResult, tellerLimits } from './teller.ts';

const pod = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: uid, uid });
const telling = (uid: string, note = 'was ejected'): Telling => ({
  reason: 'Ejected',
  type: 'Normal',
  note,
  regarding: pod(uid),
});

function world(limits: Partial<typeof tellerLimits> = {}) {
  const clock = createManualClock();
  const kube = createFakeKube();
  const stopping = new AbortController();
  const results: EventResult[] = [];
  const bodies: JsonValue[] = [];
  const teller = createTeller({
    client: {
      ...kube,
      async send(verb, path, body, signal) {
        await kube.send(verb, path, body, signal);
        bodies.push(body ?? null);
        return { metadata: { name: `event-${kube.log.length}` } };
      },
    },
    clock,
    instance: 'kubervisor-0',
    count: (result) => results.push(result),
    limits: { ...tellerLimits, ...limits },
  });
  const ended = teller.run(stopping.signal);
  return { clock, kube, stopping, results, bodies, teller, ended };
}

const events = '/apis/events.k8s.io/v1/namespaces/shop/events';

describe('Events', () => {
  it('are written later, one after the other, and never make anybody wait', async () => {
    const { clock, kube, teller, results, stopping, ended } = world();
    for (const uid of ['p1', 'p2', 'p3']) teller.tell(telling(uid));
    expect(kube.log).toEqual([]);
    await settle();
    expect(kube.log).toEqual([`post ${events}`]);
    await clock.advance(200);
    expect(results).toEqual(['written', 'written', 'written']);
    stopping.abort();
    await ended;
  });

  it('that are the same again are counted in the first one, for ten minutes', async () => {
    const { clock, kube, teller, bodies, results } = world();
    for (let times = 0; times < 3; times++) teller.tell(telling('p1'));
    await clock.advance(1000);
    expect(kube.log).toEqual([`post ${events}`, `patch ${events}/event-1`, `patch ${events}/event-1`]);
    expect(bodies.slice(1)).toMatchObject([{ series: { count: 2 } }, { series: { count: 3 } }]);
    await clock.advance(600_000);
    teller.tell(telling('p1'));
    await clock.advance(1000);
    expect(results).toEqual(['written', 'counted', 'counted', 'written']);
  });

  it('that differ are told each, up to ten about one object; then they are counted in the last', async () => {
    const { clock, teller, results } = world({ maxSimilar: 3 });
    for (let value = 0; value < 5; value++) teller.tell(telling('p1', `value ${value}`));
    teller.tell(telling('p2', 'value 9'));
    await clock.advance(1000);
    expect(results).toEqual(['written', 'written', 'written', 'counted', 'counted', 'written']);
  });

  it('of which the API server has forgotten the first one begin anew', async () => {
    const { clock, kube, teller, results } = world();
    teller.tell(telling('p1'));
    await clock.advance(100);
    teller.tell(telling('p1'));
    kube.failures.push(new KubeError('not found', { status: 404 }));
    await clock.advance(100);
    expect(results).toEqual(['written', 'written']);
  });

  it('beyond what may wait are dropped, and counted', async () => {
    const { clock, teller, results } = world({ maxWaiting: 2 });
    for (const uid of ['p1', 'p2', 'p3', 'p4']) teller.tell(telling(uid));
    await clock.advance(1000);
    expect(results).toEqual(['dropped', 'dropped', 'written', 'written']);
  });

  it('of which nothing changes, as of data that fails, wait behind the others, and crowd none of them out', async () => {
    const { clock, bodies, teller, results } = world({ maxWaiting: 2 });
    const failed = (uid: string): Telling => ({ ...telling(uid), reason: 'DetectorFailed', type: 'Warning' });
    for (const each of [failed('p1'), failed('p2'), failed('p3'), telling('p4'), telling('p5')]) teller.tell(each);
    await clock.advance(1000);
    expect(bodies.map((body) => (body as { reason: string }).reason)).toEqual([
      'Ejected',
      'Ejected',
      'DetectorFailed',
      'DetectorFailed',
    ]);
    expect(results).toEqual(['dropped', 'written', 'written', 'written', 'written']);
  });

  it('that cannot be written are lost, and counted; a right that is missing is a problem until it is there', async () => {
    const { clock, kube, teller, results } = world();
    kube.failures.push(new KubeError('no connection'), new KubeError('may not create events', { status: 403 }));
    teller.tell(telling('p1'));
    await clock.advance(100);
    expect([results, teller.problems()]).toEqual([['failed'], []]);
    teller.tell(telling('p2'));
    await clock.advance(100);
    expect(teller.problems()).toMatchObject([
      { code: 'KV0847', message: expect.stringContaining('may not create events') },
    ]);
    teller.tell(telling('p3'));
    await clock.advance(100);
    expect([results, teller.problems()]).toEqual([['failed', 'failed', 'written'], []]);
  });

  it('wait for as long as the API server asks', async () => {
    const { clock, kube, teller, results } = world();
    kube.failures.push(new KubeError('too many requests', { status: 429, retryAfterMs: 5000 }));
    for (const uid of ['p1', 'p2']) teller.tell(telling(uid));
    await clock.advance(4900);
    expect(kube.log).toHaveLength(1);
    await clock.advance(200);
    expect(results).toEqual(['failed', 'written']);
  });

  it('keep a bounded number of objects in mind', async () => {
    const { clock, teller, results } = world({ maxKnown: 1 });
    for (const uid of ['p1', 'p2', 'p1']) teller.tell(telling(uid));
    await clock.advance(1000);
    expect(results).toEqual(['written', 'written', 'written']);
  });
});
