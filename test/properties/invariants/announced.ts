/** What the cluster says of itself, found by other means than the engine's: nobody new goes against it. */
import type { EpochMs, Fleet } from '../../../engine/model.ts';
import type { TransitionCause } from '../../../engine/rotation/event.ts';
import type { Timing } from '../../../engine/rotation/context.ts';
import { budgetOfService, servingIn } from '../../../engine/rotation/capacity.ts';
import type { Moment } from '../life.ts';
import { isOnlyObserved, tracks, transitions } from './moment.ts';
import { must } from './must.ts';

/** While a workload is on its way, or a pod is to end that we did not evict, nobody new goes; for a time. */
export function announcedKeeper(): (moment: Moment) => void {
  const evicted = new Set<string>();
  let sinceMs: EpochMs | undefined;
  return (moment) => {
    const { before, state, event, effects, context, isAfterCrash } = moment;
    const { now, timing } = context;
    if (isAfterCrash) sinceMs = undefined;
    if (sinceMs !== undefined) sinceMs = Math.min(now, sinceMs);
    if (event.kind === 'fleet') {
      const was = isOnItsWay(before.fleet, evicted, now, timing);
      if (!isOnItsWay(state.fleet, evicted, now, timing)) sinceMs = undefined;
      else sinceMs = was ? (sinceMs ?? now) : now;
    }
    for (const effect of effects) if (effect.kind === 'evict') evicted.add(effect.decision.backend);
    if (sinceMs === undefined || now - sinceMs > timing.longestChangeMs) return;
    if (!isOnItsWay(state.fleet, evicted, now, timing)) return;
    must(newOnes(moment).length === 0, 'I7 announced', newOnes(moment));
  };
}

function isOnItsWay(
  { backends, workloads }: Fleet,
  evicted: ReadonlySet<string>,
  now: EpochMs,
  { longestChangeMs }: Timing,
): boolean {
  const isToEnd = backends.some(
    ({ id, disruptedSinceMs = Number.NaN }) => Math.abs(now - disruptedSinceMs) <= longestChangeMs && !evicted.has(id),
  );
  if (isToEnd || workloads === undefined) return isToEnd;
  const lacking = Math.abs(workloads.desired - backends.filter(({ terminating }) => !terminating).length);
  const isLarge = lacking >= 2 && lacking * 10 >= workloads.desired;
  return isLarge || workloads.rollingOut.length > 0 || workloads.scaling.length > 0;
}

/** Those that there should be and are not leave nothing over for a breaker. */
export function missingCount(moment: Moment): void {
  const { state } = moment;
  const { base, maxOut } = budgetOfService(state);
  const missing = Math.max(0, (state.fleet.workloads?.desired ?? 0) - base);
  for (const track of tracks) {
    if (newOnes(moment).every((each) => each.track !== track)) continue;
    const out = base - servingIn(state, track).length + missing;
    must(out <= maxOut, 'I1 missing', { out, missing, maxOut });
  }
}

const convicted: readonly TransitionCause[] = ['anomalous', 'anomalous-again', 'cohort'];

/** No breaker takes out a pod of a StatefulSet unless the policy allows it, neither anew nor again. */
export function statefulStay(moment: Moment): void {
  for (const track of tracks) {
    const taken = transitions(moment, track).filter(
      ({ from, to, why, backend }) =>
        (convicted.includes(why) || (why === 'retries-exhausted' && from !== 'paused')) &&
        to !== 'serving' &&
        isOnlyObserved(moment.state, backend),
    );
    must(taken.length === 0, 'I15 stateful', taken);
  }
}

function newOnes(moment: Moment) {
  return tracks.flatMap((track) =>
    transitions(moment, track).filter(
      ({ from, to, why }) => from === 'serving' && to !== 'serving' && why !== 'manual',
    ),
  );
}
