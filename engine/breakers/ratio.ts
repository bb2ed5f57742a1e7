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
 * With more than half suspect it is not a matter of single backends: `fleet-wide`. So it is when the better ones of the fleet
 * fail far more than the fleet is known to (known-rate.ts): not the suspects and not the worse half, so that no bad minority
 * looks like a bad fleet. It sees only the worse side, and needs two peers with `minRequests` that are no suspects.
 *
 * Formulas: Benjamini and Hochberg (1995) for the step-up procedure; the screening is that of generalised outlier tests,
 * which remove the worst and look again.
 */
import type { BackendId } from '../model.ts';
import { decimal } from '../policy/decimal.ts';
import { defaults } from '../policy/defaults.ts';
import type { Detector } from '../policy/policy.ts';
import type { Baseline } from './baseline.ts';
import type { CountReading, Counts } from './counts.ts';
import { rateOf, tailOf, updateKnownRate, worseThan } from './known-rate.ts';
import { human } from './statistics.ts';
import { maxSeverity, type Subject } from './subject.ts';
import { type Judgement, tooSmallRest, type Verdict } from './verdict.ts';

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
  before: Baseline,
  settled: boolean,
): { readonly judgement: Judgement; readonly baseline: Baseline } {
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
  const counts = betterOnes(reference, suspects);
  const isWorse = before.level !== undefined && isWorseThan(before.level, counts, settings);
  const eligible = subjects.filter(({ role }) => role === 'reference').length;
  const isSeen = reference.length >= minPeers && 2 * reference.length > eligible;
  // A bad backend that was there from the first is no reason to know nothing; later it is one to leave alone what is known.
  const agreed = isSeen && suspects.size <= (before.level === undefined ? reference.length / 2 : 0);
  const baseline = updateKnownRate(before, { counts, isWorse, agreed, settled });
  if (settled && isWorse && before.level !== undefined) {
    return { judgement: fleetWide(judged, counts, before.level, settings, verdicts), baseline };
  }

  const peers = new Set(reference.filter((backend) => !suspects.has(backend)));
  const all = sum([...peers]);
  const tests = judged.map((backend) => {
    const isPeer = peers.has(backend);
    const rate = rateOf(isPeer ? minus(all, backend) : all);
    return { backend, rate, peers: peers.size - (isPeer ? 1 : 0), tail: tailOf(backend, rate, settings.sensitivity) };
  });
  const rejected = new Set(improbable(tests, verdictRate));
  for (const test of tests) verdicts.set(test.backend.id, verdictOf(test, settings, rejected.has(test)));
  if (suspects.size <= reference.length / 2) return { judgement: { kind: 'judged', verdicts }, baseline };
  const reason = `${suspects.size} of ${reference.length} backends fail more than the rest: not an outlier`;
  return { judgement: { kind: 'fleet-wide', reason, verdicts }, baseline };
}

/** Who speaks for the fleet: neither a suspect nor of the worse half, so that a bad minority changes nothing. */
function betterOnes<Backend extends Counts>(reference: readonly Backend[], suspects: ReadonlySet<Backend>): Counts {
  const leftOut = Math.max(0, Math.floor(reference.length / 2) - suspects.size);
  return sum(worstFirst(reference.filter((backend) => !suspects.has(backend))).slice(leftOut));
}

function isWorseThan(level: number, counts: Counts, { minRequests, minBad, sensitivity }: RatioSettings): boolean {
  const isEnough = counts.total >= minRequests && counts.bad >= minBad;
  return isEnough && counts.bad / counts.total >= worseThan(level) && tailOf(counts, level, sensitivity) <= verdictRate;
}

/**
 * While the fleet as a whole has moved, the peers are no reference; against what it is known for one still sees who is worse.
 * These verdicts inform, they never eject.
 */
function fleetWide(
  judged: readonly (Counts & { readonly id: BackendId })[],
  counts: Counts,
  level: number,
  settings: RatioSettings,
  verdicts: Map<BackendId, Verdict>,
): Judgement {
  const known = human(level * 100);
  for (const backend of judged) {
    const [share, bound] = [(backend.bad / backend.total) * 100, worseThan(level) * 100];
    const reason = `${human(backend.bad)} of ${human(backend.total)} are bad, ${human(share)} %, where the fleet is known for ${known} % (bound ${human(bound)} %)`;
    const severity = Math.min(maxSeverity, share / bound);
    verdicts.set(
      backend.id,
      isWorseThan(level, backend, settings)
        ? { kind: 'anomalous', severity, value: share, bound, reason }
        : { kind: 'normal', value: share, bound },
    );
  }
  const reason = `${human(rateOf(counts) * 100)} % of the events are bad even where they are fewest, where ${known} % are known: not an outlier`;
  return { kind: 'fleet-wide', reason, verdicts };
}

/** Equal rates by size, so that the order of the fleet decides nothing. */
function worstFirst<Backend extends Counts>(backends: readonly Backend[]): readonly Backend[] {
  return backends.toSorted((a, b) => b.bad / b.total - a.bad / a.total || b.total - a.total);
}

function screen<Backend extends Counts>(reference: readonly Backend[], settings: RatioSettings): ReadonlySet<Backend> {
  const sorted = worstFirst(reference);
  const trimmed = Math.floor((reference.length - 1) * trimmedShare);
  const best = sum(sorted.slice(trimmed + 1));
  const tests = sorted.map((backend, place) => {
    // Without itself and the worst of the others: who is among the worst leaves room for one more of them.
    const kept = place <= trimmed ? best : minus(plus(best, sorted[trimmed] ?? nothing), backend);
    return { backend, tail: tailOf(backend, rateOf(kept), settings.sensitivity) };
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

/**
 * A group as a whole against the rest of the fleet: the counts of its backends together, as if they were one backend whose
 * peers are the rest. A group is thus allowed to differ as much as a single pod may, which for several pods is much, and
 * has to be: what the pods of a version or a zone share, they share for good reasons too. Each group is a test: the
 * probability that counts as improbable is divided by their number (Bonferroni).
 */
export function compareRatio(
  settings: RatioSettings,
  group: readonly Counts[],
  rest: readonly Counts[],
  groups: number,
): Verdict {
  if (rest.length < minPeers) return tooSmallRest(rest.length, minPeers);
  const [backend, others] = [sum(group), sum(rest)];
  const fewest = Math.min(backend.total, others.total);
  if (fewest < settings.minRequests) {
    return { kind: 'insufficient', reason: `${human(fewest)} requests, needs ${settings.minRequests}` };
  }
  const rate = rateOf(others);
  const tail = tailOf(backend, rate, settings.sensitivity);
  return verdictOf({ backend, rate, peers: rest.length, tail }, settings, tail <= verdictRate / groups);
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
  const bound = worseThan(rate) * 100;
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
