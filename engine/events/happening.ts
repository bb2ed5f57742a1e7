/**
 * What of an effect is worth an Event: one for each change, in the past tense, told by the same record as the audit, so
 * that the two cannot tell different stories.
 */
import { human } from '../breakers/statistics.ts';
import { describeHeld } from '../budget/held.ts';
import type { EpochMs } from '../model.ts';
import { formatDuration } from '../policy/duration.ts';
import type { Decision } from '../rotation/decision.ts';
import type { Effect } from '../rotation/event.ts';
import type { ServiceState } from '../rotation/state.ts';
import { type AuditRecord, auditRecord, evictedRecord } from '../telemetry/audit.ts';

/** Few and constant: alerts and searches go by them. */
export type EventReason =
  | 'Ejected'
  | 'EjectionHeld'
  | 'BudgetExhausted'
  | 'RetryStarted'
  | 'Restored'
  | 'Paused'
  | 'EvictionRequested'
  | 'EvictionHeld'
  | 'EvictionRefused'
  | 'Evicted'
  | 'ManualEject'
  | 'ManualPause'
  | 'ManualRestore'
  | 'ManualActRefused'
  | 'Suspended'
  | 'Resumed'
  | 'Frozen'
  | 'Unfrozen'
  | 'DetectorFailed'
  | 'DetectorRecovered'
  | 'PolicyInvalid';

export interface Happening {
  readonly reason: EventReason;
  readonly type: 'Normal' | 'Warning';
  readonly note: string;
  /** The backend it is about, where it is about one. */
  readonly backend?: { readonly name: string; readonly id: string };
}

/** Empty for what only observing breakers would have done, and for steps on the way back, of which there are many. */
export function happeningsOf(effect: Effect, state: ServiceState, atMs: EpochMs): readonly Happening[] {
  const record = auditRecord(effect, state, atMs);
  if (!record.enforced) return [];
  const reason = reasonOf(effect, record);
  if (reason === undefined) return [];
  const { backend: id, name } = record;
  const backend = id === undefined || name === undefined ? {} : { backend: { id, name } };
  const happening: Happening = { reason, type: typeOf(reason), note: noteOf(reason, record, state), ...backend };
  if (effect.kind !== 'held' || effect.cause !== 'budget') return [happening];
  const { backend: _, ...ofService } = happening;
  const note = `${describeHeld('budget')}: ${effect.budget}`;
  return [happening, { ...ofService, reason: 'BudgetExhausted', note }];
}

/** What was decided has been carried out. */
export function evicted(decision: Decision, state: ServiceState, atMs: EpochMs): Happening {
  const record = evictedRecord(decision, state, atMs);
  const backend = { id: decision.backend, name: decision.name };
  return { reason: 'Evicted', type: 'Normal', note: noteOf('Evicted', record, state), backend };
}

/** Nothing of what the source of its metrics answered is told: whoever reads Events may not be allowed to ask it. */
export function detector(breaker: string, works: boolean): Happening {
  return works
    ? { reason: 'DetectorRecovered', type: 'Normal', note: `breaker ${breaker} judged again` }
    : {
        reason: 'DetectorFailed',
        type: 'Warning',
        note: `breaker ${breaker} could not judge: nothing changes until it can; the log says why`,
      };
}

function reasonOf(effect: Effect, { action, actor }: AuditRecord): EventReason | undefined {
  // Connections were closed, or it is another step of its ramp: it is out as before.
  if (effect.kind === 'transition' && effect.from === effect.to) return undefined;
  const isManual = actor !== undefined;
  switch (action) {
    case 'eject':
      return isManual ? 'ManualEject' : 'Ejected';
    case 'pause':
      return isManual ? 'ManualPause' : 'Paused';
    case 'return':
      return isManual ? 'ManualRestore' : 'Restored';
    case 'probe':
      return isManual ? 'ManualRestore' : 'RetryStarted';
    case 'evict':
      return 'EvictionRequested';
    case 'hold':
      return heldReason(effect);
    case 'refuse':
      return 'ManualActRefused';
    case 'suspend':
      return 'Suspended';
    case 'resume':
      return 'Resumed';
    case 'freeze':
      return 'Frozen';
    case 'unfreeze':
      return 'Unfrozen';
    case 'step-up':
      // From being out at once to the ramp: by a person, or by time. The steps of the ramp itself are many.
      if (effect.kind !== 'transition' || effect.from === 'probing' || effect.from === 'ramping') return undefined;
      return isManual ? 'ManualRestore' : 'RetryStarted';
    case 'ask-eviction':
    case 'evicted':
      return undefined;
  }
}

function heldReason(effect: Effect): EventReason {
  switch (effect.kind === 'held' ? effect.cause : undefined) {
    case 'eviction-limit':
    case 'kill-loop':
    case 'no-controller':
      return 'EvictionHeld';
    case 'disruption-budget':
    case 'eviction-refused':
      return 'EvictionRefused';
    default:
      return 'EjectionHeld';
  }
}

const warnings: ReadonlySet<EventReason> = new Set([
  'EjectionHeld',
  'BudgetExhausted',
  'EvictionHeld',
  'EvictionRefused',
  'ManualActRefused',
  'DetectorFailed',
  'PolicyInvalid',
]);

function typeOf(reason: EventReason): Happening['type'] {
  return warnings.has(reason) ? 'Warning' : 'Normal';
}

/** Of each reason, what happened to its subject. */
const verbs: Readonly<Record<EventReason, string>> = {
  Ejected: 'was ejected',
  EjectionHeld: 'was found anomalous and left in',
  BudgetExhausted: '',
  RetryStarted: 'began to come back',
  Restored: 'was restored',
  Paused: 'was paused',
  EvictionRequested: 'was taken out to be evicted',
  EvictionHeld: 'was not evicted',
  EvictionRefused: 'could not be evicted yet',
  Evicted: 'was evicted',
  ManualEject: 'was ejected',
  ManualPause: 'was paused',
  ManualRestore: 'was restored',
  ManualActRefused: 'An act was refused',
  Suspended: 'The policy was suspended',
  Resumed: 'The policy was resumed',
  Frozen: 'The Service was frozen',
  Unfrozen: 'The freeze ended',
  DetectorFailed: '',
  DetectorRecovered: '',
  PolicyInvalid: '',
};

function noteOf(reason: EventReason, record: AuditRecord, state: ServiceState): string {
  const { name, why, actor } = record;
  const what = name === undefined ? verbs[reason] : `${name} ${verbs[reason]}`;
  const by = actor === undefined ? '' : ` by ${actor}`;
  const because = why === undefined || why === 'manual' ? '' : ` (${why})`;
  return [`${what}${by}${because}`, ...detailsOf(record, state)].join('; ');
}

function detailsOf(record: AuditRecord, state: ServiceState): readonly string[] {
  const { breaker, value, bound, lookbackMs, streak, agreed, budget, weight, outForMs, retries = 0 } = record;
  const said = reasonIn(record, state);
  const measured = value === undefined || bound === undefined ? [] : [`value ${human(value)}, bound ${human(bound)}`];
  return [
    ...(breaker === undefined ? [] : [`breaker ${breaker}${said === undefined ? '' : `: ${said}`}`]),
    ...(breaker === undefined && said !== undefined ? [said] : []),
    ...measured,
    ...(lookbackMs === undefined ? [] : [`window ${formatDuration(lookbackMs)}`]),
    ...(streak === undefined ? [] : [`anomalous in ${streak}`]),
    ...(agreed === undefined ? [] : [`${agreed.length} more agreed`]),
    ...(weight === undefined ? [] : [`${weight} % of its weight`]),
    ...(outForMs === undefined ? [] : [`out for ${formatDuration(outForMs)}`]),
    ...(retries === 0 ? [] : [`retry ${retries}`]),
    ...(budget === undefined ? [] : [budget]),
  ];
}

/** What a custom service answers is text of whoever runs it. Events are read by people who may not ask it. */
function reasonIn({ reason, breaker, actor }: AuditRecord, { policy }: ServiceState): string | undefined {
  if (breaker === undefined || actor !== undefined) return reason;
  const detector = policy?.breakers.find(({ name }) => name === breaker)?.detector.kind;
  return detector === undefined || detector === 'customService' ? undefined : reason;
}
