/** What it costs to judge a hundred endpoints once: what the engine does between the answer and the decision. */
import { noBaseline } from '../../engine/breakers/baseline.ts';
import { type Evidence, judge } from '../../engine/breakers/judge.ts';
import type { Subject } from '../../engine/breakers/subject.ts';
import { groupKeyOf } from '../../engine/group-key.ts';
import type { Detector } from '../../engine/policy/policy.ts';
import { drawBinomial } from '../support/draws.ts';
import { backendOf, breakerOf, countsOf, deviationOf, evidenceOf } from '../support/fixtures.ts';
import { randomFrom } from '../support/random.ts';
import type { Figure } from './figures.ts';

const size = 100;
/** The compiler of V8 takes some hundred calls until it has seen it all. */
const warmUp = 300;

const detectors: Readonly<Record<string, Detector>> = {
  ratio: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  continuousValueDeviation: deviationOf(),
  outlier: { kind: 'outlier', query: 'q', direction: 'Above', minRatio: 1.2 },
  threshold: { kind: 'threshold', query: 'q', operator: '>', value: 1_000 },
};

/** With one bad endpoint of a hundred: a fleet in which nobody is suspected is the cheaper case. */
export async function benchJudging(runs: number): Promise<readonly Figure[]> {
  const cases = Object.entries(detectors).flatMap(([name, detector]) => [
    { name, detector, groups: 1 },
    { name: `${name}, in four groups`, detector, groups: 4 },
  ]);
  return cases.map(({ name, detector, groups }) => ({
    name: `judging ${size} endpoints once: ${name}`,
    unit: 'ms',
    samples: timesOf(detector, groups, runs),
    goal: 'under 1',
  }));
}

function timesOf(detector: Detector, groups: number, runs: number): readonly number[] {
  const backends = Array.from({ length: size }, (_, index) =>
    backendOf(`p${index + 1}`, { labels: { version: `v${index % groups}` } }),
  );
  const groupBy = groups > 1 ? ['version'] : undefined;
  const subjects = backends.map((backend): Subject => {
    const group = groupBy === undefined ? undefined : groupKeyOf(backend, groupBy);
    return { id: backend.id, role: 'reference', ...(group === undefined ? {} : { group }) };
  });
  const breaker = breakerOf({ detector, ...(groupBy === undefined ? {} : { groupBy }) });
  const window = { startMs: 0, endMs: 60_000 };
  let baseline = noBaseline;
  const samples: number[] = [];
  for (let run = 0; run < warmUp + runs; run++) {
    const evidence = evidenceFor(detector, run);
    const startedMs = performance.now();
    ({ baseline } = judge({ breaker, subjects, baseline, settled: run > 10, window }, evidence));
    if (run >= warmUp) samples.push(performance.now() - startedMs);
  }
  return samples;
}

function evidenceFor({ kind }: Detector, seed: number): Evidence {
  const random = randomFrom(seed);
  const names = Array.from({ length: size }, (_, index) => `p${index + 1}`);
  if (kind === 'ratio') {
    const counts = names.map(
      (name, index) => [name, [drawBinomial(random, 500, index === 0 ? 0.1 : 0.01), 500]] as const,
    );
    return countsOf(Object.fromEntries(counts));
  }
  return evidenceOf(
    Object.fromEntries(names.map((name, index) => [name, (index === 0 ? 400 : 100) + 20 * random.next()])),
  );
}
