/** Probes: few at once, of little weight, and doubled only for want of traffic. */
import { readyMembers } from '../../../engine/model.ts';
import { budgetOfService } from '../../../engine/rotation/capacity.ts';
import { cohortNameOf, type Decision } from '../../../engine/rotation/decision.ts';
import type { ServiceState, TrackName } from '../../../engine/rotation/state.ts';
import { isJudged } from '../../../engine/rotation/work.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

/** Whoever begins to probe finds no more than 5 % of the fleet there, but for those who have been there for minutes. */
export function probesAreFew(moment: Moment): void {
  const { state } = moment;
  for (const track of tracks) {
    const begun = transitions(moment, track).filter(({ to, why }) => to === 'probing' && why === 'time-served');
    if (begun.length === 0 || !isJudged(state, track)) continue;
    const probing = [...state[track].decisions.values()].filter((decision) => isOnProbation(moment, decision));
    const most = Math.max(1, Math.floor(budgetOfService(state).base / 20));
    must(begun.length <= most && probing.length <= most, 'I7 probes', [most, probing]);
    for (const { backend } of begun) {
      must(isReady(state, backend), 'I7 probes', backend);
      for (const waiting of waitingIn(moment, track)) {
        const since = state[track].decisions.get(backend)?.outSinceMs ?? 0;
        must(since <= waiting.outSinceMs, 'I7 longest out first', [backend, waiting]);
      }
    }
  }
}

/** Ready, and so lately begun that every judge would still be waited for. */
function isOnProbation({ state, context }: Moment, decision: Decision): boolean {
  const isFresh = context.now - decision.sinceMs < context.timing.patienceMs;
  const byEvidence = decision.state === 'probing' && decision.returning.kind === 'evidence';
  return byEvidence && isFresh && isReady(state, decision.backend);
}

function waitingIn({ state, context }: Moment, track: TrackName): readonly Decision[] {
  return [...state[track].decisions.values()].filter((decision) => {
    const { state: at, sinceMs, durationMs = Number.POSITIVE_INFINITY, backend } = decision;
    const isDue = (at === 'ejected' || at === 'paused') && context.now >= sinceMs + durationMs;
    // Who went out with a cohort waits for another one of it.
    return isDue && isReady(state, backend) && cohortNameOf(decision) === undefined;
  });
}

function isReady(state: ServiceState, id: Decision['backend']): boolean {
  return readyMembers(state.fleet).some((backend) => backend.id === id);
}

/** However little it gets at less. */
export function raisedToAQuarter({ state }: Moment): void {
  for (const track of tracks) {
    for (const decision of state[track].decisions.values()) {
      must(decision.minWeight >= 0 && decision.minWeight <= 25, 'I12 raised', decision);
    }
  }
}

/** A weight is raised by what a probe begins with, or on the word of a breaker that sees the others and not enough of it. */
export function raisedForWantOfTraffic(moment: Moment): void {
  const { before, state, event, isAfterCrash } = moment;
  for (const track of tracks) {
    for (const decision of state[track].decisions.values()) {
      const old = before[track].decisions.get(decision.backend);
      const isRaised = decision.minWeight > (old?.minWeight ?? 0) && old?.state === decision.state;
      if (!isRaised || isAfterCrash) continue;
      must(event.kind === 'judgement' && event.judgement.kind === 'judged', 'I6 starved', [old, decision]);
      const said = [...event.judgement.verdicts].filter(([, { kind }]) => kind === 'normal' || kind === 'anomalous');
      must(said.length > 0 && said.every(([id]) => id !== decision.backend), 'I6 starved', [decision, event]);
    }
  }
}
