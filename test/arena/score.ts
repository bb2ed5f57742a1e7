/** Scores of one contender in one scenario: from the answers its client got, and from what its Envoys did. Pure. */
import { type ContenderRecording, type Verdict, verdicts, type View } from './recording.ts';
import { faultsEndS, floorOf, isBroken, type Scenario } from './scenario.ts';
import { type Stretch, stretchesOf } from './timeline.ts';

export interface Score {
  readonly answers: number;
  readonly bad: number;
  readonly badPercent: number;
  /** Of the bad ones those that were right and late: the machine's own, where no pod of the scenario is slow. */
  readonly slow: number;
  /** Pods that were broken at some time, and how many of those were taken out while they were. */
  readonly broken: number;
  readonly ejected: number;
  /** From the first fault of each of those that were taken out until it was: the longest. Null: nobody was. */
  readonly secondsToEject: number | null;
  /** Traffic that pods did not get although nothing was wrong with them, in seconds of one pod at full weight. */
  readonly healthySecondsLost: number;
  /** From the end of the last fault until everybody has full weight, for good. Null: not before the end. */
  readonly secondsToRecover: number | null;
  /** Times that an Envoy took out a pod that was not broken, nor had been within the time it takes to notice. */
  readonly falseEjections: number;
  /** The longest that a pod was out by such an ejection. */
  readonly longestFalseSeconds: number;
  /** The fewest pods that had not been taken out, and how many there had to be. */
  readonly minServing: number;
  readonly floor: number;
}

/** Windows are 10 s long, and Envoy's interval 5 s: so long after a fault it may still be found, and that is no false alarm. */
const noticeS = 15;

export function scoreOf(scenario: Scenario, { answers, views }: ContenderRecording): Score {
  const count = (kind: Verdict): number => answers.filter(([, , verdict]) => verdicts[verdict] === kind).length;
  const bad = answers.length - count('good');
  const stretches = stretchesOf(scenario, views);
  const ejections = scenario.pods.flatMap((_, pod) => secondsToEject(scenario, stretches, pod));
  const caught = ejections.filter((seconds) => seconds !== undefined);
  const falseOnes = falseEjections(scenario, views);
  return {
    answers: answers.length,
    bad,
    badPercent: answers.length === 0 ? 0 : (100 * bad) / answers.length,
    slow: count('slow'),
    broken: ejections.length,
    ejected: caught.length,
    secondsToEject: caught.length === 0 ? null : Math.max(...caught),
    healthySecondsLost: healthySecondsLost(scenario, stretches),
    secondsToRecover: secondsToRecover(scenario, stretches),
    falseEjections: falseOnes.length,
    longestFalseSeconds: Math.max(0, ...falseOnes.map(({ forMs }) => forMs / 1000)),
    minServing: Math.min(...stretches.map(({ shares, out }) => shares.filter(isListed).length - out.size)),
    floor: floorOf(scenario),
  };
}

/** Empty for a pod that never breaks; undefined in it if it was not taken out while it was broken. */
function secondsToEject(
  scenario: Scenario,
  stretches: readonly Stretch[],
  pod: number,
): readonly (number | undefined)[] {
  const own = scenario.faults.filter(({ blame, pods }) => blame === 'pod' && pods.includes(pod));
  const [first] = own;
  if (first === undefined) return [];
  const out = stretches.find(({ fromMs, out: gone }) => gone.has(pod) && isBroken(scenario, pod, fromMs / 1000));
  return [out === undefined ? undefined : out.fromMs / 1000 - first.fromS];
}

function healthySecondsLost(scenario: Scenario, stretches: readonly Stretch[]): number {
  let lostMs = 0;
  for (const { fromMs, untilMs, shares } of stretches) {
    for (const [pod, share] of shares.entries()) {
      if (share !== undefined && !isBroken(scenario, pod, fromMs / 1000)) lostMs += (1 - share) * (untilMs - fromMs);
    }
  }
  return lostMs / 1000;
}

function secondsToRecover(scenario: Scenario, stretches: readonly Stretch[]): number | null {
  const endS = faultsEndS(scenario);
  const last = stretches.findLastIndex(({ shares }) => shares.some((share) => share !== undefined && share < 1));
  if (last === stretches.length - 1) return null;
  const recoveredMs = stretches[last]?.untilMs ?? 0;
  return Math.max(0, recoveredMs / 1000 - endS);
}

interface FalseEjection {
  readonly forMs: number;
}

/** By each Envoy: with own detection each errs by itself. */
function falseEjections(scenario: Scenario, views: readonly View[]): readonly FalseEjection[] {
  const found: FalseEjection[] = [];
  for (const own of Map.groupBy(views, ({ envoy }) => envoy).values()) {
    for (const pod of scenario.pods.keys()) {
      for (const [index, { atMs, shares }] of own.entries()) {
        const before = own[index - 1]?.shares[pod];
        if (shares[pod] !== 0 || before === 0 || wasBroken(scenario, pod, atMs / 1000)) continue;
        const back = own.slice(index).find((later) => later.shares[pod] !== 0);
        found.push({ forMs: (back?.atMs ?? scenario.lengthS * 1000) - atMs });
      }
    }
  }
  return found;
}

function wasBroken(scenario: Scenario, pod: number, atS: number): boolean {
  return scenario.faults.some(
    ({ blame, pods, fromS, untilS }) =>
      blame === 'pod' && pods.includes(pod) && fromS <= atS && untilS + noticeS >= atS,
  );
}

function isListed(share: number | undefined): boolean {
  return share !== undefined;
}
