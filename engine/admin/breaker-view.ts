/** A breaker: what it asks, and what came out of its last evaluation. */
import type { Baseline } from '../breakers/baseline.ts';
import type { GroupJudgement, Verdict } from '../breakers/verdict.ts';
import { type Breaker, comparesPeers, type Detector, questionOf } from '../policy/policy.ts';
import type { LastJudgement, ServiceState } from '../rotation/state.ts';
import { trackOf } from '../rotation/work.ts';
import type { BreakerView, GroupView } from './messages.ts';
import { toTime } from './time.ts';
import { knownToLeader, type ViewContext } from './view-context.ts';

export function breakerView(state: ServiceState, breaker: Breaker, context: ViewContext): BreakerView {
  const known = state.breakers.get(breaker.name);
  const last = known?.last;
  const level = known?.baseline.level;
  const enforcement = enforcementOf(state, breaker);
  // Who is suspended is judged by nobody.
  const isUnknown = context.isFollowing === true && enforcement !== 'Suspended';
  return {
    name: breaker.name,
    enforcement,
    detector: breaker.detector.kind,
    query: questionOf(breaker.detector),
    ...(breaker.activity === undefined ? {} : { activityQuery: breaker.activity.query }),
    source: breaker.detector.kind === 'customService' ? '' : breaker.source,
    evaluationPeriodSeconds: breaker.evaluationPeriodMs / 1000,
    windowSeconds: breaker.lookbackMs / 1000,
    confirmAtLeast: breaker.confirm.atLeast,
    confirmOf: breaker.confirm.of,
    outcome: isUnknown ? 'unknown' : (last?.kind ?? 'none'),
    reason: isUnknown ? knownToLeader : (last?.reason ?? ''),
    ...(last === undefined ? {} : { evaluatedTime: toTime(last.evaluatedAtMs) }),
    evaluations: known?.evaluations ?? 0,
    settle: state.policy?.settle ?? 0,
    ...(level === undefined ? {} : { baseline: level }),
    normal: count(last, 'normal'),
    anomalous: count(last, 'anomalous'),
    insufficient: count(last, 'insufficient'),
    error: count(last, 'error'),
    reference: referenceOf(breaker.detector),
    groupBy: breaker.groupBy ?? [],
    groups: last?.groups?.map((group) => groupView(group, known?.baseline.groups?.get(group.key))) ?? [],
  };
}

function referenceOf(detector: Detector): BreakerView['reference'] {
  if (!comparesPeers(detector)) return '';
  if (detector.kind === 'continuousValueDeviation') return detector.reference === 'Mean' ? 'mean' : 'median';
  return detector.kind === 'outlier' ? 'spread' : 'rate';
}

function groupView(group: GroupJudgement, baseline: Baseline | undefined): GroupView {
  const { key, members, kind, reason, againstRest } = group;
  const hasNumbers = againstRest.kind === 'normal' || againstRest.kind === 'anomalous';
  return {
    key,
    size: members.length,
    outcome: kind,
    reason,
    ...(baseline?.level === undefined ? {} : { baseline: baseline.level }),
    againstRest: againstRest.kind,
    ...(hasNumbers ? { value: againstRest.value, bound: againstRest.bound } : {}),
    againstRestReason: againstRest.kind === 'normal' ? '' : againstRest.reason,
  };
}

function enforcementOf(state: ServiceState, breaker: Breaker): BreakerView['enforcement'] {
  if (state.policy === undefined) return breaker.enforcement;
  switch (trackOf(state.policy, breaker)) {
    case 'enforced':
      return 'Enforce';
    case 'shadow':
      return 'Observe';
    case undefined:
      return 'Suspended';
  }
}

function count(last: LastJudgement | undefined, kind: Verdict['kind']): number {
  return [...(last?.verdicts.values() ?? [])].filter((verdict) => verdict.kind === kind).length;
}
