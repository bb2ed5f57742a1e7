/** What the keys about replicas must be to each other. */
import { type DurationText, durationMs } from '../policy/duration.ts';
import type { ConfigFile } from './schema.ts';
import type { Flaw } from './shape.ts';

interface LeaseTimes {
  readonly lease: DurationText;
  readonly renewDeadline: DurationText;
  readonly leaseRetry: DurationText;
}

export function replicaFlaws({ source, replicas }: ConfigFile, times: LeaseTimes): readonly Flaw[] {
  const flaws: Flaw[] = [];
  if (replicas !== undefined && source.kubernetes === undefined) {
    flaws.push({
      code: 'KV0503',
      path: ['replicas'],
      at: 'key',
      message: 'must not be there with source.files: one process has its decisions for itself',
      remedy: 'remove it, or use source.kubernetes',
    });
  }
  const tooLong = (name: keyof LeaseTimes, most: string, found: DurationText, why: string): Flaw => ({
    code: 'KV0503',
    path: ['timing', name],
    at: 'value',
    message: `must be at most ${most}, so that ${why}; found ${found}`,
    remedy: 'the defaults are 15s, 10s and 2s: scale all three alike',
  });
  const { lease, renewDeadline, leaseRetry } = times;
  if (durationMs(renewDeadline) * 3 > durationMs(lease) * 2) {
    const why = 'a leader has stood down before another takes over, even if their clocks run 20 % apart';
    flaws.push(tooLong('renewDeadline', `two thirds of timing.lease (${lease})`, renewDeadline, why));
  }
  if (durationMs(leaseRetry) * 2 > durationMs(renewDeadline)) {
    const why = 'one renewal may fail';
    flaws.push(tooLong('leaseRetry', `half of timing.renewDeadline (${renewDeadline})`, leaseRetry, why));
  }
  return flaws;
}
