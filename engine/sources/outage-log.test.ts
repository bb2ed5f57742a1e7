import { expect, it } from 'vitest';
import type { Problem } from '../problem.ts';
import { logDifference } from './log-difference.ts';
import { createOutageLog } from './outage-log.ts';

const away: Problem = { code: 'KV0801', severity: 'error', message: 'away' };
const denied: Problem = { code: 'KV0802', severity: 'error', message: 'denied' };

it('an outage that several parts find is told once, and its end when the last of them is well', () => {
  const lines: string[] = [];
  const write = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log = createOutageLog({ info: write('info'), warn: write('warn'), error: write('error') });
  // The source, the store, the source again: each tells of its own.
  logDifference(log, [], [away]);
  logDifference(log, [], [away, denied]);
  log.info({}, 'something else');
  logDifference(log, [away], []);
  logDifference(log, [away, denied], []);
  logDifference(log, [], [away]);
  expect(lines).toEqual([
    'error away',
    'error denied',
    'info something else',
    'info no longer: away',
    'info no longer: denied',
    'error away',
  ]);
});
