/** Whose word brings a backend back. */
import type { Breaker } from '../policy/policy.ts';
import type { Timing } from './context.ts';
import { accusersOf, type Decision } from './decision.ts';
import type { ServiceState, TrackName } from './state.ts';
import { breakersOf } from './work.ts';

/** Its accuser's; that of any of the track if a person took it out, or with `combine: All`. */
export function judgesOf({ policy }: ServiceState, track: TrackName, { cause }: Decision): readonly Breaker[] {
  if (policy === undefined) return [];
  const acting = breakersOf(policy, track);
  const accusers = acting.filter(({ name }) => accusersOf(cause).includes(name));
  return policy.combine === 'All' || accusers.length === 0 ? acting : accusers;
}

/** Windows, or evaluations, that a verdict may take, where five minutes are not enough for them. */
const patientWindows = 5;

/** How long a verdict on it may be due before something has to happen, in milliseconds. */
export function patienceMs(state: ServiceState, track: TrackName, decision: Decision, timing: Timing): number {
  const [judge] = judgesOf(state, track, decision);
  if (judge === undefined) return timing.patienceMs;
  const { evaluationPeriodMs, lookbackMs, suspectLookbackMs = lookbackMs } = judge;
  return Math.max(timing.patienceMs, patientWindows * Math.max(suspectLookbackMs, evaluationPeriodMs));
}
