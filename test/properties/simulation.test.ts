/**
 * Lives drawn at random, and after every step everything that must always be true. A failure names its seed:
 * `KUBERVISOR_SEED=17 npx vitest run test/properties/simulation.test.ts` lives that one again.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { step } from '../../engine/rotation/step.ts';
import { canonical } from '../support/frozen.ts';
import { assignmentOf } from '../support/world.ts';
import * as decisions from './invariants/decisions.ts';
import * as evidence from './invariants/evidence.ts';
import { must } from './invariants/must.ts';
import * as served from './invariants/served.ts';
import * as steps from './invariants/steps.ts';
import { live, type Moment } from './life.ts';

const events = 300;
const onlySeed = process.env['KUBERVISOR_SEED'];
const lives = Number(process.env['KUBERVISOR_LIVES'] ?? 100);
const seeds = onlySeed === undefined ? Array.from({ length: lives }, (_, index) => index + 1) : [Number(onlySeed)];

const always = [
  decisions.decisionsExplain,
  decisions.evictedOnce,
  decisions.nothingInherited,
  decisions.nothingIsLeftBehind,
  decisions.rampsRise,
  decisions.seqGrows,
  decisions.strikesAreEarned,
  decisions.whoMayNotActDoesNot,
  evidence.convictedByFreshEvidence,
  evidence.stepsAreEarned,
  served.budgetKept,
  served.decidedIsServed,
  served.noRatchet,
  served.nothingReducedUnwritten,
  served.onlyReadyServed,
  steps.effectsAreTrue,
  steps.silenceChangesNothing,
  steps.timeIsAhead,
];

it('whatever happens, the invariants hold', { timeout: 300_000 }, () => {
  let moments = 0;
  let hours = 0;
  const seen = new Map<string, number>();

  for (const seed of seeds) {
    const checks = [...always, served.floorKeeper(), served.velocityKeeper(), evidence.holdKeeper()];
    const log: Moment[] = [];
    try {
      const life = live(seed, events, {
        onMoment(moment) {
          log.push(moment);
          for (const check of checks) check(moment);
          if (log.length % 7 === 0) steps.orderIsNothing(moment);
          for (const effect of moment.effects) {
            const name =
              effect.kind === 'transition' ? effect.why : effect.kind === 'held' ? effect.cause : effect.kind;
            seen.set(name, (seen.get(name) ?? 0) + 1);
          }
        },
        onCrash(before, after) {
          must(canonical(assignmentOf(before)) === canonical(assignmentOf(after)), 'R4', [before, after]);
        },
      });
      decisions.nobodyIsStuck(life.state);
      // The log replayed gives the same states.
      for (const { before, event, context, state } of log) {
        must(isDeepStrictEqual(step(before, event, context).state, state), 'replay', event);
      }
      moments += life.moments;
      hours += life.hours;
    } catch (error) {
      const last = log.at(-1);
      const where = `seed ${seed}, step ${log.length}, ${last?.event.kind ?? 'before the first'}`;
      throw new Error(`${where}: ${error instanceof Error ? error.message.slice(0, 2_000) : String(error)}`, {
        cause: error,
      });
    }
  }

  const counts = [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name} ${count}`);
  console.log(`simulation: ${seeds.length} lives, ${moments} steps, ${Math.round(hours)} hours; ${counts.join(', ')}`);
  if (onlySeed === undefined) expect(seen.size).toBeGreaterThan(20);
});
