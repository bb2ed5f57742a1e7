/** Probing and ramping backends under judgement. */
import type { BackendId } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { convict } from './conviction.ts';
import type { Decision } from './decision.ts';
import { currentJudgements, guardAgainst } from './guards.ts';
import type { Refusal } from './hold.ts';
import { stepIsOver, stepUp } from './ramp.ts';
import type { ServiceState, TrackName } from './state.ts';
import { forget, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

/**
 * One fresh anomaly sends a suspect out again, without budget or velocity: its place was never given back. One fresh
 * normal verdict of its accuser, while nobody accuses it, allows a step up.
 */
export function judgeSuspects(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  breaker: Breaker,
  correlated: boolean,
  work: Work,
): { readonly state: ServiceState; readonly refusals: readonly Refusal[] } {
  const breakerState = before.breakers.get(breaker.name);
  const refusals: Refusal[] = [];
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const isSuspect = decision.state === 'probing' || decision.state === 'ramping';
    if (!isSuspect || decision.returning.kind === 'time' || breakerState === undefined) continue;
    const { backend } = decision;
    const verdict = breakerState.last?.verdicts.get(backend);
    if (verdict?.kind === 'anomalous') {
      const canReduce = work.context.canReduce || track === 'shadow';
      const cause = guardAgainst(breakerState, policy.settle, { correlated, young: false, canReduce });
      if (cause === undefined) {
        const conviction = { backend, breaker, verdict, kind: 'repeated', retries: decision.retries + 1 } as const;
        state = convict(state, track, policy, conviction, work);
      } else {
        refusals.push({ backend, breaker: breaker.name, verdict, cause });
      }
    } else if (verdict?.kind === 'normal' && breakerState.last?.kind === 'judged' && !correlated) {
      const accuser = accuserOf(decision, policy, track);
      const mayAcquit = accuser === undefined || accuser === breaker.name;
      const isFree = !isAccusedNow(state, policy, track, backend, work.context.now);
      if (mayAcquit && isFree && stepIsOver(decision, policy.activator.ramp, work.context.now)) {
        state = stepUp(state, track, decision, policy.activator.ramp, work);
      }
    }
  }
  return { state, refusals };
}

/** The breaker whose acquittal is needed; `undefined`: any breaker of the track will do (a person took it out). */
function accuserOf(decision: Decision, policy: Policy, track: TrackName): string | undefined {
  const { cause } = decision;
  if (cause.kind === 'manual') return undefined;
  const accuser = policy.breakers.find(({ name }) => name === cause.breaker);
  return accuser !== undefined && trackOf(policy, accuser) === track ? accuser.name : undefined;
}

function isAccusedNow(state: ServiceState, policy: Policy, track: TrackName, backend: BackendId, now: number): boolean {
  return currentJudgements(state, policy, track, now).some(
    ({ last }) => last.verdicts.get(backend)?.kind === 'anomalous',
  );
}

/** resetAfter: strikes are forgotten after this much judged health. Time without verdicts heals nothing. */
export function forgiveStrikes(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  breaker: Breaker,
  work: Work,
): ServiceState {
  const verdicts = before.breakers.get(breaker.name)?.last?.verdicts;
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const verdict = verdicts?.get(decision.backend);
    const accuser = accuserOf(decision, policy, track);
    if (decision.state !== 'serving' || (accuser !== undefined && accuser !== breaker.name)) continue;
    if (verdict?.kind !== 'normal' && verdict?.kind !== 'anomalous') continue;
    const healthyMs = verdict.kind === 'normal' ? decision.healthyMs + breaker.evaluationPeriodMs : 0;
    state =
      healthyMs >= policy.activator.resetAfterMs
        ? forget(state, track, decision, 'recovered', work)
        : updateTrack(state, track, {
            decisions: new Map(state[track].decisions).set(decision.backend, { ...decision, healthyMs }),
          });
  }
  return state;
}
