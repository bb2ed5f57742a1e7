/**
 * A history as data, so that one that breaks an invariant can be shortened: each act brings its own chance along, and
 * leaving one out changes nothing about the others.
 */
import fc from 'fast-check';

export interface Act<What extends string> {
  readonly what: What;
  /** Seed of everything that is drawn in it. */
  readonly chance: number;
}

export interface History<What extends string> {
  /** Seed of what there is at the beginning. */
  readonly chance: number;
  readonly acts: readonly Act<What>[];
}

/** Shorter is simpler; another seed is only another one, and so is never tried for shortening. */
const chance = fc.noShrink(fc.nat());

export function histories<What extends string>(
  weights: readonly (readonly [what: What, weight: number])[],
  maxActs: number,
): fc.Arbitrary<History<What>> {
  const what = fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })));
  const acts = fc.array(fc.record({ what, chance }), { maxLength: maxActs, size: 'max' });
  return fc.noBias(fc.record({ chance, acts }));
}
