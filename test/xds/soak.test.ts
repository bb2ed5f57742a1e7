/** A short soak: whatever clients do, nothing of them stays. The long one, which looks at memory, is a benchmark. */
import { expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { type Clock, systemClock } from '../../engine/clock.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startCrowd } from '../bench/soak/crowd.ts';
import { createPublisher, updatesPerRound } from '../bench/soak/publisher.ts';
import { roundOf } from '../bench/soak/updates.ts';
import { xdsServer } from '../support/xds-server.ts';

const timeoutMs = 20_000;
const services = 20;
const updates = 3000;

/** Timers that were set and have neither fired nor been cancelled. */
function countingClock(): Clock & { readonly pending: number } {
  let pending = 0;
  return {
    get pending() {
      return pending;
    },
    now: systemClock.now,
    at(atMs, run) {
      pending += 1;
      let isPending = true;
      const done = (): void => {
        if (isPending) pending -= 1;
        isPending = false;
      };
      const cancel = systemClock.at(atMs, () => {
        done();
        run();
      });
      return () => {
        done();
        cancel();
      };
    },
  };
}

test('thousands of updates to clients of every temper leave no stream, name, timer or socket behind', async () => {
  const clock = countingClock();
  const cache = createXdsCache();
  const { observer, counts, followed, round } = createPublisher(cache, services);
  cache.publish(roundOf(0, services).changes);
  cache.open();
  const server = await xdsServer([], { cache, clock, observer, limits: { streamStallMs: 1000 } });
  const sockets = (): number => process.getActiveResourcesInfo().filter((what) => what === 'TCPSocketWrap').length;
  const before = { sockets: sockets(), timers: clock.pending };

  const crowd = startCrowd(server.port, services);
  await followed();
  const rounds = Math.ceil(updates / updatesPerRound(services));
  for (let n = 1; n <= rounds; n++) await round(n);
  // Exactly one push for each change and stream: nothing was sent twice, and nothing was passed over.
  expect(counts.steadyPushed).toBe((rounds + 1) * services * 2);
  expect(counts.nacked).toBeGreaterThan(10);
  expect(counts.opened).toBeGreaterThan(counts.open + 10);
  const { watchedNames, clients } = server.census();
  expect(watchedNames).toBeGreaterThan(services);
  expect(clients.get('envoy')).toBeGreaterThan(8);

  crowd.stop();
  await eventually(() => counts.open === 0 && sockets() === before.sockets, { timeoutMs });
  expect(server.census()).toEqual({
    clients: new Map(),
    streams: [],
    subscriptions: new Map(),
    unanswered: new Map(),
    waiting: 0,
    watchedNames: 0,
  });
  expect(server.proxies()).toEqual([]);
  await eventually(() => clock.pending === before.timers, { timeoutMs });
});
