/**
 * Lives of a Service, drawn at random, and after every step everything that must always be true. What breaks an
 * invariant is shortened to the few acts that it takes, and told with the seed that finds it again.
 */
import { expect, it } from 'vitest';
import { liveChecked } from './checked-life.ts';
import { explore } from './explore.ts';
import { histories } from './history.ts';
import { weights } from './life.ts';
import { createTally } from './tally.ts';

it('whatever happens to a Service, the invariants hold after every step', { timeout: 600_000 }, async () => {
  const tally = createTally();
  await explore(histories(weights, 300), 250, (history) => liveChecked(history, tally));
  console.log(tally.line('simulation of steps'));
  if (process.env['KUBERVISOR_PATH'] === undefined) expect(tally.kinds().length).toBeGreaterThan(20);
});
