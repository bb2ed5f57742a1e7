/**
 * The trial of a backend on its way back, where events are counted: what it did since its step began.
 *
 * A window of one minute at 5 % of the traffic may never hold enough to judge, so windows add up. Only such that do not
 * overlap: `increase()[1m]`, asked every five seconds, tells each event twelve times, and a test that believed it would be
 * sure after a twelfth of the evidence. Each window is weighed by the peers of its own time, so that a minute in which
 * everybody failed convicts nobody once the others are well again.
 *
 * A probe is judged by the sequential test (sprt.ts), on later steps by the ordinary one, over its window, or over all that
 * was counted where the window has too few. What the ordinary test finds anomalous is so for a probe, too.
 */
import type { BackendId, EpochMs } from '../model.ts';
import type { CountReading, Counts } from './counts.ts';
import { rateOf } from './known-rate.ts';
import { decide, decisiveAt, eventsUntilGood, type Hypotheses, hypothesesFor, logLikelihoodRatio } from './sprt.ts';
import { ascending, human, median } from './statistics.ts';
import { maxSeverity, type Subject } from './subject.ts';
import type { Judgement, Verdict } from './verdict.ts';

export interface Trial extends Counts {
  /** The first step, where a verdict is due soon and on little. */
  readonly isProbe: boolean;
  /** When the step began: at another step it is another trial. */
  readonly sinceMs: EpochMs;
  /** End of the last window that was counted; at first, when the step began. The next one must not begin before. */
  readonly countedToMs: EpochMs;
  /** Of being bad rather than good. */
  readonly logLikelihood: number;
}

export interface EvidenceWindow {
  readonly startMs: EpochMs;
  readonly endMs: EpochMs;
}

export function beginTrial(isProbe: boolean, sinceMs: EpochMs): Trial {
  return { isProbe, sinceMs, countedToMs: sinceMs, bad: 0, total: 0, logLikelihood: 0 };
}

/** Of the traffic that a probe gets, the test of a good one should need no more than so many windows. */
const windowsToVerdict = 3;
const minPeers = 2;

type Readings = ReadonlyMap<BackendId, CountReading>;

/** What is judged in place of a window that has too few: all that was counted since the step began. */
export function withEarlierWindows(
  readings: Readings,
  subjects: readonly Subject[],
  minRequests: number,
  window: EvidenceWindow,
): Readings {
  const longer = new Map(readings);
  for (const { id, trial } of subjects) {
    const reading = readings.get(id);
    if (trial === undefined || reading?.kind !== 'counts' || reading.total >= minRequests) continue;
    longer.set(id, { kind: 'counts', ...(isNew(trial, window) ? plus(trial, reading) : counts(trial)) });
  }
  return longer;
}

/** Counts the window, and judges whoever probes. `judgement` is that of the ordinary test. */
export function judgeTrials(
  judgement: Judgement,
  subjects: readonly Subject[],
  readings: Readings,
  minRequests: number,
  window: EvidenceWindow,
): Judgement {
  if (judgement.kind !== 'judged') return judgement;
  const peers = peersIn(judgement, subjects, readings);
  const all = peers.reduce(plus, { bad: 0, total: 0 });
  if (peers.length < minPeers || all.total < minRequests) return judgement;

  const rates = hypothesesFor(rateOf(all));
  const trials = new Map<BackendId, Trial>();
  const verdicts = new Map(judgement.verdicts);
  for (const { id, trial } of subjects) {
    if (trial === undefined) continue;
    const reading = readings.get(id);
    const told = reading?.kind === 'counts' && isNew(trial, window) ? count(trial, window, reading, rates) : trial;
    trials.set(id, told);
    const ordinary = verdicts.get(id);
    if (!trial.isProbe || reading?.kind !== 'counts' || ordinary?.kind === 'anomalous') continue;
    verdicts.set(id, verdictOf(told, all, rates));
  }
  const usual = median(peers.map(({ total }) => total).toSorted(ascending)) ?? 0;
  const needed = eventsUntilGood(0, rates) / windowsToVerdict;
  return { ...judgement, verdicts, trials, ...(usual > 0 ? { probePercent: (needed / usual) * 100 } : {}) };
}

function peersIn(
  { verdicts }: Extract<Judgement, { kind: 'judged' }>,
  subjects: readonly Subject[],
  readings: Readings,
): readonly Counts[] {
  return subjects.flatMap(({ id, role }) => {
    const reading = readings.get(id);
    const isPeer = role === 'reference' && reading?.kind === 'counts' && verdicts.get(id)?.kind !== 'anomalous';
    return isPeer && reading.total > 0 ? [reading] : [];
  });
}

function isNew(trial: Trial, window: EvidenceWindow): boolean {
  return window.startMs >= trial.countedToMs;
}

function count(trial: Trial, { endMs }: EvidenceWindow, window: Counts, rates: Hypotheses): Trial {
  const logLikelihood = trial.logLikelihood + logLikelihoodRatio(window, rates);
  return {
    ...trial,
    ...plus(trial, window),
    countedToMs: endMs,
    // No better than good: an hour without a fault, while something else held it, must not outweigh the fault that follows.
    logLikelihood: Math.max(-decisiveAt, logLikelihood),
  };
}

function verdictOf(trial: Trial, peers: Counts, rates: Hypotheses): Verdict {
  const { bad, total, logLikelihood } = trial;
  const share = total === 0 ? 0 : (bad / total) * 100;
  const bound = undecidedRate(rates) * 100;
  const soFar = `log-likelihood ${human(logLikelihood)}, good at ${human(-decisiveAt)}, bad at ${human(decisiveAt)}`;
  switch (decide(logLikelihood)) {
    case 'good':
      return { kind: 'normal', value: share, bound };
    case 'bad':
      return {
        kind: 'anomalous',
        severity: Math.min(maxSeverity, Math.max(1, share / bound)),
        value: share,
        bound,
        reason: `${human(bad)} of ${human(total)} are bad since it probes, ${human(share)} %, where the peers have ${human(rateOf(peers) * 100)} % (${soFar})`,
      };
    case 'continue': {
      const needed = total + eventsUntilGood(logLikelihood, rates);
      const reason = `${human(total)} of about ${human(needed)} requests since it probes, ${human(bad)} bad (${soFar})`;
      return { kind: 'insufficient', reason };
    }
  }
}

/** The share of bad ones that speaks for neither: more of it adds nothing. */
function undecidedRate({ good, bad }: Hypotheses): number {
  const each = Math.log((1 - good) / (1 - bad));
  return each / (Math.log(bad / good) + each);
}

function counts({ bad, total }: Counts): Counts {
  return { bad, total };
}

function plus(a: Counts, b: Counts): Counts {
  return { bad: a.bad + b.bad, total: a.total + b.total };
}
