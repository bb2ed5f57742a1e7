import { expect, test } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createAlarm } from './alarm.ts';

test('an alarm that is set again rings once, and one that is cancelled not at all', async () => {
  const clock = createManualClock();
  let rings = 0;
  const alarm = createAlarm(clock, () => {
    rings += 1;
  });
  alarm.set(clock.now() + 10);
  alarm.set(clock.now() + 20);
  await clock.advance(15);
  expect(rings).toBe(0);
  await clock.advance(5);
  expect(rings).toBe(1);
  alarm.set(clock.now() + 10);
  alarm.cancel();
  await clock.advance(10);
  expect(rings).toBe(1);
});
