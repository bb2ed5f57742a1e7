/**
 * `ratio`: who fails a larger share of its requests than its peers do, in counts of one window.
 *
 * For each backend the bad events are compared with a beta-binomial whose rate is that of the others (beta-binomial.ts):
 * small counts are not taken for large differences, and the ordinary spread between healthy pods not for a fault. Twice,
 * because several bad backends hide each other in the reference:
 *
 *  1. screen: against the others without their worst quarter; who is improbable there is a suspect;
 *  2. verdict: against the others that are no suspects. Anomalous is who is improbable (Benjamini-Hochberg over all judged,
 *     so that a hundred pods are not a hundred chances for a false alarm), has at least `minBad` bad events, and at least
 *     twice the rate of the peers and one percent more: what is significant need not matter.
 *
 * With more than half suspect it is not a matter of single backends: `fleet-wide`. It sees only the worse side, needs two
 * peers with `minRequests` that are no suspects, and is blind to what all share.
 *
 * Formulas: Benjamini and Hochberg (1995) for the step-up procedure; the screening is that of generalised outlier tests,
 * which remove the worst and look again.
 */
import type { BackendId } from '../model.ts';
import { decimal } from '../policy/decimal.ts';
import { defaults } from '../policy/defaults.ts';
import type { Detector } from '../policy/policy.ts';
import { type BetaBinomial, upperTail } from './beta-binomial.ts';
import type { CountReading, Counts } from './counts.ts';
import { human } from './statistics.ts';
import { maxSeverity, type Subject } from './subject.ts';
import type { Judgement, Verdict } from './verdict.ts';

export type RatioSettings = Pick<Extract<Detector, { kind: 'ratio' }>, 'minRequests' | 'minBad' | 'sensitivity'>;

/** For a discrete value without a tolerance of its own. */
export function ratioDefaults(minActivity: number): RatioSettings {
  const { minRequests, minBad, sensitivity } = defaults.ratio;
  return { minRequests: Math.max(minRequests, minActivity), minBad, sensitivity: decimal(sensitivity) };
}

/** Of the tests that reject, at most this share is expected to be wrong. */
const screenRate = 0.05;
const verdictRate = 0.01;
/** Of the peers, so many are left out of the reference for the screen, the worst first. */
const trimmedShare = 0.25;
const minPeers = 2;

export function judgeRatio(
  settings: RatioSettings,
  subjects: readonly Subject[],
  readings: ReadonlyMap<BackendId, CountReading>,
): Judgement {
  const verdicts = new Map<BackendId, Verdict>();
  const judged: (Counts & { readonly id: BackendId; readonly isReference: boolean })[] = [];
  for (const { id, role } of subjects) {
    if (role === 'excluded') continue;
    const reading = readings.get(id) ?? { kind: 'insufficient', reason: 'no sample' };
    if (reading.kind !== 'counts') verdicts.set(id, reading);
    else if (reading.total < settings.minRequests) {
      const reason = `${human(reading.total)} requests, needs ${settings.minRequests}`;
      verdicts.set(id, { kind: 'insufficient', reason });
    } else judged.push({ id, bad: reading.bad, total: reading.total, isReference: role === 'reference' });
  }

  const reference = judged.filter(({ isReference }) => isReference);
  const suspects = screen(reference, settings);
  const peers = new Set(reference.filter((backend) => !suspects.has(backend)));
  const all = sum([...peers]);
  const tests = judged.map((backend) => {
    const isPeer = peers.has(backend);
    const rate = rateOf(isPeer ? minus(all, backend) : all);
    return { backend, rate, peers: peers.size - (isPeer ? 1 : 0), tail: tailOf(backend, rate, settings) };
  });
  const rejected = new Set(improbable(tests, verdictRate));
  for (const test of tests) verdicts.set(test.backend.id, verdictOf(test, settings, rejected.has(test)));
  if (suspects.size <= reference.length / 2) return { kind: 'judged', verdicts };
  const reason = `${suspects.size} of ${reference.length} backends fail more than the rest: not an outlier`;
  return { kind: 'fleet-wide', reason, verdicts };
}

function screen<Backend extends Counts>(reference: readonly Backend[], settings: RatioSettings): ReadonlySet<Backend> {
  // Equal rates by size, so that the order of the fleet decides nothing.
  const worstFirst = reference.toSorted((a, b) => b.bad / b.total - a.bad / a.total || b.total - a.total);
  const trimmed = Math.floor((reference.length - 1) * trimmedShare);
  const best = sum(worstFirst.slice(trimmed + 1));
  const tests = worstFirst.map((backend, place) => {
    // Without itself and the worst of the others: who is among the worst leaves room for one more of them.
    const kept = place <= trimmed ? best : minus(plus(best, worstFirst[trimmed] ?? nothing), backend);
    return { backend, tail: tailOf(backend, rateOf(kept), settings) };
  });
  return new Set(improbable(tests, screenRate).map(({ backend }) => backend));
}

/** Benjamini-Hochberg: the tests with the k smallest tails, k the largest with tail(k) <= k / n times the rate. */
function improbable<Tested extends { readonly tail: number }>(
  tests: readonly Tested[],
  rate: number,
): readonly Tested[] {
  const sorted = tests.toSorted((a, b) => a.tail - b.tail);
  const last = sorted.findLastIndex(({ tail }, index) => tail <= ((index + 1) / sorted.length) * rate);
  return sorted.slice(0, last + 1);
}

function tailOf({ bad, total }: Counts, rate: number, { sensitivity }: RatioSettings): number {
  // Who is not worse than the others cannot be improbably bad, and need not be summed.
  if (bad <= rate * total) return 1;
  const overdispersion = Math.min(0.5, Math.max(0.0001, sensitivity));
  const expected: BetaBinomial = { events: total, rate, overdispersion };
  return upperTail(expected, bad);
}

/** Never 0, or the first error of a fleet that had none would be infinitely improbable. */
function rateOf({ bad, total }: Counts): number {
  return (bad + 0.5) / (total + 1);
}

interface Test {
  readonly backend: Counts;
  /** Of the peers, whose number is `peers`. */
  readonly rate: number;
  readonly peers: number;
  readonly tail: number;
}

function verdictOf({ backend, rate, peers, tail }: Test, { minBad }: RatioSettings, isImprobable: boolean): Verdict {
  if (peers < minPeers) return { kind: 'insufficient', reason: `${peers} peers to compare with, needs ${minPeers}` };
  const { bad, total } = backend;
  const share = (bad / total) * 100;
  const bound = Math.max(2 * rate, rate + 0.01) * 100;
  if (!isImprobable || bad < minBad || share < bound) return { kind: 'normal', value: share, bound };
  return {
    kind: 'anomalous',
    severity: Math.min(maxSeverity, share / bound),
    value: share,
    bound,
    reason: `${human(bad)} of ${human(total)} are bad, ${human(share)} %, where ${peers} peers have ${human(rate * 100)} % (probability ${tail.toExponential(1)}; bound ${human(bound)} %)`,
  };
}

const nothing: Counts = { bad: 0, total: 0 };

function sum(counts: readonly Counts[]): Counts {
  return counts.reduce(plus, nothing);
}

function plus(a: Counts, b: Counts): Counts {
  return { bad: a.bad + b.bad, total: a.total + b.total };
}

function minus(a: Counts, b: Counts): Counts {
  return { bad: Math.max(0, a.bad - b.bad), total: Math.max(0, a.total - b.total) };
}
