/** One backend: its state, every breaker's last word on it, and the one line that says why. */
import type { Backend } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import { versionOf } from '../rotation/cohort.ts';
import { isOut } from '../rotation/decision.ts';
import { weightOf } from '../rotation/ramp.ts';
import { isYoung } from '../rotation/roles.ts';
import type { ServiceState } from '../rotation/state.ts';
import { anomalousIn } from '../rotation/streak.ts';
import { guidanceOf } from '../rotation/unguided.ts';
import { trackOf } from '../rotation/work.ts';
import { addressText } from './address.ts';
import { decisionView, heldView } from './decision-view.ts';
import type { BackendView, VerdictView } from './messages.ts';
import { toTime } from './time.ts';
import { knownToLeader, type ViewContext } from './view-context.ts';

export function backendView(state: ServiceState, backend: Backend, context: ViewContext): BackendView {
  const { now } = context;
  const { id } = backend;
  const decision = state.enforced.decisions.get(id);
  const shadow = state.shadow.decisions.get(id);
  const held = state.enforced.held.get(id);
  const shadowHeld = state.shadow.held.get(id);
  const young = state.policy !== undefined && isYoung(backend, state.policy, now);
  const view: Omit<BackendView, 'breaker' | 'reason'> = {
    id,
    name: backend.name,
    addresses: backend.endpoints.map(addressText),
    zone: backend.zone ?? '',
    node: backend.node ?? '',
    version: versionOf(backend) ?? '',
    ready: backend.ready,
    terminating: backend.terminating,
    state: decision?.state ?? 'serving',
    weightPercent: weightPercent(state, backend),
    ...(young ? { warmUpUntilTime: toTime((backend.readySinceMs ?? now) + (state.policy?.warmUpMs ?? 0)) } : {}),
    verdicts: state.policy?.breakers.map((breaker) => verdictView(state, breaker, backend, young, context)) ?? [],
    ...(decision === undefined ? {} : { decision: decisionView(state, 'enforced', decision) }),
    ...(held === undefined ? {} : { held: heldView(held) }),
    ...(shadow === undefined ? {} : { shadowDecision: decisionView(state, 'shadow', shadow) }),
    ...(shadowHeld === undefined ? {} : { shadowHeld: heldView(shadowHeld) }),
  };
  return { ...view, ...headlineOf(view) };
}

/** pricer-2 before pricer-10. */
export function byName(a: Backend, b: Backend): number {
  return a.name.localeCompare(b.name, 'en', { numeric: true }) || (a.id < b.id ? -1 : 1);
}

function weightPercent(state: ServiceState, backend: Backend): number {
  const decision = state.enforced.decisions.get(backend.id);
  if (!backend.ready || backend.terminating) return 0;
  if (decision === undefined) return 100;
  const getsTraffic = decision.state === 'serving' || decision.state === 'probing' || decision.state === 'ramping';
  return getsTraffic ? weightOf(decision, guidanceOf(state).activator.ramp) : 0;
}

function verdictView(
  state: ServiceState,
  breaker: Breaker,
  backend: Backend,
  young: boolean,
  context: ViewContext,
): VerdictView {
  const known = state.breakers.get(breaker.name);
  const streak = known?.streaks.get(backend.id);
  const group = known?.last?.groups?.find(({ members }) => members.includes(backend.id))?.key ?? '';
  const counts = { streakAnomalous: anomalousIn(streak), streakOf: streak?.length ?? 0, group };
  const verdict = known?.last?.verdicts.get(backend.id);
  switch (verdict?.kind) {
    case undefined: {
      const reason = whyNotJudged(state, breaker, backend, young, context);
      return { breaker: breaker.name, kind: 'none', reason, ...counts };
    }
    case 'normal': {
      const { kind, value, bound } = verdict;
      return { breaker: breaker.name, kind, value, bound, reason: '', ...counts };
    }
    case 'anomalous': {
      const { kind, value, bound, severity, reason } = verdict;
      return { breaker: breaker.name, kind, value, bound, severity, reason, ...counts };
    }
    case 'insufficient':
    case 'error':
      return { breaker: breaker.name, kind: verdict.kind, reason: verdict.reason, ...counts };
  }
}

function whyNotJudged(
  state: ServiceState,
  breaker: Breaker,
  backend: Backend,
  young: boolean,
  { isFollowing = false }: ViewContext,
): string {
  const last = state.breakers.get(breaker.name)?.last;
  if (backend.terminating) return 'it is leaving';
  if (!backend.ready) return 'it is not ready';
  if (young) return 'it is warming up';
  const { policy } = state;
  if (policy !== undefined && trackOf(policy, breaker) === undefined) return 'it is suspended';
  if (last === undefined) return isFollowing ? knownToLeader : 'not evaluated yet';
  if (policy !== undefined && isYoung(backend, policy, last.receivedAtMs, breaker.lookbackMs)) {
    return 'the window reaches back into its warm-up';
  }
  if (last.kind === 'unusable') return `nothing could be judged: ${last.reason ?? 'no reason given'}`;
  if (isOut(state.enforced.decisions.get(backend.id))) return 'it is out and gets no traffic';
  return 'the last evaluation left it out';
}

type Headline = Pick<BackendView, 'breaker' | 'value' | 'bound' | 'reason'>;

/** What says the most about the backend now, in one line. */
function headlineOf({ decision, held, shadowDecision, verdicts }: Omit<BackendView, 'breaker' | 'reason'>): Headline {
  if (decision !== undefined && decision.state !== 'serving') {
    const now = verdicts.find(({ breaker, value }) => breaker === decision.breaker && value !== undefined);
    const isReturning = decision.state === 'probing' || decision.state === 'ramping';
    // The reason first: a narrow terminal cuts off the rest, and an actor may be a long name that was made up.
    const why = decision.cause === 'manual' ? `${decision.reason}, by ${decision.actor}` : decision.reason;
    return {
      breaker: decision.breaker,
      ...numbers(isReturning ? (now ?? decision) : decision),
      reason: isReturning ? decision.next : why,
    };
  }
  if (held !== undefined) {
    return { breaker: held.breaker, ...numbers(held), reason: `held, ${held.cause}: ${held.reason}` };
  }
  if (shadowDecision !== undefined && shadowDecision.state !== 'serving') {
    const { breaker, reason } = shadowDecision;
    return { breaker, ...numbers(shadowDecision), reason: `would be ${shadowDecision.state}: ${reason}` };
  }
  const worst = verdicts.toSorted((a, b) => weight(b) - weight(a))[0];
  if (worst === undefined || worst.kind === 'none') return { breaker: '', reason: '' };
  return { breaker: worst.breaker, ...numbers(worst), reason: worst.reason };
}

/** Anomalous ones by severity, then those with a number, then those without. */
function weight({ kind, severity }: VerdictView): number {
  if (kind === 'anomalous') return 3 + (severity ?? 0);
  return kind === 'normal' ? 2 : kind === 'none' ? 0 : 1;
}

function numbers({ value, bound }: { readonly value?: number; readonly bound?: number }): {
  readonly value?: number;
  readonly bound?: number;
} {
  return { ...(value === undefined ? {} : { value }), ...(bound === undefined ? {} : { bound }) };
}
