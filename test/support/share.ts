/** Counts where a client draws lots. */
import { expect } from 'vitest';

/** Within six standard deviations: wrong once in five hundred million runs, and far from any other share that matters. */
export function expectShare(count: number, of: number, share: number): void {
  const deviation = Math.sqrt(of * share * (1 - share));
  expect(Math.abs(count - of * share), `${count} of ${of}, not ${share}`).toBeLessThanOrEqual(6 * deviation);
}
