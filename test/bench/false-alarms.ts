/**
 * How often `ratio` flags somebody of a healthy fleet: whole fleets drawn at random, over a grid of sizes, request counts,
 * error rates and true differences between pods. No real part is needed, so the figures are the same on every machine.
 */
import { noBaseline } from '../../engine/breakers/baseline.ts';
import { judgeRatio } from '../../engine/breakers/ratio.ts';
import type { CountReading } from '../../engine/breakers/counts.ts';
import type { Subject } from '../../engine/breakers/subject.ts';
import { type BackendId, backendId } from '../../engine/model.ts';
import { drawBinomial, drawRate } from '../support/draws.ts';
import { type Random, randomFrom } from '../support/random.ts';

export interface Cell {
  readonly backends: number;
  readonly requests: number;
  readonly rate: number;
  /** True overdispersion of the fleet; the detector assumes 0.005. */
  readonly overdispersion: number;
  /** Whether each pod keeps its own rate from window to window, or gets a new one. */
  readonly pods: 'kept' | 'redrawn';
}

export interface CellResult extends Cell {
  readonly windows: number;
  /** Share of windows in which anybody is flagged. */
  readonly flagged: number;
  /** Share of windows in which anybody is flagged in two of the last three. */
  readonly confirmed: number;
}

const assumed = { minRequests: 30, minBad: 5, sensitivity: 0.005 };

export const grid: readonly Cell[] = [3, 5, 10, 20, 50, 100].flatMap((backends) =>
  [30, 100, 500, 2000].flatMap((requests) =>
    [0.001, 0.01, 0.1].flatMap((rate) =>
      [0, 0.001, 0.0025].flatMap((overdispersion) =>
        // Without a difference between pods there is nothing to keep.
        (overdispersion === 0 ? (['kept'] as const) : (['kept', 'redrawn'] as const)).map((pods) => ({
          ...{ backends, requests, rate, overdispersion, pods },
        })),
      ),
    ),
  ),
);

/** A kept fleet is drawn anew every so many windows, or one odd fleet would be the whole sample. */
const windowsPerFleet = 20;

export function measure(cell: Cell, windows: number, seed: number): CellResult {
  const random = randomFrom(seed);
  const subjects = Array.from(
    { length: cell.backends },
    (_, index): Subject => ({
      id: backendId(`p${index}`),
      role: 'reference',
    }),
  );
  let flagged = 0;
  let confirmed = 0;
  let rates: readonly number[] = [];
  let recent: readonly ReadonlySet<BackendId>[] = [];
  for (let window = 0; window < windows; window += 1) {
    const isNewFleet = window % windowsPerFleet === 0;
    if (isNewFleet) recent = [];
    if (isNewFleet || cell.pods === 'redrawn')
      rates = subjects.map(() => drawRate(random, cell.rate, cell.overdispersion));
    const anomalous = flaggedIn(random, cell, subjects, rates);
    recent = [anomalous, ...recent].slice(0, 3);
    if (anomalous.size > 0) flagged += 1;
    if (subjects.some(({ id }) => recent.filter((found) => found.has(id)).length >= 2)) confirmed += 1;
  }
  return { ...cell, windows, flagged: flagged / windows, confirmed: confirmed / windows };
}

function flaggedIn(
  random: Random,
  { requests }: Cell,
  subjects: readonly Subject[],
  rates: readonly number[],
): ReadonlySet<BackendId> {
  const readings = new Map<BackendId, CountReading>();
  for (const [index, { id }] of subjects.entries()) {
    readings.set(id, { kind: 'counts', bad: drawBinomial(random, requests, rates[index] ?? 0), total: requests });
  }
  const { judgement } = judgeRatio(assumed, subjects, readings, noBaseline, true);
  const verdicts = judgement.kind === 'unusable' ? [] : [...judgement.verdicts];
  return new Set(verdicts.flatMap(([id, { kind }]) => (kind === 'anomalous' ? [id] : [])));
}
