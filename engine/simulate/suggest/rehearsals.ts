/** All candidates of a run, fed with each evaluation as the replay makes it. */
import { type BackendId, type EpochMs, type Fleet, members, type ServiceKey } from '../../model.ts';
import type { Gathered } from '../../loop.ts';
import type { Breaker, Policy } from '../../policy/policy.ts';
import { defaultTiming } from '../../rotation/context.ts';
import { subjectsOf } from '../../rotation/roles.ts';
import { initialState } from '../../rotation/state.ts';
import { type Field, fieldsOf } from './field.ts';
import type { Period } from '../questions.ts';
import { type Incident, type Suggestion, suggestionOf, targetRate } from './suggestion.ts';
import { type Confirm, createRehearsal, type Moment, type Rehearsal } from './rehearsal.ts';

export interface Rehearsals {
  observe(breaker: Breaker, fleet: Fleet, gathered: Gathered, atMs: EpochMs): void;
  suggestions(): readonly Suggestion[];
}

interface Sweep {
  readonly policy: Policy;
  readonly breaker: Breaker;
  readonly field: Field;
  readonly rehearsals: readonly Rehearsal[];
}

/** More evaluations must agree: fewer false alarms at the same value, for a later ejection. */
const otherConfirms: readonly Confirm[] = [
  { of: 3, atLeast: 2 },
  { of: 5, atLeast: 3 },
  { of: 8, atLeast: 5 },
];

/** Enough to show how often it happens. */
const fewestShown = 100;

/** @param observed what the query of a breaker returned in all that time. */
export function createRehearsals(
  policies: readonly Policy[],
  incidents: readonly Incident[],
  { fromMs, untilMs }: Period,
  observed: (policy: Policy, breaker: Breaker) => readonly number[],
): Rehearsals {
  const sweeps = policies.flatMap((policy) =>
    policy.breakers.flatMap((breaker) =>
      fieldsOf(breaker.detector, () => observed(policy, breaker)).map((field) =>
        sweepOf(policy, breaker, field, (untilMs - fromMs) / breaker.evaluationPeriodMs),
      ),
    ),
  );
  const names = new Map<ServiceKey, Map<BackendId, string>>();

  return {
    observe(breaker, fleet, gathered, atMs) {
      const known = names.get(fleet.service) ?? new Map<BackendId, string>();
      names.set(fleet.service, known);
      for (const { id, name } of members(fleet)) known.set(id, name);
      const own = sweeps.filter(
        (sweep) => sweep.policy.service === fleet.service && sweep.breaker.name === breaker.name,
      );
      const [first] = own;
      if (first === undefined) return;
      const place = incidents.findIndex((incident) => isSeen(incident, first.breaker, gathered, atMs));
      const moment: Moment = {
        ...gathered,
        atMs,
        // A fleet that never had a decision: everybody serves.
        subjects: subjectsOf(initialState(fleet), first.policy, first.breaker, atMs, defaultTiming),
        ...(place < 0 ? {} : { incident: place }),
      };
      for (const { rehearsals } of own) for (const rehearsal of rehearsals) rehearsal.observe(moment);
    },
    suggestions: () =>
      sweeps.map(({ policy, breaker, field, rehearsals }) =>
        suggestionOf({
          service: policy.service,
          breaker,
          field,
          tallies: rehearsals.map(({ tally }) => tally),
          incidents,
          nameOf: (id) => names.get(policy.service)?.get(id) ?? id,
        }),
      ),
  };
}

function sweepOf(policy: Policy, breaker: Breaker, field: Field, windows: number): Sweep {
  // What cannot be suggested any more need not be judged to the end, which for a day of a hundred pods takes minutes.
  const tooMany = Math.max(fewestShown, targetRate * windows);
  const confirms = [breaker.confirm, ...otherConfirms.filter((other) => isMore(other, breaker.confirm))];
  const rehearsals = field.values.map((value) =>
    createRehearsal({ ...breaker, detector: field.with(value) }, policy.settle, confirms, tooMany),
  );
  return { policy, breaker, field, rehearsals };
}

function isMore(other: Confirm, current: Confirm): boolean {
  return other.atLeast > current.atLeast && other.of > current.of;
}

/** Windows look back: for a while after its end an incident still shows. */
function isSeen(
  { fromMs, untilMs }: Incident,
  { evaluationPeriodMs }: Breaker,
  { lookbackMs }: Gathered,
  atMs: EpochMs,
): boolean {
  return atMs >= fromMs && atMs <= untilMs + lookbackMs + evaluationPeriodMs;
}
