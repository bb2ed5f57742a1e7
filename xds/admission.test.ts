import { expect, test } from 'vitest';
import { createManualClock } from '../test/support/manual-clock.ts';
import { createAdmission } from './admission.ts';

function world(perSecond: number) {
  const clock = createManualClock();
  const admission = createAdmission(clock, perSecond);
  const admitted: number[] = [];
  return {
    clock,
    admission,
    admitted,
    enter: (count: number) => Array.from({ length: count }, (_, n) => admission.enter(() => admitted.push(n))),
  };
}

test('R11: streams are admitted at the rate, in order, and none is lost', async () => {
  const { clock, enter, admitted } = world(2000);
  enter(5000);
  expect(admitted).toHaveLength(40);
  await clock.advance(1000);
  expect(admitted.length).toBeLessThanOrEqual(2040);
  expect(admitted.length).toBeGreaterThanOrEqual(1960);
  await clock.advance(2000);
  expect(admitted).toEqual(Array.from({ length: 5000 }, (_, n) => n));
});

test('nobody waits while there are few', async () => {
  const { clock, enter, admitted } = world(2000);
  enter(1);
  await clock.advance(1000);
  enter(1);
  expect(admitted).toHaveLength(2);
});

test('a low rate holds too', async () => {
  const { clock, enter, admitted } = world(2);
  enter(10);
  expect(admitted).toHaveLength(1);
  await clock.advance(1000);
  expect(admitted).toHaveLength(3);
});

test('who gives up is not admitted, and takes no place', async () => {
  const { clock, enter, admitted } = world(50);
  const giveUp = enter(3)[1];
  giveUp?.();
  await clock.advance(20);
  expect(admitted).toEqual([0, 2]);
});

test('nobody is admitted after the stop', async () => {
  const { clock, admission, enter, admitted } = world(50);
  enter(3);
  admission.stop();
  await clock.advance(1000);
  expect(admitted).toEqual([0]);
});
