import { expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { KubeError } from '../kubernetes/kube-client.ts';
import { rotationLabel } from '../kubernetes/mark-names.ts';
import type { PodObject } from '../sources/kubernetes-objects.ts';
import { createMarker } from './marker.ts';

/** Three pods that serve and bear a label, of which two are where nothing may be written. */
function world(marks = { label: false, deletionCost: false }) {
  const clock = createManualClock();
  const asked: string[] = [];
  let isAllowed = false;
  const keys = ['pay/p1', 'shop/p1', 'shop/p2'];
  const pods = new Map(
    keys.map((key): [string, PodObject] => {
      const [namespace = '', name = ''] = key.split('/');
      return [key, { metadata: { namespace, name, uid: key, labels: { [rotationLabel]: 'ejected' } } }];
    }),
  );
  const marker = createMarker({
    client: {
      async get(path) {
        const [, , , , namespace = '', , name = ''] = path.split('/');
        asked.push(`${namespace}/${name}`);
        if (namespace === 'shop' && !isAllowed) throw new KubeError('cannot get resource "pods"', { status: 403 });
        return { metadata: { ...pods.get(`${namespace}/${name}`)?.metadata, resourceVersion: '1' } };
      },
      async send(_, path) {
        pods.delete(path.split('/').slice(4).join('/').replace('/pods/', '/'));
        return {};
      },
      watch: () => Promise.reject(new Error('nothing is watched')),
    },
    clock,
    marks,
    pods: () => pods,
    wanted: () => new Map(),
    tell: () => undefined,
    timing: { gapMs: 0, retryMs: 30_000, refusedMs: 600_000 },
  });
  return {
    asked,
    marker,
    pods,
    allow() {
      isAllowed = true;
    },
    /** @returns what was asked, and how long until it wants to come again. */
    async round(afterMs = 0) {
      await clock.advance(afterMs);
      asked.length = 0;
      const running = marker.round(new AbortController().signal);
      await clock.advance(1);
      const againMs = await running;
      return { asked: [...asked], waitMs: againMs === undefined ? undefined : againMs - clock.now() };
    },
  };
}

it('a right that is missing is missing of all pods of the namespace: one is asked for, and one problem told', async () => {
  const { marker, round, allow, pods } = world({ label: true, deletionCost: false });
  expect((await round()).asked).toEqual(['pay/p1', 'shop/p1']);
  expect(marker.problems()).toMatchObject([
    { code: 'KV0846', severity: 'error', message: expect.stringContaining('in namespace shop') },
  ]);
  expect((await round(10_000)).asked).toEqual([]);
  allow();
  expect((await round(30_000)).asked).toEqual(['shop/p1', 'shop/p2']);
  expect([marker.problems(), pods.size]).toEqual([[], 0]);
});

it('with the options switched off, and the right with them, it is a warning, and asked for seldom', async () => {
  const { marker, round } = world();
  const { asked, waitMs } = await round();
  expect(asked).toEqual(['pay/p1', 'shop/p1']);
  expect(waitMs).toBeGreaterThan(500_000);
  expect(marker.problems()).toMatchObject([
    {
      code: 'KV0846',
      severity: 'warning',
      message: expect.stringMatching(/^marks .* stay on pods shop\/p1, shop\/p2: cannot get/),
    },
  ]);
  expect((await round(60_000)).asked).toEqual([]);
  expect((await round(600_000)).asked).toEqual(['shop/p1']);
});
