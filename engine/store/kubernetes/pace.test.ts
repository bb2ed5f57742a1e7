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
  for (let n = 0; n < 1000; n++) ask(`${n}`);
  expect(pace.hasSpare()).toBe(false);
  await clock.advance(60_000);
  expect(sent.map(({ key }) => key)).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
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
