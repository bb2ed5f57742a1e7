import { expect, it } from 'vitest';
import { createManualClock } from '../../test/support/engine.ts';
import { rememberInUse } from './in-use.ts';

it('works out once what is asked for in time, and anew what nobody has asked for', async () => {
  const clock = createManualClock();
  const worked: string[] = [];
  const get = rememberInUse(clock, 1000, (key) => {
    worked.push(key);
    return { key };
  });
  const first = get('often');
  get('once');
  for (let turn = 0; turn < 4; turn++) {
    expect(get('often')).toBe(first);
    await clock.advance(900);
  }
  expect(worked).toEqual(['often', 'once']);
  expect(get('once')).toEqual({ key: 'once' });
  expect(worked).toEqual(['often', 'once', 'once']);
});
