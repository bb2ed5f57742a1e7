import { expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { createPace } from './pace.ts';

const settings = { perObjectMs: 1000, perSecond: 20, burst: 50 };

function started() {
  const clock = createManualClock();
  const pace = createPace(settings, clock);
  const startMs = clock.now();
  const sent: { key: string; atMs: number }[] = [];
  const signal = new AbortController().signal;
  const ask = (key: string): void =>
    void pace.turn(key, signal).then(() => sent.push({ key, atMs: clock.now() - startMs }));
  return { clock, pace, sent, ask };
}

it('an object is written at once, and then once a second', async () => {
  const { clock, sent, ask } = started();
  for (let n = 0; n < 5; n++) ask('a');
  ask('b');
  await clock.advance(100);
  expect(sent.map(({ key, atMs }) => [key, atMs])).toEqual([
    ['a', 0],
    ['b', 0],
  ]);
  await clock.advance(60_000);
  const times = sent.filter(({ key }) => key === 'a').map(({ atMs }) => atMs);
  expect(times).toEqual([0, 1000, 2000, 3000, 4000]);
});

it('a thousand objects: fifty at once, then twenty a second, in the order of asking', async () => {
  const { clock, pace, sent, ask } = started();
  for (let n = 0; n < 1000; n++) ask(`a/${n}`);
  expect(pace.hasSpare()).toBe(false);
  await clock.advance(60_000);
  expect(sent.map(({ key }) => key)).toEqual(Array.from({ length: 1000 }, (_, n) => `a/${n}`));
  for (let n = 0; n < 60; n++) {
    const inSecond = sent.filter(({ atMs }) => atMs >= n * 1000 && atMs < (n + 1) * 1000).length;
    expect(inSecond).toBeLessThanOrEqual(n === 0 ? 70 : 20);
  }
  expect(pace.hasSpare()).toBe(true);
});

it('while the server wants to be left alone nothing goes, for a minute at most', async () => {
  const { clock, pace, sent, ask } = started();
  pace.holdOff(86_400_000);
  ask('a');
  expect(pace.hasSpare()).toBe(false);
  await clock.advance(59_999);
  expect(sent).toEqual([]);
  await clock.advance(1);
  expect(sent).toEqual([{ key: 'a', atMs: 60_000 }]);
});

it('a clock that is set back makes nobody wait for it', async () => {
  const { clock, sent, ask } = started();
  ask('a');
  await clock.advance(1);
  clock.set(-3_600_000);
  ask('a');
  await clock.advance(1000);
  expect(sent.length).toBe(2);
});

it('a namespace with thousands of policies that always have something to write holds up no other', async () => {
  const { clock, pace, sent, ask } = started();
  const { signal } = new AbortController();
  const busy = async (key: string): Promise<void> => {
    for (;;) await pace.turn(key, signal);
  };
  for (let n = 0; n < 2000; n++) void busy(`many/${n}`);
  await clock.advance(120_000);
  const askedMs = 120_000;
  for (let n = 0; n < 10; n++) ask(`few/${n}`);
  ask('one/0');
  await clock.advance(5_000);
  const waitedMs = (key: string) => (sent.find((other) => other.key === key)?.atMs ?? Infinity) - askedMs;
  // Behind one of each of the others.
  expect(waitedMs('one/0')).toBeLessThanOrEqual(150);
  // Ten of them, in the order of asking, each behind at most two of others.
  expect(sent.filter(({ key }) => key !== 'one/0').map(({ key }) => key)).toEqual(
    Array.from({ length: 10 }, (_, n) => `few/${n}`),
  );
  expect(waitedMs('few/9')).toBeLessThanOrEqual(1_550);
  expect(pace.hasSpare()).toBe(false);
});

it('who waits for a turn does not go while the server wants to be left alone', async () => {
  const { clock, pace, sent, ask } = started();
  for (let n = 0; n < 60; n++) ask(`a/${n}`);
  await clock.advance(0);
  expect(sent).toHaveLength(50);
  pace.holdOff(10_000);
  await clock.advance(9_999);
  expect(sent).toHaveLength(50);
  await clock.advance(1);
  expect(sent).toHaveLength(60);
});

it("who gives up waiting takes nobody else's turn, and leaves no timer behind", async () => {
  const { clock, pace, sent, ask } = started();
  for (let n = 0; n < 50; n++) ask(`a/${n}`);
  await clock.advance(0);
  const giving = new AbortController();
  let gaveUp = 0;
  for (let n = 0; n < 100; n++) void pace.turn(`b/${n}`, giving.signal).then(() => (gaveUp += 1));
  await clock.advance(0);
  giving.abort();
  await clock.advance(0);
  expect([gaveUp, clock.pending]).toEqual([100, 0]);
  ask('c/0');
  await clock.advance(50);
  expect(sent.at(-1)).toEqual({ key: 'c/0', atMs: 50 });
});
