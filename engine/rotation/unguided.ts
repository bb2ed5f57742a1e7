/** The rules for a Service without a policy: no breaker judges it, but a person may take something out of it. */
import { defaults } from '../policy/defaults.ts';
import { durationMs } from '../policy/duration.ts';
import type { ActivatorPolicy, BudgetPolicy, EjectPolicy, Policy } from '../policy/policy.ts';

export interface Guidance {
  readonly budget: BudgetPolicy;
  readonly eject: EjectPolicy;
  readonly activator: ActivatorPolicy;
  readonly proximity: Policy['proximity'];
}

export function guidanceOf(state: { readonly policy?: Policy }): Guidance {
  return state.policy ?? unguided;
}

/** R16: a policy that only observes moves no traffic to anybody's own zone either. */
export function servedProximity(state: { readonly policy?: Policy }): Policy['proximity'] {
  return state.policy?.enforcement === 'Observe' ? 'None' : guidanceOf(state).proximity;
}

const unguided: Guidance = {
  budget: {
    minAvailableCount: defaults.budget.minAvailableCount,
    minAvailableRatioPercent: defaults.budget.minAvailableRatio,
    maxEjectedPercent: defaults.budget.maxEjectedPercent,
    velocity: defaults.budget.velocity,
    holdAbovePercent: defaults.budget.holdAbovePercent,
    onBreach: defaults.budget.onBreach,
  },
  eject: { how: defaults.eject.how, then: 'None' },
  activator: {
    mode: defaults.activator.mode,
    periodMs: durationMs(defaults.activator.period),
    maxRetryCount: defaults.activator.maxRetryCount,
    maxPauseCount: defaults.activator.maxPauseCount,
    resetAfterMs: durationMs(defaults.activator.resetAfter),
    maxEvictionsPerHour: defaults.activator.maxEvictionsPerHour,
    ramp: { weights: defaults.activator.ramp.weights, stepPeriodMs: durationMs(defaults.activator.ramp.stepPeriod) },
  },
  proximity: defaults.proximity,
};
