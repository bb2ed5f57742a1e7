import { expect, test } from 'vitest';
import { createManualClock, settle } from '../../../test/support/manual-clock.ts';
import { createSerial, createSettler } from './watch.ts';

test('a burst becomes one call, once it is quiet', async () => {
  const clock = createManualClock();
  let calls = 0;
  const settler = createSettler(clock, 50, () => {
    calls += 1;
  });
  for (let n = 0; n < 5; n++) {
    settler.touch();
    await clock.advance(49);
  }
  expect(calls).toBe(0);
  await clock.advance(1);
  expect(calls).toBe(1);
  await clock.advance(10_000);
  expect(calls).toBe(1);
});

test('a burst that never ends is cut after ten times the quiet', async () => {
  const clock = createManualClock();
  const times: number[] = [];
  const beganMs = clock.now();
  const settler = createSettler(clock, 50, () => times.push(clock.now() - beganMs));
  for (let n = 0; n < 100; n++) {
    settler.touch();
    await clock.advance(10);
  }
  expect(times).toEqual([500, 1000]);
});

test('runs never overlap, and being asked during a run makes exactly one more', async () => {
  const finish: (() => void)[] = [];
  const run = createSerial(() => new Promise<void>((resolve) => finish.push(resolve)));
  run();
  run();
  run();
  expect(finish).toHaveLength(1);
  finish[0]?.();
  await settle();
  expect(finish).toHaveLength(2);
  finish[1]?.();
  await settle();
  expect(finish).toHaveLength(2);
  run();
  expect(finish).toHaveLength(3);
});
