/**
 * Fleets in which nobody is broken, by each detector with its defaults and through the whole state machine: pods that
 * differ a little, for good or from window to window, and values that are as noisy as a healthy service's.
 */
import { expect, it } from 'vitest';
import type { Evidence } from '../../engine/breakers/judge.ts';
import type { Sample } from '../../engine/metrics/source.ts';
import type { Detector } from '../../engine/policy/policy.ts';
import { drawBinomial, drawRate } from '../support/draws.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { breakerOf, deviationOf, evidenceOf, policyOf, type World, world } from '../support/world.ts';

/** Half of what `ratio` assumes. */
const overdispersion = 0.0025;
const fleets = 50;
const windows = 150;
const periodMs = 60_000;

interface Pod {
  readonly name: string;
  /** Share of bad answers. */
  readonly rate: number;
  /** Its own level of a value, around 100. */
  readonly level: number;
}

interface Fleet {
  readonly pods: readonly Pod[];
  readonly requests: number;
  /** Standard deviation of a value, in percent of its level. */
  readonly noise: number;
}

const detectors: Readonly<
  Record<string, { readonly detector: Detector; see(fleet: Fleet, random: Random): Evidence }>
> = {
  ratio: {
    detector: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
    see({ pods, requests }, random) {
      const bad = evidenceOf(
        Object.fromEntries(pods.map(({ name, rate }) => [name, drawBinomial(random, requests, rate)])),
      );
      return { ...bad, total: evidenceOf(Object.fromEntries(pods.map(({ name }) => [name, requests]))).samples };
    },
  },
  discreteValueOutOfList: {
    detector: {
      kind: 'discreteValueOutOfList',
      query: 'q',
      key: 'code',
      list: { kind: 'good', values: ['200'] },
      minActivity: 2,
    },
    see({ pods, requests }, random) {
      const series = (code: string, value: number): Sample => ({ labels: { code }, value: { kind: 'number', value } });
      const codes = ({ rate }: Pod): readonly Sample[] => {
        const bad = drawBinomial(random, requests, rate);
        return [series('200', requests - bad), series('500', bad)];
      };
      return evidenceOf(Object.fromEntries(pods.map((pod) => [pod.name, codes(pod)])));
    },
  },
  continuousValueDeviation: { detector: deviationOf(), see: gauges },
  outlier: { detector: { kind: 'outlier', query: 'q', direction: 'Above', minRatio: 1.2 }, see: gauges },
  threshold: { detector: { kind: 'threshold', query: 'q', operator: '>', value: 200 }, see: gauges },
};

/** Log-normal, as latencies are: never below nothing, with a longer tail above. */
function gauges({ pods, noise }: Fleet, random: Random): Evidence {
  const value = (level: number): number => level * Math.exp((noise / 100) * normal(random));
  return evidenceOf(Object.fromEntries(pods.map(({ name, level }) => [name, value(level)])));
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function drawFleet(random: Random): Fleet {
  const rate = random.pick([0.001, 0.01, 0.1]);
  const isKept = random.chance(0.5);
  const pods = Array.from({ length: random.int(3, 40) }, (_, index) => ({
    name: `p${index + 1}`,
    rate: isKept ? drawRate(random, rate, overdispersion) : rate,
    level: 100 * Math.exp(0.03 * normal(random)),
  }));
  return { pods, requests: random.pick([30, 100, 500, 2_000]), noise: random.pick([1, 3, 6]) };
}

it.each(Object.entries(detectors))(
  '%s ejects a healthy one in at most one of a thousand windows, and then the one that breaks',
  { timeout: 120_000 },
  (kind, { detector, see }) => {
    const random = randomFrom(1);
    let ejections = 0;
    let found = 0;
    for (let count = 0; count < fleets; count++) {
      const fleet = drawFleet(random);
      const breaker = breakerOf({ detector, evaluationPeriodMs: periodMs, lookbackMs: periodMs });
      const w = world({ fleet: fleet.pods.length, policy: policyOf({ settle: 10, breakers: [breaker] }) });
      for (let window = 0; window < windows; window++) w.evaluate(see(fleet, random));
      ejections += ejectedOf(w).length;
      const [first, ...others] = fleet.pods;
      if (first === undefined) continue;
      const pods = [{ ...first, rate: 0.6, level: 400 }, ...others];
      for (let window = 0; window < 4; window++) w.evaluate(see({ ...fleet, pods }, random));
      if (ejectedOf(w).includes(first.name)) found += 1;
    }
    const hours = Math.round((fleets * windows * periodMs) / 3_600_000);
    console.log(
      `healthy fleets by ${kind}: ${fleets} fleets, ${fleets * windows} windows, ${hours} hours, ${ejections} ejections`,
    );
    expect(ejections).toBeLessThanOrEqual((fleets * windows) / 1_000);
    expect(found).toBe(fleets);
  },
);

function ejectedOf({ effects }: World): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'transition' && effect.to === 'ejected' ? effect.name : []));
}
