import { expect, test } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createLog } from './log.ts';
import { createSampledLog } from './sampled-log.ts';

function world() {
  const lines: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const clock = createManualClock();
  return { lines, clock, warn: createSampledLog(createLog({ level: 'warn', sink }).log, clock) };
}

test('one example of each kind a minute, and how many more there were', () => {
  const { lines, clock, warn } = world();
  for (let time = 0; time < 10; time += 1) warn('refused', { round: time }, 'a client refused a response');
  warn('ended', {}, 'a stream was ended');
  clock.stall(60_000);
  warn('refused', { round: 10 }, 'a client refused a response');
  expect(lines).toMatchObject([{ round: 0 }, { message: 'a stream was ended' }, { round: 10, more: 9 }]);
});

test('whoever makes up new kinds gets one example for all beyond a thousand', () => {
  const { lines, clock, warn } = world();
  for (let kind = 0; kind < 5000; kind += 1) warn(String(kind), { kind }, 'x');
  expect(lines).toHaveLength(1001);
  clock.stall(60_000);
  warn('new', {}, 'x');
  expect(lines).toHaveLength(1002);
});
