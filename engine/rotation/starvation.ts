/**
 * Probes that get too little to be judged.
 *
 * Starved is who is `insufficient` for five minutes while its peers are judged: a query that fails or finds nobody says
 * nothing about traffic, and an error is not mended by more of it. Its weight is doubled, up to 25 %; what was counted of it
 * still counts. If that is not enough either, `activator.onStarved` decides: it stays, and is told (Hold); it returns by
 * time, though an anomaly still sends it out (Restore); or it is out until a person looks at it (Pause).
 */
import type { Breaker, Policy } from '../policy/policy.ts';
import { awaitsEvidence, type Decision, isOut } from './decision.ts';
import type { Circumstances } from './guards.ts';
import { hasMoved, verdictNow } from './evidence.ts';
import { judgesOf, patienceMs } from './judges.ts';
import { maxRaisedWeight, rampByTime, weightOf } from './ramp.ts';
import type { LastJudgement, ServiceState, TrackName } from './state.ts';
import { put, sortedDecisions, updateTrack, type Work } from './work.ts';

/** Share of the peers that must be judged, before one that is not is the exception. */
const coverage = 0.8;

export function feedStarved(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  facts: Circumstances,
  work: Work,
): ServiceState {
  const judgement = before.breakers.get(speaker.name)?.usable;
  if (judgement === undefined || facts.correlated || facts.frozen || !arePeersJudged(before, track, judgement))
    return before;
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const [judge] = judgesOf(before, track, decision);
    const isItsJudge = judge?.name === speaker.name && !hasMoved(judgement, decision.backend);
    if (!awaitsEvidence(decision) || !isItsJudge) continue;
    // Only windows that lie wholly at this step: that others say nothing of it is no matter of traffic.
    const kind = verdictNow(before, track, judgement, decision.backend)?.kind;
    if (kind === 'normal' || kind === 'anomalous') {
      state = fed(state, track, decision, work);
    } else if (kind === 'insufficient') {
      const limitMs = patienceMs(before, track, decision, work.context.timing);
      const starvedMs = Math.min(limitMs, decision.starvedMs + speaker.evaluationPeriodMs);
      const hungrier = { ...decision, starvedMs };
      state =
        starvedMs < limitMs ? amend(state, track, hungrier) : starved(state, track, policy, hungrier, facts, work);
    }
  }
  return state;
}

function arePeersJudged(state: ServiceState, track: TrackName, { verdicts }: LastJudgement): boolean {
  const peers = [...verdicts].filter(([id]) => !isOut(state[track].decisions.get(id)));
  const judged = peers.filter(([, { kind }]) => kind === 'normal' || kind === 'anomalous');
  return judged.length > 0 && judged.length >= coverage * peers.length;
}

function fed(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  if (decision.starved) return put(state, track, { ...decision, starvedMs: 0, starved: false }, 'starved', work);
  return decision.starvedMs === 0 ? state : amend(state, track, { ...decision, starvedMs: 0 });
}

function starved(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  decision: Decision,
  { canReduce }: Circumstances,
  work: Work,
): ServiceState {
  const weight = weightOf(decision, policy.activator.ramp);
  if (weight < maxRaisedWeight) {
    const minWeight = Math.min(maxRaisedWeight, 2 * weight);
    return put(state, track, { ...decision, minWeight, starvedMs: 0 }, 'starved', work);
  }
  const { now } = work.context;
  const { onStarved } = policy.activator;
  if (onStarved === 'Restore') {
    return put(state, track, { ...rampByTime(decision, now, 'starved'), starved: false }, 'starved', work);
  }
  if (onStarved === 'Pause' && canReduce) {
    const paused = { ...decision, state: 'paused', sinceMs: now, outSinceMs: now, starved: true } as const;
    return put(state, track, paused, 'starved', work);
  }
  return decision.starved ? state : put(state, track, { ...decision, starved: true }, 'starved', work);
}

/** Gathered time is no change of what is decided, and needs no stamp. */
function amend(state: ServiceState, track: TrackName, decision: Decision): ServiceState {
  return updateTrack(state, track, { decisions: new Map(state[track].decisions).set(decision.backend, decision) });
}
