/**
 * The engine with its store, its inputs and its clients, through lives in which all of them fail: what each process
 * serves is checked at each publication and every few seconds, what clients have after each act.
 */
import { expect, it } from 'vitest';
import { explore } from './explore.ts';
import { histories } from './history.ts';
import { runChecked } from './checked-installation.ts';
import { weights } from './installation.ts';
import { createTally } from './tally.ts';

it('whatever happens around the engine, the invariants hold at every replica and client', {
  timeout: 600_000,
}, async () => {
  const tally = createTally();
  await explore(histories(weights, 60), 60, (history) => runChecked(history, tally));
  console.log(tally.line('simulation of installations'));
  if (process.env['KUBERVISOR_PATH'] === undefined) expect(tally.kinds().length).toBeGreaterThan(15);
});
