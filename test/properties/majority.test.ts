/**
 * The safety property of `continuousValueDeviation`: a majority that turns bad never ejects the minority. Nothing else
 * protects the minority here: the budget lets everything go and one evaluation confirms.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { breakerOf, deviationOf, generousBudget, policyOf, type Value, world } from '../support/world.ts';

const runs = 1_000;

/** How the bad ones behave: each for itself, all alike, or together a little further each time, to drag the baseline. */
const behaviour = fc.oneof(
  fc.record({ kind: fc.constant('each' as const) }),
  fc.record({ kind: fc.constant('alike' as const) }),
  fc.record({ kind: fc.constant('creeping' as const), factor: fc.double({ min: 0.7, max: 1.4, noNaN: true }) }),
);

/** A value of a bad backend: any number there is, or some multiple of the good level, where the close calls are. */
const badValue = fc.oneof(
  fc.constantFrom(0, -0, 1e308, -1e308, 5e-324),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -3, max: 3, noNaN: true }).map((factor) => ({ factor })),
);

const story = fc.integer({ min: 3, max: 30 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    bad: fc.integer({ min: Math.floor(size / 2) + 1, max: size - 1 }),
    allowedPercent: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1, 30, 50, 10_000)),
    direction: fc.constantFrom('Both' as const, 'Above' as const, 'Below' as const),
    reference: fc.constantFrom({}, { reference: 'Mean' as const }),
    level: fc.oneof(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.constantFrom(-100, 1)),
    behaviour,
    /** When each turns bad, in evaluations. */
    onset: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: size, maxLength: size }),
    evaluations: fc.array(
      fc.record({
        values: fc.array(badValue, { minLength: size, maxLength: size }),
        /** Noise of the good ones, -1..1 of what keeps them clearly good. */
        noise: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: size, maxLength: size }),
        missing: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
      }),
      { minLength: 1, maxLength: 40, size: 'max' },
    ),
    missingAtAll: fc.boolean(),
  }),
);

it('a majority that turns bad never ejects the minority', { timeout: 120_000 }, () => {
  let evaluations = 0;
  let ejections = 0;
  fc.assert(
    fc.property(story, ({ size, bad, allowedPercent, direction, reference, level, ...rest }) => {
      const allowed = allowedPercent / 100;
      // The baseline may have followed the fleet by half of what is allowed; the noise must leave the good ones room.
      const noise = allowed / (8 * (1 + allowed));
      const price = breakerOf({
        name: 'price',
        detector: deviationOf({ maxDeviationPercent: allowedPercent, direction, ...reference }),
        confirm: { of: 1, atLeast: 1 },
      });
      const w = world({ fleet: size, policy: policyOf({ settle: 1, breakers: [price], budget: generousBudget }) });
      w.evaluate(w.all(level));

      const good = w.state.fleet.backends.slice(bad);
      rest.evaluations.forEach((evaluation, index) => {
        const values: Record<string, Value> = {};
        w.state.fleet.backends.forEach(({ name }, who) => {
          const isBad = who < bad && index >= (rest.onset[who] ?? 0);
          const jitter = 1 + noise * (evaluation.noise[who] ?? 0);
          const drawn = evaluation.values[rest.behaviour.kind === 'each' ? who : 0] ?? 0;
          const invented = typeof drawn === 'number' ? drawn : drawn.factor * level;
          const worse = rest.behaviour.kind === 'creeping' ? level * rest.behaviour.factor ** (index + 1) : invented;
          const isMissing = rest.missingAtAll && evaluation.missing[who] === true;
          values[name] = isMissing ? undefined : isBad ? worse : level * jitter;
        });
        w.evaluate(values);
        evaluations += 1;
        expect(good.map(({ name }) => w.stateOf(name))).toEqual(good.map(() => 'serving'));
      });
      ejections += w.effects.filter((effect) => effect.kind === 'transition' && effect.why === 'anomalous').length;
    }),
    { numRuns: runs },
  );
  console.log(`majority: ${runs} stories, ${evaluations} evaluations; ${ejections} bad backends ejected, no good one`);
  expect(ejections).toBeGreaterThan(0);
});
