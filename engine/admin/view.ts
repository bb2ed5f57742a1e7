/** What the engine knows about a Service, as the messages of the admin API. Pure: the clock and the state come in. */
import type { ServiceProblem } from '../engine.ts';
import { describeBudget, outOf } from '../budget/arithmetic.ts';
import { members, splitServiceKey } from '../model.ts';
import { formatProblem } from '../problem.ts';
import { budgetOfService, servingIn } from '../rotation/capacity.ts';
import { isOut, type RotationState } from '../rotation/decision.ts';
import { thawsAtMs } from '../rotation/freeze.ts';
import type { Freeze, ServiceState, Suspension } from '../rotation/state.ts';
import { backendView, byName } from './backend-view.ts';
import { breakerView } from './breaker-view.ts';
import type {
  BudgetView,
  FreezeView,
  ReplicaView,
  ServiceProblemView,
  ServiceView,
  SummaryView,
  SuspensionView,
} from './messages.ts';
import type { Role } from '../store/store.ts';
import { toTime } from './time.ts';
import type { ViewContext } from './view-context.ts';

export function serviceView(state: ServiceState, context: ViewContext, withBackends: boolean): ServiceView {
  const suspension = suspensionOf(state, context);
  const { word, problems = [] } = context;
  return {
    ...splitServiceKey(state.service),
    policy: state.policy?.name ?? '',
    enforcement: state.policy?.enforcement ?? 'None',
    ...(suspension === undefined ? {} : { suspension }),
    ...(state.freeze === undefined ? {} : { freeze: freezeView(state.freeze) }),
    summary: summaryView(state),
    budget: budgetView(state),
    breakers: state.policy?.breakers.map((breaker) => breakerView(state, breaker, context)) ?? [],
    backends: withBackends
      ? state.fleet.backends.toSorted(byName).map((backend) => backendView(state, backend, context))
      : [],
    ...(word === undefined ? {} : { policyStatus: { name: word.name, conditions: word.conditions } }),
    problems: problems.map(problemView),
  };
}

function problemView({ about, problem }: ServiceProblem): ServiceProblemView {
  return { about, code: problem.code, text: formatProblem(problem) };
}

/** The suspension in force: that of everything outranks the Service's own. */
export function suspensionOf(
  { suspension, policy }: ServiceState,
  { suspension: everything, word }: ViewContext,
): SuspensionView | undefined {
  if (everything !== undefined) return suspensionView('everything', everything);
  // The word may be older or newer than the policy that we have.
  const own = suspension ?? (policy?.enforcement === 'Suspended' ? word?.suspension : undefined);
  return own === undefined ? undefined : suspensionView('service', own);
}

export function suspensionView(scope: SuspensionView['scope'], suspension: Suspension): SuspensionView {
  const { actor, reason, sinceMs } = suspension;
  return { scope, actor, reason, sinceTime: toTime(sinceMs) };
}

export function freezeView(freeze: Freeze): FreezeView {
  const { actor, reason, sinceMs } = freeze;
  return { actor, reason, sinceTime: toTime(sinceMs), untilTime: toTime(thawsAtMs(freeze)) };
}

export function replicaView(role: Role): ReplicaView {
  return { role: role.kind, leader: role.kind === 'following' ? (role.leader ?? '') : '' };
}

function summaryView(state: ServiceState): SummaryView {
  const fleet = members(state.fleet);
  const count = (wanted: RotationState): number =>
    fleet.filter(({ id }) => state.enforced.decisions.get(id)?.state === wanted).length;
  return {
    total: fleet.length,
    ready: fleet.filter(({ ready }) => ready).length,
    serving: servingIn(state, 'enforced').length,
    ejected: count('ejected'),
    probing: count('probing'),
    ramping: count('ramping'),
    paused: count('paused'),
    evicted: count('evicted'),
    held: state.enforced.held.size,
    wouldEject: fleet.filter(({ id }) => isOut(state.shadow.decisions.get(id))).length,
    terminating: state.fleet.backends.length - fleet.length,
  };
}

export function budgetView(state: ServiceState): BudgetView {
  const budget = budgetOfService(state);
  const serving = servingIn(state, 'enforced').length;
  const { base, floor, maxOut } = budget;
  const out = outOf(budget, serving);
  return {
    base,
    floor,
    maxOut,
    out,
    left: Math.max(0, maxOut - out),
    text: describeBudget(budget, serving),
    ...(state.belowFloorSinceMs === undefined ? {} : { belowFloorSinceTime: toTime(state.belowFloorSinceMs) }),
  };
}
