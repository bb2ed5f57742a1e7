/** The policy as written, already found valid, to the policy as the engine uses it. */
import { serviceKey } from '../model.ts';
import { percent } from './decimal.ts';
import { defaults } from './defaults.ts';
import { durationMs } from './duration.ts';
import { fingerprint } from './fingerprint.ts';
import { normaliseBreaker } from './normalise-breaker.ts';
import type { ActivatorPolicy, BudgetPolicy, EjectPolicy, Enforcement, Policy } from './policy.ts';
import type { QueryChecker } from './promql.ts';
import type { BreakerSpec, PolicyObject, PolicySpec } from './schema.ts';

export interface NormaliseOptions {
  /** For policies that do not say; from the serving config. */
  readonly defaultEnforcement: Enforcement;
  /** For files that do not say. */
  readonly defaultNamespace: string;
}

export function normalise(object: PolicyObject, options: NormaliseOptions, checkQuery: QueryChecker): Policy {
  const { metadata, spec } = object;
  const namespace = metadata.namespace ?? options.defaultNamespace;
  const enforcement = spec.enforcement ?? options.defaultEnforcement;
  const meaning = {
    service: serviceKey(namespace, spec.service),
    enforcement,
    settle: spec.settle ?? defaults.settle,
    eject: ejectOf(spec),
    budget: budgetOf(spec),
    proximity: spec.proximity ?? defaults.proximity,
    warmUpMs: durationMs(spec.warmUp ?? defaults.warmUp),
    breakers: breakerSpecs(spec).map((breaker) => normaliseBreaker(breaker, enforcement, checkQuery)),
    combine: spec.combine ?? defaults.combine,
    activator: activatorOf(spec),
    ...(spec.allowStateful === true ? { allowStateful: true as const } : {}),
  };
  const { creationTimestamp } = metadata;
  const createdAtMs = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : Number.NaN;
  return {
    namespace,
    name: metadata.name,
    ...(Number.isNaN(createdAtMs) ? {} : { createdAtMs }),
    ...meaning,
    fingerprint: fingerprint(meaning),
  };
}

/** The shorthand is a policy with one breaker called "breaker". */
export function breakerSpecs(spec: PolicySpec): readonly BreakerSpec[] {
  if (spec.breaker === undefined) return spec.breakers ?? [];
  const { minPodsAvailableCount, minPodsAvailableRatio, ...breaker } = spec.breaker;
  return [{ name: 'breaker', ...breaker }];
}

function ejectOf(spec: PolicySpec): EjectPolicy {
  const { how = defaults.eject.how, closeAfter, then } = spec.eject ?? {};
  if (closeAfter === undefined) return { how, then: then ?? 'None' };
  return { how, closeAfterMs: durationMs(closeAfter), then: then ?? defaults.eject.thenAfterClose };
}

/** The floor may stand in the budget under its name or the talk's, or in the shorthand breaker; validation saw to it that it is one. */
function budgetOf(spec: PolicySpec): BudgetPolicy {
  const { budget = {}, breaker } = spec;
  const count = budget.minAvailableCount ?? budget.minPodsAvailableCount ?? breaker?.minPodsAvailableCount;
  const ratio = budget.minAvailableRatio ?? budget.minPodsAvailableRatio ?? breaker?.minPodsAvailableRatio;
  return {
    minAvailableCount: count ?? defaults.budget.minAvailableCount,
    minAvailableRatioPercent: percent(ratio ?? defaults.budget.minAvailableRatio),
    maxEjectedPercent: budget.maxEjectedPercent ?? defaults.budget.maxEjectedPercent,
    velocity: {
      count: budget.velocity?.count ?? defaults.budget.velocity.count,
      percent: budget.velocity?.percent ?? defaults.budget.velocity.percent,
    },
    holdAbovePercent: budget.holdAbovePercent ?? defaults.budget.holdAbovePercent,
    onBreach: budget.onBreach ?? defaults.budget.onBreach,
    onCohort: budget.onCohort ?? defaults.budget.onCohort,
  };
}

function activatorOf(spec: PolicySpec): ActivatorPolicy {
  const { activator = {} } = spec;
  const fallback = defaults.activator;
  return {
    mode: activator.mode ?? fallback.mode,
    periodMs: durationMs(activator.period ?? fallback.period),
    maxRetryCount: activator.maxRetryCount ?? fallback.maxRetryCount,
    maxPauseCount: activator.maxPauseCount ?? fallback.maxPauseCount,
    resetAfterMs: durationMs(activator.resetAfter ?? fallback.resetAfter),
    maxEvictionsPerHour: activator.maxEvictionsPerHour ?? fallback.maxEvictionsPerHour,
    ...(activator.maxStale === undefined ? {} : { maxStaleMs: durationMs(activator.maxStale) }),
    ...(activator.onStarved === undefined || activator.onStarved === 'Hold' ? {} : { onStarved: activator.onStarved }),
    ramp: {
      weights: activator.ramp?.weights ?? fallback.ramp.weights,
      stepPeriodMs: durationMs(activator.ramp?.stepPeriod ?? fallback.ramp.stepPeriod),
    },
  };
}
