/**
 * Why a backend is out, or why it is not: the chain from verdicts to what is served, in the order in which it is
 * decided. It reads the same records the decision was made from, so it cannot tell another story.
 */
import { describeCoverage } from '../breakers/coverage.ts';
import { human } from '../breakers/statistics.ts';
import { describeHeld } from '../budget/held.ts';
import { type Backend, splitServiceKey } from '../model.ts';
import type { ServiceProblem } from '../engine.ts';
import { formatProblem } from '../problem.ts';
import { formatDuration } from '../policy/duration.ts';
import type { Policy } from '../policy/policy.ts';
import { describeCohort } from '../rotation/cohort.ts';
import type { Timing } from '../rotation/context.ts';
import { isPartial } from '../rotation/evidence.ts';
import { cohortIn, isCorrelated, isYoungFleet, velocityLeft } from '../rotation/guards.ts';
import { shapeChangeOf } from '../rotation/shape.ts';
import type { ServiceState } from '../rotation/state.ts';
import { backendView } from './backend-view.ts';
import { breakerView } from './breaker-view.ts';
import type { BackendView, BreakerView, DecisionView, VerdictView, WhyResponse, WhyStep } from './messages.ts';
import { toTime } from './time.ts';
import { budgetView, freezeView, suspensionOf } from './view.ts';
import { knownToLeader, refusalIn, type ViewContext } from './view-context.ts';

export interface WhyContext extends ViewContext {
  readonly timing: Timing;
}

export function explain(state: ServiceState, backend: Backend, context: WhyContext): WhyResponse {
  const view = backendView(state, backend, context);
  const breakers = state.policy?.breakers.map((breaker) => breakerView(state, breaker, context)) ?? [];
  const budget = budgetView(state);
  // Nothing of it is on record: whoever does not judge would say that there is nothing.
  const { isFollowing = false } = context;
  const lines: readonly (readonly [WhyStep['stage'], readonly string[]])[] = [
    ['backend', [describeBackend(state, view)]],
    ['policy', describePolicy(state, context)],
    ['suspension', describeSuspension(state, context)],
    ['freeze', describeFreeze(state, context)],
    ['breaker', breakers.flatMap((breaker, index) => describeBreaker(breaker, view.verdicts[index]))],
    ['fleet', isFollowing ? [] : describeFleet(breakers)],
    ['guard', isFollowing ? [] : describeGuards(state, view, context)],
    ['budget', [budget.text, ...describeBudgetThen(view.decision)]],
    ['shadow', describeShadow(view)],
    ['rotation', [describeRotation(view)]],
    ['next', describeNext(view, breakers, state)],
  ];
  return {
    service: state.service,
    conclusion: conclude(state, view, breakers, context),
    steps: lines.flatMap(([stage, texts]) => texts.map((text) => ({ stage, text }))),
    backend: view,
    breakers,
    budget,
  };
}

function describeBackend({ service }: ServiceState, view: BackendView): string {
  const condition = view.terminating ? 'leaving' : view.ready ? 'ready' : 'not ready';
  const zone = view.zone === '' ? '' : `, zone ${view.zone}`;
  const warm = view.warmUpUntilTime === undefined ? '' : `, warming up until ${view.warmUpUntilTime}`;
  return `${view.name} of ${service} (${view.addresses.join(', ')}${zone}): ${condition}${warm}`;
}

function describePolicy({ policy, service }: ServiceState, context: ViewContext): readonly string[] {
  const { word } = context;
  const refused = refusalIn(word);
  const broken =
    word === undefined || refused === undefined
      ? problemsAbout('policy', context).map((text) => `the policy is invalid: ${text}`)
      : [`${splitServiceKey(service).namespace}/${word.name} is invalid: ${refused.message}`];
  if (policy === undefined) {
    return broken.length > 0 ? broken : ['no policy: no breaker judges it, only people take something out'];
  }
  const all = policy.combine === 'All' ? ', all its breakers have to agree (combine: All)' : '';
  const accepted = broken.length > 0 ? ', as it was accepted last' : '';
  return [...broken, `${policy.namespace}/${policy.name}${accepted}: ${policy.enforcement}${all}`];
}

function isSuspended(state: ServiceState, context: ViewContext): boolean {
  return suspensionOf(state, context) !== undefined || state.policy?.enforcement === 'Suspended';
}

function describeSuspension(state: ServiceState, context: ViewContext): readonly string[] {
  const suspension = suspensionOf(state, context);
  if (suspension === undefined) return [];
  const { scope, actor, reason, sinceTime } = suspension;
  return [
    `${scope === 'everything' ? 'everything' : 'this Service'} is suspended since ${sinceTime} by ${actor}: ${reason}`,
  ];
}

function problemsAbout(subject: ServiceProblem['about'], { problems = [] }: ViewContext): readonly string[] {
  return problems.filter(({ about }) => about === subject).map(({ problem }) => formatProblem(problem));
}

function describeFreeze({ freeze }: ServiceState, context: ViewContext): readonly string[] {
  const halted = problemsAbout('record', context).map(
    (text) => `nothing changes by itself: what is on record cannot be read: ${text}`,
  );
  if (halted.length > 0 || freeze === undefined) return halted;
  const { actor, reason, sinceTime, untilTime } = freezeView(freeze);
  return [`nothing changes by itself until ${untilTime}: frozen since ${sinceTime} by ${actor}: ${reason}`];
}

function describeBreaker(breaker: BreakerView, verdict: VerdictView | undefined): readonly string[] {
  if (verdict === undefined) return [];
  const { name, confirmAtLeast, confirmOf, windowSeconds, outcome } = breaker;
  const measured =
    verdict.value === undefined || verdict.bound === undefined
      ? ''
      : `, value ${human(verdict.value)}, bound ${human(verdict.bound)}`;
  const reason = verdict.reason === '' ? '' : `: ${verdict.reason}`;
  const takes = `it takes ${confirmAtLeast} anomalous of ${confirmOf}`;
  const streak =
    verdict.streakOf === 0 ? takes : `${verdict.streakAnomalous} of the last ${verdict.streakOf} anomalous, ${takes}`;
  const at = breaker.evaluatedTime === undefined ? '' : `; evaluated ${breaker.evaluatedTime}`;
  const kind = verdict.kind === 'none' ? 'no verdict' : verdict.kind;
  const said = outcome === 'unknown' ? verdict.reason : `${kind}${measured}${reason}`;
  return [
    `${name} (${breaker.enforcement}): ${said}`,
    `${name}: window ${formatDuration(windowSeconds * 1000)}; ${streak}${at}`,
    ...describePeers(breaker, verdict),
    askedText(breaker),
  ];
}

/** Whom to ask the same: the URL of a metric source is in the serving config, under its name. */
function askedText({ name, detector, query, source }: BreakerView): string {
  return detector === 'customService'
    ? `${name}: custom service ${query}`
    : `${name}: query to metric source ${source}: ${query}`;
}

/** Whom it is compared with, and by what. */
function describePeers({ name, reference, groupBy, groups }: BreakerView, verdict: VerdictView): readonly string[] {
  if (reference === '') return [];
  if (groupBy.length === 0) return [`${name}: compared with the ${reference} of the other backends`];
  const group = groups.find(({ key }) => key === verdict.group);
  if (group === undefined) return [`${name}: compared with nobody, it is in no group by ${groupBy.join(', ')}`];
  const baseline = group.baseline === undefined ? '' : `, baseline ${human(group.baseline)}`;
  return [`${name}: compared with the ${reference} of group ${group.key}, ${group.size} backends${baseline}`];
}

function describeFleet(breakers: readonly BreakerView[]): readonly string[] {
  if (breakers.length === 0) return [];
  const moved = breakers.filter(({ outcome }) => outcome === 'fleet-wide');
  const texts = [
    ...moved.map(({ name, reason }) => `${name}: fleet-wide, so it takes nobody out: ${reason}`),
    ...breakers.flatMap(describeGroups),
  ];
  return texts.length === 0 ? ['no breaker sees the fleet as a whole moved'] : texts;
}

/** What is to be said of groups as a whole. */
function describeGroups({ name, outcome, reason, groups }: BreakerView): readonly string[] {
  return [
    ...(outcome === 'judged' && reason !== '' ? [`${name}: ${reason}`] : []),
    ...groups.flatMap((group) => [
      ...(group.outcome === 'fleet-wide' && outcome !== 'fleet-wide'
        ? [`${name}: group ${group.key} moved as a whole, so nobody of it is taken out: ${group.reason}`]
        : []),
      ...(group.againstRest === 'anomalous'
        ? [`${name}: group ${group.key} as a whole is unlike the rest: ${group.againstRestReason}`]
        : []),
    ]),
  ];
}

function describeGuards(state: ServiceState, view: BackendView, context: WhyContext): readonly string[] {
  const { policy } = state;
  const { held, shadowHeld } = view;
  if (policy === undefined) return [];
  const texts = [
    ...(held === undefined ? [] : [`held since ${held.sinceTime}, ${held.cause}: ${held.text}`]),
    ...(shadowHeld === undefined ? [] : [`would be held, ${shadowHeld.cause}: ${shadowHeld.text}`]),
    ...activeGuards(state, policy, context),
  ];
  return texts.length === 0 ? ['none holds new ejections'] : texts;
}

function activeGuards(state: ServiceState, policy: Policy, context: WhyContext): readonly string[] {
  const { now, timing } = context;
  const settling = policy.breakers.flatMap(({ name }) => {
    const evaluations = state.breakers.get(name)?.evaluations ?? 0;
    return evaluations > policy.settle ? [] : [`${name} still settles: ${evaluations} of ${policy.settle} evaluations`];
  });
  const { holdAbovePercent, onCohort = 'Report' } = policy.budget;
  const cohort = cohortIn(state, policy, 'enforced', now, timing);
  return [
    ...(state.freeze === undefined ? [] : [describeHeld('frozen')]),
    ...settling,
    ...describePartial(state, policy),
    ...(isCorrelated(state, policy, 'enforced', now, timing)
      ? [`${describeHeld('hold-above')} (holdAbovePercent ${holdAbovePercent})`]
      : []),
    ...(cohort === undefined ? [] : [`${describeHeld('cohort', describeCohort(cohort))} (onCohort ${onCohort})`]),
    ...(isYoungFleet(state, policy, now) ? [describeHeld('young-fleet')] : []),
    ...describeShapeChange(state, context),
    ...(velocityLeft(state, policy, 'enforced', now, timing) === 0 ? [describeHeld('velocity')] : []),
  ];
}

function describePartial(state: ServiceState, policy: Policy): readonly string[] {
  return policy.breakers.flatMap(({ name }) => {
    const usable = state.breakers.get(name)?.usable;
    if (usable?.coverage === undefined || !isPartial(usable)) return [];
    return [`${name}: ${describeHeld('coverage', describeCoverage(usable.coverage))}`];
  });
}

function describeShapeChange(state: ServiceState, { now, timing }: WhyContext): readonly string[] {
  const change = shapeChangeOf(state, now, timing);
  if (change === undefined) return [];
  const { cause, detail, sinceMs, isOverdue } = change;
  const text = `${describeHeld(cause, detail)}, since ${toTime(sinceMs)}`;
  const limit = formatDuration(timing.longestChangeMs);
  return [isOverdue ? `${text}: longer than ${limit}, so it holds nobody any more` : text];
}

function describeBudgetThen(decision: DecisionView | undefined): readonly string[] {
  return decision === undefined || decision.budget === '' ? [] : [`when it was taken out: ${decision.budget}`];
}

function describeShadow({ shadowDecision }: BackendView): readonly string[] {
  if (shadowDecision === undefined || shadowDecision.state === 'serving') return [];
  return [`observing breakers would have it ${describeDecision(shadowDecision)}`];
}

function describeRotation({ decision, weightPercent }: BackendView): string {
  if (decision === undefined) return `serving, weight ${weightPercent} %`;
  return `${describeDecision(decision)}; weight ${weightPercent} %`;
}

function describeDecision(decision: DecisionView): string {
  const { state, cause, actor, verb, reason, breaker, retries, maxRetries, returning } = decision;
  const by =
    cause === 'manual'
      ? `by ${actor} (${verb}): ${reason}`
      : `by breaker ${breaker}, ${decision.streakAnomalous} of ${decision.streakOf} anomalous over ${formatDuration(decision.windowSeconds * 1000)}: ${reason}${describeAgreed(decision)}`;
  const strikes = cause === 'manual' ? '' : `; retry ${retries}, at most ${maxRetries}`;
  const blameless = returning === 'evidence' ? '' : `; returning by time alone (${returning})`;
  const closed = decision.closed ? '; no longer listed' : '';
  const was = state === 'serving' ? 'serving with strikes, was out' : state;
  return `${was} since ${state === 'serving' ? decision.outSinceTime : decision.sinceTime} ${by}${strikes}${blameless}${closed}`;
}

function describeAgreed({ agreed }: DecisionView): string {
  return agreed.map(({ breaker, reason }) => `, and by ${breaker}: ${reason}`).join('');
}

function describeNext(
  { decision, held }: BackendView,
  breakers: readonly BreakerView[],
  { policy }: ServiceState,
): readonly string[] {
  if (decision !== undefined) {
    const at = decision.nextTime === undefined ? '' : `, not before ${decision.nextTime}`;
    return [`${decision.next}${at}`];
  }
  if (held !== undefined) return [`goes out as soon as nothing holds it any more (${held.text})`];
  const acting = breakers.filter(({ enforcement }) => enforcement === 'Enforce');
  if (policy?.combine === 'All' && acting.length > 1) {
    const each = acting.map(({ name, confirmAtLeast, confirmOf }) => `${name} (${confirmAtLeast} of ${confirmOf})`);
    return [`goes out when all of ${each.join(', ')} find it anomalous and the budget allows it`];
  }
  return acting.map(
    ({ name, confirmAtLeast, confirmOf }) =>
      `goes out when ${name} finds it anomalous in ${confirmAtLeast} of ${confirmOf} evaluations and the budget allows it`,
  );
}

function conclude(
  state: ServiceState,
  view: BackendView,
  breakers: readonly BreakerView[],
  context: ViewContext,
): string {
  const { name, decision, held, verdicts } = view;
  if (decision !== undefined && decision.state !== 'serving') {
    return `${name} is ${decision.state} ${accusedBy(decision)}: ${decision.reason}`;
  }
  if (view.terminating) return `${name} is leaving: it is not part of the fleet`;
  if (!view.ready) return `${name} is not ready: Kubernetes keeps it out, no breaker does`;
  if (isSuspended(state, context)) return `${name} is serving: breakers are suspended`;
  if (state.policy === undefined) {
    const isRefused = refusalIn(context.word) !== undefined || problemsAbout('policy', context).length > 0;
    const why = !isRefused ? 'has no policy' : 'has no valid policy';
    return `${name} is serving: its Service ${why}`;
  }
  if (held !== undefined) return `${name} is serving although anomalous, held by ${held.cause}: ${held.text}`;
  if (breakers.some(({ outcome }) => outcome === 'unknown')) {
    return `${name} is serving: what breakers find is ${knownToLeader}`;
  }
  const index = verdicts.findIndex(({ kind }) => kind === 'anomalous');
  const [verdict, breaker] = [verdicts[index], breakers[index]];
  const dissenter =
    state.policy?.combine === 'All'
      ? verdicts.find(({ kind }, at) => kind !== 'anomalous' && breakers[at]?.enforcement === breaker?.enforcement)
      : undefined;
  if (verdict !== undefined && breaker !== undefined)
    return `${name} is serving: ${notConfirmed(view, verdict, breaker, dissenter)}`;
  if (verdicts.every(({ kind }) => kind === 'normal')) return `${name} is serving: every breaker finds it normal`;
  const silent = verdicts.find(({ kind }) => kind !== 'normal');
  return `${name} is serving: no breaker finds it anomalous (${silent?.breaker ?? ''}: ${silent?.reason ?? ''})`;
}

function notConfirmed(
  { shadowDecision }: BackendView,
  verdict: VerdictView,
  breaker: BreakerView,
  dissenter: VerdictView | undefined,
): string {
  if (breaker.outcome === 'fleet-wide')
    return `${breaker.name} sees the fleet as a whole moved, so it takes nobody out`;
  if (breaker.enforcement === 'Observe') {
    const state = shadowDecision?.state ?? 'serving';
    return `${breaker.name} finds it anomalous but only observes; it would be ${state}`;
  }
  if (dissenter !== undefined) {
    return `${breaker.name} finds it anomalous, ${dissenter.breaker} does not (${dissenter.kind}), and it takes all of them`;
  }
  return `${breaker.name} finds it anomalous in ${verdict.streakAnomalous} of ${verdict.streakOf} evaluations, it takes ${breaker.confirmAtLeast} of ${breaker.confirmOf}`;
}

function accusedBy({ state, cause, breaker, verb, actor }: DecisionView): string {
  if (cause === 'breaker') return `by breaker ${breaker}`;
  return state === 'ejected' || state === 'paused' ? `by ${actor}` : `after ${verb} by ${actor}`;
}
