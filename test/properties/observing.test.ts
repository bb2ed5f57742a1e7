/** I15, from the other side: the same life twice, once with breakers that observe and once with breakers that are deaf. */
import { expect, it } from 'vitest';
import { step } from '../../engine/rotation/step.ts';
import { canonical } from '../support/frozen.ts';
import { explore } from './explore.ts';
import { histories } from './history.ts';
import { type LifeHistory, live, realParts, weights } from './life.ts';

type TakeStep = typeof step;

/** Every policy that comes is one that may only observe, or may not. */
function under(enforcement: 'Observe' | 'Enforce'): TakeStep {
  return (state, event, context) => {
    const isPolicy = event.kind === 'policy' && event.policy !== undefined;
    return step(state, isPolicy ? { ...event, policy: { ...event.policy, enforcement } } : event, context);
  };
}

/** Nobody hears what breakers say. */
const deaf: TakeStep = (state, event, context) =>
  under('Observe')(state, event.kind === 'judgement' ? { kind: 'tick' } : event, context);

/** What is served after each event that comes from outside, with its time. */
function servedIn(history: LifeHistory, take: TakeStep): readonly string[] {
  const served: string[] = [];
  live(
    history,
    {
      onMoment(moment) {
        if (moment.event.kind !== 'tick') served.push(`${moment.context.now} ${canonical(moment.served)}`);
      },
      onCrash: () => undefined,
    },
    { ...realParts, step: take },
  );
  return served;
}

it('a life with observing breakers is, to clients, a life without breakers', { timeout: 600_000 }, async () => {
  let lives = 0;
  let enforced = 0;
  await explore(histories(weights, 200), 30, (history) => {
    const [observing, silent] = [under('Observe'), deaf].map((take) => servedIn(history, take));
    if (observing?.join() !== silent?.join())
      throw new Error('I15 metamorphic: served otherwise than without breakers');
    lives += 1;
    if (servedIn(history, under('Enforce')).join() !== silent?.join()) enforced += 1;
  });
  console.log(
    `observing: ${lives} lives, nothing served otherwise; ${enforced} of them would have been other lives under Enforce`,
  );
  if (process.env['KUBERVISOR_PATH'] === undefined) expect(enforced).toBeGreaterThan(lives / 10);
});
