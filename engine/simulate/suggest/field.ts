/** What of a detector decides how soon it accuses, and which values are worth trying. */
import type { Detector } from '../../policy/policy.ts';
import { ascending } from '../../breakers/statistics.ts';

export interface Field {
  /** As in the policy, below the detector. */
  readonly name: 'maxDeviationPercent' | 'minRatio' | 'value' | 'tolerancePercent' | 'sensitivity' | 'minBad';
  readonly current: number;
  /** The strictest first: each accuses of less than the one before it. */
  readonly values: readonly number[];
  /** The detector with another value of this field. */
  readonly with: (value: number) => Detector;
}

/**
 * The first field is the one to set; others are for orientation. A ratio without a tolerance of its own, an equality and
 * a service of the user's have none.
 * @param observed what the query of a `threshold` has returned, in any order.
 */
export function fieldsOf(detector: Detector, observed: () => readonly number[]): readonly Field[] {
  switch (detector.kind) {
    case 'continuousValueDeviation':
      return [
        field('maxDeviationPercent', detector.maxDeviationPercent, deviations, (maxDeviationPercent) => ({
          ...detector,
          maxDeviationPercent,
        })),
      ];
    case 'outlier':
      return [field('minRatio', detector.minRatio, ratios, (minRatio) => ({ ...detector, minRatio }))];
    case 'ratio':
      return [
        field('sensitivity', detector.sensitivity, sensitivities, (sensitivity) => ({ ...detector, sensitivity })),
        field('minBad', detector.minBad, counts, (minBad) => ({ ...detector, minBad })),
      ];
    case 'discreteValueOutOfList':
      return detector.tolerancePercent === undefined
        ? []
        : [
            field('tolerancePercent', detector.tolerancePercent, shares, (tolerancePercent) => ({
              ...detector,
              tolerancePercent,
            })),
          ];
    case 'threshold': {
      const side = sides[detector.operator];
      if (side === 0) return [];
      // Below zero-crossing bounds it is the same with the sign turned.
      const values = boundsAbove(observed().map((value) => side * value)).map((value) => side * value);
      const { name, current, ...rest } = field('value', detector.value, values, (value) => ({ ...detector, value }));
      return [{ name, current, ...rest, values: rest.values.toSorted((a, b) => side * (a - b)) }];
    }
    case 'customService':
      return [];
  }
}

const deviations = [1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000];
const ratios = [1.05, 1.1, 1.2, 1.3, 1.5, 1.75, 2, 2.5, 3, 5, 10];
const sensitivities = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const counts = [1, 2, 3, 5, 10, 20, 50];
const shares = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
const sides = { '>': 1, '>=': 1, '<': -1, '<=': -1, '==': 0, '!=': 0 } as const;

function field(name: Field['name'], current: number, grid: readonly number[], detectorWith: Field['with']): Field {
  const values = [...new Set([...grid, current])].sort(ascending);
  return { name, current, values, with: detectorWith };
}

const quantiles = [0.5, 0.9, 0.99, 0.999, 1];
/** Beyond the largest value seen, in parts of its distance from the median: the next hour is not the same. */
const beyond = [0.25, 0.5, 1, 2];

function boundsAbove(values: readonly number[]): readonly number[] {
  const sorted = values.toSorted(ascending);
  const at = (quantile: number): number | undefined => sorted[Math.ceil(quantile * (sorted.length - 1))];
  const [middle, highest] = [at(0.5), at(1)];
  if (middle === undefined || highest === undefined) return [];
  const reach = highest > middle ? highest - middle : Math.abs(highest);
  const far = beyond.map((share) => highest + share * reach);
  return [...quantiles.flatMap((quantile) => at(quantile) ?? []), ...far].map(roundedUp);
}

/** To two digits, which is what a person would write; never to the strict side. */
function roundedUp(value: number): number {
  if (value === 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(12));
}
