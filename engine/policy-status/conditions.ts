/**
 * The conditions of a policy. Ready stays True while endpoints are out: tools that wait for it (flux, Argo CD, kubectl
 * wait) would otherwise take every ejection for a rollout that hangs. Messages have no numbers that move with each
 * evaluation: every change of a status is a write, and is told to all who watch.
 */
import { describeHeld } from '../budget/held.ts';
import { type ServiceKey, splitServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';
import { isOut } from '../rotation/decision.ts';
import type { ServiceState, Suspension } from '../rotation/state.ts';
import type { Standing } from './standing.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** What there is to know of a policy that governs. */
export interface Governed {
  readonly state: ServiceState;
  /** That of everything; a Service's own is part of its state. */
  readonly suspension: Suspension | undefined;
  readonly nowMs: number;
  /** Why what is on record cannot be read: nothing more is known. */
  readonly unreadable?: Problem;
  /** Why a breaker can have no answer whomever it asks; undefined: nothing of the kind. */
  readonly whyBlind: (service: ServiceKey, breaker: Breaker) => Problem | undefined;
}

export function conditionsOf(standing: Standing, governed: Governed | undefined): readonly Condition[] {
  const about = [ready(standing, governed), accepted(standing), ...stalled(standing, governed)];
  // One that was never accepted governs nothing; what an accepted one before it does is not by this one's breakers.
  if (governed?.state.policy === undefined || governed.unreadable !== undefined) return about;
  const detectors = standing.kind === 'invalid' ? [] : [detectorsHealthy(governed)];
  return [...about, ...detectors, endpointsEjected(governed), budgetExhausted(governed)];
}

const reasons = { invalid: 'Invalid', conflicted: 'Conflicted', 'target-not-found': 'TargetNotFound' } as const;

function accepted(standing: Standing): Condition {
  const type = 'Accepted';
  if (standing.kind !== 'accepted') {
    return { type, status: 'False', reason: reasons[standing.kind], message: standing.sentence };
  }
  const { name } = splitServiceKey(standing.service);
  return { type, status: 'True', reason: 'Accepted', message: `it governs Service ${name}` };
}

function ready(standing: Standing, governed: Governed | undefined): Condition {
  const type = 'Ready';
  if (standing.kind !== 'accepted') {
    const isFrozen = standing.kind === 'invalid' && governed?.state.policy !== undefined;
    const message = isFrozen ? 'the last accepted policy of the Service stays in force' : 'nobody is judged by it';
    return { type, status: 'False', reason: reasons[standing.kind], message };
  }
  if (governed?.unreadable !== undefined) return { type, status: 'False', ...frozen(governed.unreadable) };
  const policy = governed?.state.policy;
  if (governed === undefined || policy === undefined) {
    return { type, status: 'Unknown', reason: 'Starting', message: 'it has not come into force yet' };
  }
  const by = governed.suspension ?? governed.state.suspension;
  if (by !== undefined) {
    const what = governed.suspension === undefined ? 'the Service' : 'everything';
    return { type, status: 'True', reason: 'Suspended', message: `${by.actor} suspended ${what}: ${by.reason}` };
  }
  switch (policy.enforcement) {
    case 'Enforce':
      return { type, status: 'True', reason: 'Enforcing', message: 'broken endpoints are taken out of rotation' };
    case 'Observe':
      return { type, status: 'True', reason: 'Observing', message: 'it judges, and changes nothing that is served' };
    case 'Suspended':
      return { type, status: 'True', reason: 'Suspended', message: 'by spec.enforcement: nobody is judged' };
  }
}

/** Says to tools that waiting will not help. A Service that is not there yet may come. */
function stalled(standing: Standing, governed: Governed | undefined): readonly Condition[] {
  const condition = { type: 'Stalled', status: 'True' } as const;
  if (standing.kind === 'invalid' || standing.kind === 'conflicted') {
    return [{ ...condition, reason: reasons[standing.kind], message: standing.sentence }];
  }
  return governed?.unreadable === undefined ? [] : [{ ...condition, ...frozen(governed.unreadable) }];
}

/** The reason of Ready and Stalled while nothing is decided: what else the status says is the last that was known. */
export const recordUnreadable = 'RecordUnreadable';

function frozen({ code, message }: Problem): Pick<Condition, 'reason' | 'message'> {
  return { reason: recordUnreadable, message: `nothing is decided: ${code} ${message}` };
}

function detectorsHealthy({ state, nowMs, whyBlind }: Governed): Condition {
  const type = 'DetectorsHealthy';
  const { policy } = state;
  const breakers = policy?.breakers ?? [];
  const blind = breakers.flatMap((breaker) => {
    const problem = whyBlind(state.service, breaker);
    return problem === undefined ? [] : [{ name: breaker.name, why: `${problem.code} ${problem.message}` }];
  });
  const silent = breakers
    .filter((breaker) => blind.every(({ name }) => name !== breaker.name) && isSilent(state, breaker, nowMs))
    .map(({ name }) => name);
  if (blind.length + silent.length > 0) {
    const texts = [
      ...blind.map(({ name, why }) => `no usable answer for ${name}: ${why}`),
      // What a source answers is for those who may ask it.
      ...(silent.length === 0 ? [] : [`no usable answer for ${silent.join(', ')}; the leader's log says why`]),
    ];
    return { type, status: 'False', reason: 'NoUsableAnswer', message: texts.join('; ') };
  }
  // An answer that is of no use says as little as none: a source that was away from the start never looks healthy.
  const unheard = breakers.filter(({ name }) => state.breakers.get(name)?.usable === undefined).map(({ name }) => name);
  if (unheard.length > 0) {
    return {
      type,
      status: 'Unknown',
      reason: 'NotEvaluated',
      message: `no usable answer yet for ${unheard.join(', ')}`,
    };
  }
  return { type, status: 'True', reason: 'Evaluating', message: 'every breaker gets answers that it can use' };
}

/** One question without an answer is no news; a condition that says it would come and go with each. */
const patience = { periods: 3, leastMs: 15_000 };

function isSilent(state: ServiceState, { name, evaluationPeriodMs }: Breaker, nowMs: number): boolean {
  const known = state.breakers.get(name);
  if (known?.last?.kind !== 'unusable') return false;
  const { heardAtMs = known.last.receivedAtMs } = known;
  return nowMs - heardAtMs >= Math.max(patience.periods * evaluationPeriodMs, patience.leastMs);
}

function endpointsEjected({ state }: Governed): Condition {
  const type = 'EndpointsEjected';
  const out = [...state.enforced.decisions.values()].filter(isOut);
  if (out.length === 0) return { type, status: 'False', reason: 'NoneOut', message: 'all endpoints are in rotation' };
  const names = out.map(({ name }) => name).sort();
  const few = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return { type, status: 'True', reason: 'Out', message: `out of rotation, or on their way back: ${few}` };
}

function budgetExhausted({ state }: Governed): Condition {
  const type = 'BudgetExhausted';
  const cause = [...state.enforced.held.values()].find(
    (held) => held.cause === 'budget' || held.cause === 'store-full',
  );
  if (cause === undefined)
    return { type, status: 'False', reason: 'WithinBudget', message: 'nobody is kept in for want of budget' };
  const message = `endpoints that are anomalous are kept in: ${describeHeld(cause.cause)}`;
  return { type, status: 'True', reason: cause.cause === 'budget' ? 'BudgetUsedUp' : 'RecordFull', message };
}
