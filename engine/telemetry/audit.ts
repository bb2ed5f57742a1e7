/**
 * The audit: one record per decision, in the same words as the API and the CLI, complete enough that nobody needs
 * another source to know why. Every record goes to the log under `audit: true`, and to a file where one is configured.
 */
import { describeBudget } from '../budget/arithmetic.ts';
import { describeHeld } from '../budget/held.ts';
import type { EpochMs } from '../model.ts';
import { formatDuration } from '../policy/duration.ts';
import { budgetOfService, servingIn } from '../rotation/capacity.ts';
import type { Decision, RotationState } from '../rotation/decision.ts';
import type { Effect } from '../rotation/event.ts';
import { weightOf } from '../rotation/ramp.ts';
import type { ServiceState } from '../rotation/state.ts';
import { guidanceOf } from '../rotation/unguided.ts';
import type { Log } from './log.ts';
import type { LineSink } from './sink.ts';

export type AuditAction =
  | 'eject'
  | 'pause'
  | 'evict'
  | 'probe'
  | 'step-up'
  | 'return'
  | 'hold'
  | 'ask-eviction'
  | 'evicted'
  | 'refuse'
  | 'suspend'
  | 'resume'
  | 'freeze'
  | 'unfreeze';

export interface AuditRecord {
  /** UTC, as in ISO 8601. */
  readonly time: string;
  /** `namespace/name`. */
  readonly service: string;
  readonly policy?: string;
  readonly action: AuditAction;
  /** False for what an observing breaker would have done. */
  readonly enforced: boolean;
  readonly backend?: string;
  /** What a person calls the backend. */
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
  /** The rule that brought this about, or the cause that prevented it. */
  readonly why?: string;
  readonly breaker?: string;
  readonly severity?: number;
  readonly value?: number;
  readonly bound?: number;
  /** In words: of the breaker, or of the person. */
  readonly reason?: string;
  /** Breakers that had to agree, with what they said. */
  readonly agreed?: readonly string[];
  /** Anomalous evaluations of those looked at: `2 of 3`. */
  readonly streak?: string;
  /** The arithmetic at the moment of the ejection, else after this act. */
  readonly budget?: string;
  /** As it was sent. */
  readonly query?: string;
  /** How far back the query looked. */
  readonly lookbackMs?: number;
  readonly retries?: number;
  /** Percent of its full weight that it gets from now on; of what is on its way back. */
  readonly weight?: number;
  /** Since it was taken out. */
  readonly outForMs?: number;
  /** Who asked for it; absent: nobody, the engine decided. */
  readonly actor?: string;
  /** (epoch, seq) orders all decisions. */
  readonly epoch?: number;
  readonly seq?: number;
}

export interface Audit {
  write(record: AuditRecord): void;
}

export function createAudit(log: Log, file?: LineSink): Audit {
  return {
    write(record) {
      const { time: _, ...fields } = record;
      // Nothing happens after an `ask-eviction` unless somebody reads it.
      const write = record.action === 'ask-eviction' ? log.warn : log.info;
      write({ audit: true, ...fields }, record.action);
      file?.write(`${JSON.stringify(record)}\n`);
    },
  };
}

export function auditRecord(effect: Effect, state: ServiceState, atMs: EpochMs): AuditRecord {
  const base = {
    time: new Date(atMs).toISOString(),
    service: state.service,
    ...(state.policy === undefined ? {} : { policy: state.policy.name }),
  };
  switch (effect.kind) {
    case 'transition': {
      const { from, to, why, track, decision } = effect;
      const action = actions[to];
      const isNew = action === 'eject' || action === 'pause' || action === 'evict';
      return {
        ...base,
        action,
        enforced: track === 'enforced',
        ...decisionFields(decision),
        from,
        to,
        why,
        budget:
          isNew && decision.cause.kind === 'breaker'
            ? decision.cause.budget
            : describeBudget(budgetOfService(state), servingIn(state, track).length),
        ...(to === 'probing' || to === 'ramping'
          ? { weight: weightOf(decision, guidanceOf(state).activator.ramp) }
          : {}),
        ...(isNew ? {} : { outForMs: Math.max(0, atMs - decision.outSinceMs) }),
        // Why a person did it outweighs what a breaker said when it acted.
        ...effect.by,
      };
    }
    case 'held': {
      const { backend, name, breaker, cause, reason, detail, budget } = effect;
      const verdict = state[effect.track].held.get(backend)?.verdict;
      return {
        ...base,
        action: 'hold',
        enforced: effect.track === 'enforced',
        backend,
        name,
        why: describeHeld(cause, detail),
        breaker,
        ...(verdict === undefined ? {} : { severity: verdict.severity, value: verdict.value, bound: verdict.bound }),
        reason,
        budget,
      };
    }
    case 'evict':
      return { ...base, action: 'ask-eviction', enforced: true, ...decisionFields(effect.decision) };
    case 'refused': {
      const { command, cause, message } = effect;
      return {
        ...base,
        action: 'refuse',
        enforced: true,
        ...('backend' in command ? { backend: command.backend } : {}),
        why: `${command.verb} refused (${cause}): ${message}`,
        reason: command.reason,
        actor: command.actor,
      };
    }
    case 'suspension': {
      const { suspended, actor, reason } = effect;
      return { ...base, action: suspended ? 'suspend' : 'resume', enforced: true, actor, reason };
    }
    case 'freeze': {
      if (!effect.frozen) return { ...base, action: 'unfreeze', enforced: true, why: effect.why, ...effect.by };
      const { actor, reason, forMs } = effect;
      return { ...base, action: 'freeze', enforced: true, why: `for ${formatDuration(forMs)}`, actor, reason };
    }
  }
}

/** That an eviction which was asked for has been carried out. */
export function evictedRecord(decision: Decision, state: ServiceState, atMs: EpochMs): AuditRecord {
  return { ...auditRecord({ kind: 'evict', decision }, state, atMs), action: 'evicted' };
}

const actions: Readonly<Record<RotationState, AuditAction>> = {
  ejected: 'eject',
  paused: 'pause',
  evicted: 'evict',
  probing: 'probe',
  ramping: 'step-up',
  serving: 'return',
};

function decisionFields(decision: Decision): Partial<AuditRecord> {
  const { backend, name, cause, retries, epoch, seq } = decision;
  if (cause.kind === 'manual') {
    return { backend, name, reason: cause.reason, retries, epoch, seq };
  }
  const { breaker, severity, value, bound, reason, query, lookbackMs, streak, agreed } = cause;
  return {
    backend,
    name,
    breaker,
    severity,
    value,
    bound,
    reason,
    ...(agreed === undefined ? {} : { agreed: agreed.map((each) => `${each.breaker}: ${each.reason}`) }),
    streak: `${streak.anomalous} of ${streak.of}`,
    ...(query === undefined ? {} : { query }),
    lookbackMs,
    retries,
    epoch,
    seq,
  };
}

/** A manual act as the admin API tells of it. */
interface ManualAct {
  readonly verb: 'eject' | 'pause' | 'restore' | 'suspend' | 'resume' | 'freeze' | 'unfreeze';
  /** `namespace/name`, or empty for everything. */
  readonly service: string;
  readonly backend: string;
  readonly actor: string;
  readonly reason: string;
  /** The code of the refusal; absent when it was done. */
  readonly refused?: string;
}

/**
 * What only the admin API knows of: acts on everything, and requests that never reached the engine, such as one about a
 * backend that does not exist. Undefined for the rest, which the engine tells by itself.
 */
export function manualActRecord(act: ManualAct, atMs: EpochMs): AuditRecord | undefined {
  const { verb, service, backend, actor, reason, refused } = act;
  const base = {
    time: new Date(atMs).toISOString(),
    service: service === '' ? '*' : service,
    enforced: true,
    actor,
    reason,
  };
  if (refused !== undefined) {
    if (refusedByEngine.includes(refused)) return undefined;
    return { ...base, action: 'refuse', why: `${verb}: ${refused}`, ...(backend === '' ? {} : { name: backend }) };
  }
  return service === '' && (verb === 'suspend' || verb === 'resume') ? { ...base, action: verb } : undefined;
}

const refusedByEngine: readonly string[] = ['KV0705', 'KV0706', 'KV0707', 'KV0708', 'KV0709'];
