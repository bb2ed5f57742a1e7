import { describe, expect, it } from 'vitest';
import type { Problem } from '../problem.ts';
import { logDifference, type SourceLog } from './log-difference.ts';

const awayAt = (path: string, why = 'ECONNREFUSED'): Problem => ({
  code: 'KV0801',
  severity: 'error',
  message: `the API server cannot be read at ${path}: ${why}`,
});
const denied = (path: string): Problem => ({ code: 'KV0802', severity: 'error', message: `we may not list ${path}` });

/** What is logged of one report after the other. */
function logOf(...reports: readonly (readonly Problem[])[]): readonly string[] {
  const lines: string[] = [];
  const write = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log: SourceLog = { info: write('info'), warn: write('warn'), error: write('error') };
  let before: readonly Problem[] = [];
  for (const now of reports) {
    logDifference(log, before, now);
    before = now;
  }
  return lines;
}

describe('the log', () => {
  it('has a line for each problem that comes, and for each that goes', () => {
    expect(logOf([denied('pods')], [denied('pods'), denied('services')], [denied('services')], [])).toEqual([
      'error we may not list pods',
      'error we may not list services',
      'info no longer: we may not list pods',
      'info no longer: we may not list services',
    ]);
  });

  it('has two of an API server that is away, however many paths that shows at, and whatever is said of it meanwhile', () => {
    const lines = logOf(
      [awayAt('/pods', 'socket hang up')],
      [awayAt('/pods'), awayAt('/services'), awayAt('/slices')],
      [awayAt('/services'), awayAt('/slices', '503'), denied('pods')],
      [awayAt('/slices')],
      [],
      [awayAt('/slices')],
    );
    expect(lines).toEqual([
      'error the API server cannot be read at /pods: socket hang up',
      'error we may not list pods',
      'info no longer: we may not list pods',
      'info no longer: the API server cannot be read at /slices: ECONNREFUSED',
      'error the API server cannot be read at /slices: ECONNREFUSED',
    ]);
  });
});
