/**
 * `groupBy`: each group of the fleet is judged as if it were the fleet, with a baseline of its own. A canary that is
 * slower for good reasons is compared with canaries, and a slow pod among the quick ones is found that a mixture of both
 * would hide.
 *
 * A group of fewer than three, and a backend whose group is not known, are not judged: pooled with the others they would
 * be compared with strangers. And because a group that is broken as a whole agrees with itself, each one is also compared
 * as a whole with the rest of the fleet. That verdict accuses no single backend.
 */
import type { BackendId } from '../model.ts';
import { minGroup } from '../policy/policy.ts';
import { type Baseline, noBaseline } from './baseline.ts';
import type { Subject } from './subject.ts';
import type { Trial } from './trial.ts';
import type { GroupJudgement, Judgement, Verdict } from './verdict.ts';

/** What a detector judges: the fleet, or a group of it. */
export interface Part {
  readonly subjects: readonly Subject[];
  readonly baseline: Baseline;
  readonly settled: boolean;
}

export interface Judged {
  readonly judgement: Judgement;
  readonly baseline: Baseline;
}

/** A detector that compares backends with each other, on the samples of one evaluation. */
export interface PeerDetector<Value> {
  readonly judge: (part: Part) => Judged;
  /** What the backend shows, if that can be used. */
  readonly valueOf: (id: BackendId) => Value | undefined;
  /** A group as a whole against the rest, one of so many groups. */
  readonly compare: (group: readonly Value[], rest: readonly Value[], groups: number) => Verdict;
}

/** @param settle Evaluations in which a group that is new is watched before it has a baseline. */
export function judgeGroups<Value>(fleet: Part, settle: number, detector: PeerDetector<Value>): Judged {
  const groups = groupsOf(fleet.subjects);
  const verdicts = new Map<BackendId, Verdict>();
  for (const { id, role, group } of fleet.subjects) {
    if (role === 'excluded' || group?.kind === 'known') continue;
    verdicts.set(id, { kind: 'insufficient', reason: `no group: ${group?.reason ?? 'unknown'}` });
  }

  const baselines = new Map<string, Baseline>();
  const judged = groups.map(({ key, subjects }) => {
    const before = fleet.baseline.groups?.get(key) ?? noBaseline;
    const found =
      subjects.length < minGroup
        ? tooSmall(key, subjects, before)
        : judgeGroup({ subjects, baseline: before, settled: fleet.settled }, settle, detector.judge);
    // A group that vanished is not among these, and neither is its baseline any more.
    baselines.set(key, found.baseline);
    return { key, subjects, judgement: found.judgement };
  });

  const rest = restOf(judged);
  const complete = judged.map((group) => ({ ...group, judgement: byTheRest(group, rest(group.key), detector) }));
  const told = complete.map(({ key, subjects, judgement }): GroupJudgement => {
    const own = judgement.kind === 'unusable' ? [] : judgement.verdicts;
    for (const [id, verdict] of own) verdicts.set(id, inGroup(key, verdict));
    return {
      key,
      members: subjects.map(({ id }) => id).sort(),
      ...outcomeOf(judgement),
      againstRest: compareWithRest(subjects, rest(key), groups.length, detector),
    };
  });
  const counted = countedIn(fleet.subjects, complete);
  return { judgement: { ...together(told, verdicts), ...counted }, baseline: { agreements: 0, groups: baselines } };
}

interface Group {
  readonly key: string;
  readonly subjects: readonly Subject[];
}

/** By key, so that the order of the fleet decides nothing. */
function groupsOf(subjects: readonly Subject[]): readonly Group[] {
  const groups = Map.groupBy(subjects, ({ group }) => (group?.kind === 'known' ? group.key : undefined));
  return [...groups]
    .flatMap(([key, members]) => (key === undefined ? [] : [{ key, subjects: members }]))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** A group that comes later than its breaker settles by itself: its first value, cold perhaps, must not be its level. */
function judgeGroup(part: Part, settle: number, judge: (part: Part) => Judged): Judged {
  const { level, seen: before = level === undefined ? 0 : settle } = part.baseline;
  const seen = Math.min(settle, before + 1);
  const { judgement, baseline } = judge({ ...part, settled: part.settled && seen >= settle });
  return { judgement, baseline: { ...baseline, seen } };
}

/** Its baseline stays as it was, for a rollout makes a group small for a moment. */
function tooSmall(key: string, subjects: readonly Subject[], baseline: Baseline): Judged {
  const reason = `its group ${key} has ${subjects.length} of the ${minGroup} backends it needs`;
  const judged = subjects.filter(({ role }) => role !== 'excluded');
  const verdicts = new Map(judged.map(({ id }): [BackendId, Verdict] => [id, { kind: 'insufficient', reason }]));
  return { judgement: { kind: 'judged', verdicts }, baseline };
}

function outcomeOf(judgement: Judgement): Pick<GroupJudgement, 'kind' | 'reason'> {
  if (judgement.kind === 'fleet-wide') return { kind: 'fleet-wide', reason: judgement.reason };
  if (judgement.kind === 'unusable') return { kind: 'insufficient', reason: judgement.reason };
  const verdicts = [...judgement.verdicts.values()];
  if (verdicts.some(isSaid)) return { kind: 'judged', reason: '' };
  const why = verdicts.find((verdict) => verdict.kind === 'insufficient' || verdict.kind === 'error');
  return { kind: 'insufficient', reason: why?.reason ?? 'nobody in it can be judged now' };
}

function isSaid({ kind }: Verdict): boolean {
  return kind === 'normal' || kind === 'anomalous';
}

function inGroup(key: string, verdict: Verdict): Verdict {
  return verdict.kind === 'anomalous' ? { ...verdict, reason: `in group ${key}: ${verdict.reason}` } : verdict;
}

/**
 * Who went out with its whole group, for being unlike the rest, is judged by the rest on its way back: by the standard of its
 * group it would come back as bad as it was.
 */
function byTheRest<Value>(
  { subjects, judgement }: Group & { readonly judgement: Judgement },
  rest: readonly Subject[],
  detector: PeerDetector<Value>,
): Judgement {
  const suspects = new Map(
    subjects.flatMap((subject) =>
      subject.role === 'suspect' && subject.isOutWithGroup ? [[subject.id, subject]] : [],
    ),
  );
  if (suspects.size === 0 || judgement.kind === 'unusable') return judgement;
  const part = { subjects: [...suspects.values(), ...rest.filter(isReference)], baseline: noBaseline, settled: true };
  const found = detector.judge(part).judgement;
  if (found.kind !== 'judged') return judgement;
  const { verdicts, trials = new Map<BackendId, Trial>() } = found;
  const theirs = <Each>(map: ReadonlyMap<BackendId, Each>) => [...map].filter(([id]) => suspects.has(id));
  const told = { ...judgement, verdicts: new Map([...judgement.verdicts, ...theirs(verdicts)]) };
  if (told.kind !== 'judged' || trials.size === 0) return told;
  return { ...told, trials: new Map([...(told.trials ?? []), ...theirs(trials)]) };
}

/** The other groups, without those that have moved themselves: against them anybody looks odd. */
function restOf(groups: readonly (Group & { readonly judgement: Judgement })[]): (key: string) => readonly Subject[] {
  const steady = groups.filter(({ judgement }) => judgement.kind !== 'fleet-wide');
  return (key) => steady.filter((group) => group.key !== key).flatMap(({ subjects }) => subjects);
}

function compareWithRest<Value>(
  subjects: readonly Subject[],
  rest: readonly Subject[],
  groups: number,
  { valueOf, compare }: PeerDetector<Value>,
): Verdict {
  const references = subjects.filter(isReference);
  const valuesOf = (some: readonly Subject[]): readonly Value[] =>
    some.map(({ id }) => valueOf(id)).filter((value) => value !== undefined);
  const [own, others] = [valuesOf(references), valuesOf(rest.filter(isReference))];
  // A few that answer first may be the bad ones.
  if (own.length === 0 || 2 * own.length <= references.length) {
    return { kind: 'insufficient', reason: `${own.length} of its ${references.length} serving backends have data` };
  }
  // Of two parts the larger is the measure, or a bad canary would accuse everybody else.
  if (others.length < own.length) {
    return { kind: 'insufficient', reason: `the rest, ${others.length} backends, is smaller than the group itself` };
  }
  return compare(own, others, groups);
}

/** What is counted of those on their way back: of a group that could not be counted now, what was counted before. */
function countedIn(
  subjects: readonly Subject[],
  groups: readonly { readonly judgement: Judgement }[],
): Pick<Extract<Judgement, { kind: 'judged' }>, 'trials' | 'probePercent'> {
  const told = groups.flatMap(({ judgement }) => (judgement.kind === 'judged' ? [judgement] : []));
  const now = new Map(told.flatMap(({ trials = [] }) => [...trials]));
  const before = subjects.flatMap(({ id, trial }) => (trial === undefined ? [] : [[id, trial] as const]));
  const percents = told.flatMap(({ probePercent = [] }) => probePercent);
  return {
    ...(now.size === 0 ? {} : { trials: new Map([...before, ...now]) }),
    ...(percents.length === 0 ? {} : { probePercent: Math.max(...percents) }),
  };
}

function isReference({ role }: Subject): boolean {
  return role === 'reference';
}

/** While one group stands, something is known; once all that could be judged have moved, it is the fleet that moved. */
function together(groups: readonly GroupJudgement[], verdicts: ReadonlyMap<BackendId, Verdict>): Judgement {
  const known = groups.filter(({ kind }) => kind !== 'insufficient');
  if (known.length > 0 && known.every(({ kind }) => kind === 'fleet-wide')) {
    const [{ key, reason } = { key: '', reason: '' }, ...others] = known;
    const more = others.length === 0 ? '' : `; so have ${others.length} more of the groups`;
    return { kind: 'fleet-wide', reason: `group ${key}: ${reason}${more}`, verdicts, groups };
  }
  if (known.length > 0 || verdicts.size === 0) return { kind: 'judged', verdicts, groups };
  return { kind: 'judged', verdicts, groups, reason: whyNobody(groups, verdicts) };
}

function whyNobody(groups: readonly GroupJudgement[], verdicts: ReadonlyMap<BackendId, Verdict>): string {
  const largest = groups.toSorted((a, b) => b.members.length - a.members.length)[0];
  const example = [...verdicts.values()].find(({ kind }) => kind === 'insufficient');
  if (largest === undefined) return `nobody is judged: ${example?.kind === 'insufficient' ? example.reason : ''}`;
  if (largest.members.length >= minGroup) return `nobody is judged: group ${largest.key}: ${largest.reason}`;
  return `nobody is judged: the largest of ${groups.length} groups, ${largest.key}, has ${largest.members.length} of the ${minGroup} backends it needs`;
}
