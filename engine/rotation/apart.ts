/** Groups of a breaker (`groupBy`) that are unlike the rest as a whole, however much their backends agree with each other. */
import type { GroupJudgement, Verdict } from '../breakers/verdict.ts';
import { members } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Accusation, Accusations } from './accusations.ts';
import { type Cohort, minSize } from './cohort.ts';
import { guardOfFleet, type Circumstances } from './guards.ts';
import type { BreakerState, ServiceState, StreakEntry } from './state.ts';
import { addToStreak, anomalousIn } from './streak.ts';

/** A group must be found so as often as a backend; one that is gone is forgotten. */
export function updateApart(
  before: BreakerState['apart'],
  groups: readonly GroupJudgement[],
  breaker: Breaker,
  moment: Pick<StreakEntry, 'atMs' | 'windowStartMs'>,
): BreakerState['apart'] {
  const streaks = groups.map(
    ({ key, againstRest }) => [key, addToStreak(before.get(key) ?? [], againstRest, breaker, moment)] as const,
  );
  return new Map(streaks.filter(([, streak]) => streak.length > 0));
}

interface Apart {
  readonly cohort: Cohort;
  /** Against each of its members that serve. */
  readonly accusations: Accusations;
}

/**
 * The groups that the breaker finds apart now, confirmed, as cohorts; the worst first. The verdict is one on the group, so
 * that it accuses nobody alone.
 */
export function apartGroups(
  state: ServiceState,
  breaker: Breaker,
  settle: number,
  facts: Circumstances,
  flagged: ReadonlySet<string>,
): readonly Apart[] {
  const known = state.breakers.get(breaker.name);
  if (known?.usable?.groups === undefined || guardOfFleet(known, settle, facts) !== undefined) return [];
  const fleet = members(state.fleet).length;
  const found = known.usable.groups.flatMap((group) => {
    const isConfirmed = anomalousIn(known.apart.get(group.key)) >= breaker.confirm.atLeast;
    const { againstRest: verdict } = group;
    const size = group.members.length;
    if (verdict.kind !== 'anomalous' || !isConfirmed || size < minSize || size >= fleet) return [];
    return [apartOf(group, verdict, breaker, flagged)];
  });
  return found.toSorted((a, b) => severityOf(b) - severityOf(a) || (a.cohort.value < b.cohort.value ? -1 : 1));
}

function apartOf(
  { key, members: ids }: GroupJudgement,
  verdict: Extract<Verdict, { kind: 'anomalous' }>,
  breaker: Breaker,
  flagged: ReadonlySet<string>,
): Apart {
  const own = new Set(ids);
  const flaggedElsewhere = [...flagged].filter((id) => !own.has(id as (typeof ids)[number])).length;
  const { severity } = verdict;
  const accusations = ids.map((id): [typeof id, Accusation] => [
    id,
    { id, breaker: breaker.name, severity, guard: 'cohort', verdict, by: breaker, agreed: [] },
  ]);
  return {
    cohort: { by: 'group', value: key, members: own, flagged: ids.length, flaggedElsewhere },
    accusations: new Map(accusations),
  };
}

function severityOf({ accusations }: Apart): number {
  return [...accusations.values()][0]?.severity ?? 0;
}
