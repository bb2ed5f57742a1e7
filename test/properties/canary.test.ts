/**
 * Twenty stable pods and five canaries that are 1.6 times as slow for good reasons, window after window: how often a canary
 * is found among all, and among its own. The figures are those of docs/detection.md.
 */
import { expect, it } from 'vitest';
import { type Baseline, noBaseline } from '../../engine/breakers/baseline.ts';
import { judge } from '../../engine/breakers/judge.ts';
import type { Subject } from '../../engine/breakers/subject.ts';
import { type BackendId, backendId } from '../../engine/model.ts';
import type { Detector } from '../../engine/policy/policy.ts';
import { drawLogNormal } from '../support/draws.ts';
import { breakerOf, deviationOf, evidenceOf } from '../support/fixtures.ts';
import { type Random, randomFrom } from '../support/random.ts';

const windows = 2_000;
const stable = { count: 20, middle: 100 };
const canary = { count: 5, middle: 160 };

const subjectsOf = (version: string, { count }: typeof stable): readonly Subject[] =>
  Array.from({ length: count }, (_, index) => ({
    id: backendId(`${version}${index}`),
    role: 'reference',
    group: { kind: 'known', key: `version=${version}` },
  }));
const canaries = subjectsOf('canary', canary);
const fleet = [...subjectsOf('stable', stable), ...canaries];

const known: Baseline = {
  agreements: 0,
  groups: new Map([
    ['version=stable', { agreements: 0, level: stable.middle }],
    ['version=canary', { agreements: 0, level: canary.middle }],
  ]),
};

/** Shares of the canaries, and of the stable ones, that a window flags; and of the windows in which the group is apart. */
function measure(detector: Detector, isGrouped: boolean, spread: number, random: Random) {
  const breaker = breakerOf({ detector, ...(isGrouped ? { groupBy: ['version'] } : {}) });
  const baseline = isGrouped ? known : { ...noBaseline, level: stable.middle };
  const own = new Set<BackendId>(canaries.map(({ id }) => id));
  const flagged = { canary: 0, stable: 0, apart: 0 };
  for (let window = 0; window < windows; window += 1) {
    const values = fleet.map(({ id }) => {
      const { middle } = own.has(id) ? canary : stable;
      return [id, drawLogNormal(random, middle, spread)] as const;
    });
    const context = { breaker, subjects: fleet, baseline, settled: true, window: { startMs: 0, endMs: 0 } };
    const { judgement } = judge(context, evidenceOf(Object.fromEntries(values)));
    if (judgement.kind !== 'judged') continue;
    for (const [id, { kind }] of judgement.verdicts) {
      if (kind === 'anomalous') flagged[own.has(id) ? 'canary' : 'stable'] += 1;
    }
    if (judgement.groups?.some(({ againstRest }) => againstRest.kind === 'anomalous') === true) flagged.apart += 1;
  }
  return {
    canary: (flagged.canary / windows / canary.count) * 100,
    stable: (flagged.stable / windows / stable.count) * 100,
    apart: (flagged.apart / windows) * 100,
  };
}

const percent = (value: number): string => `${value.toFixed(2)} %`;

it.each([
  ['outlier', { kind: 'outlier', query: 'q', direction: 'Above', minRatio: 1.2 }, 0.2],
  ['continuousValueDeviation', deviationOf({ direction: 'Above' }), 0.15],
] as const)('slower canaries are found among all, and not among their own: %s', (name, detector, widest) => {
  const seen = new Map<number, readonly ReturnType<typeof measure>[]>();
  for (const spread of [0.05, 0.1, 0.15, 0.2]) {
    const pooled = measure(detector, false, spread, randomFrom(1));
    const grouped = measure(detector, true, spread, randomFrom(1));
    seen.set(spread, [pooled, grouped]);
    console.log(
      `${name}, spread ${spread}: canaries flagged in a window ${percent(pooled.canary)} among all, ${percent(grouped.canary)} in their group; stable pods ${percent(pooled.stable)} and ${percent(grouped.stable)}; the group is unlike the rest in ${percent(grouped.apart)}`,
    );
  }
  const [pooled, grouped] = seen.get(0.1) ?? [];
  expect(pooled?.canary).toBeGreaterThan(25);
  for (const [spread, [, own]] of seen) if (spread <= widest) expect(own?.canary).toBeLessThan(1);
  // Comparing it with itself does not hide it.
  expect(grouped?.apart).toBeGreaterThan(80);
});
