/** The status of each policy as people read it, beside the record that the replicas read. Pure, but for what it was told last. */
import { outOf } from '../budget/arithmetic.ts';
import { budgetOfService, servingIn } from '../rotation/capacity.ts';
import type { EpochMs, ServiceKey } from '../model.ts';
import { members, splitServiceKey } from '../model.ts';
import { isOut, type RotationState } from '../rotation/decision.ts';
import { readRecord } from '../rotation/read-record.ts';
import { fromRecord, type ServiceRecord } from '../rotation/record.ts';
import type { ServiceState, Suspension } from '../rotation/state.ts';
import type { JsonValue } from '../store/store.ts';
import { conditionsOf, type Governed } from './conditions.ts';
import { ejectedEndpoints } from './endpoints.ts';
import { type Claims, indexed, keyOf, standingOf } from './standing.ts';

export interface PolicyStatusOptions {
  readonly stateOf: (service: ServiceKey) => ServiceState | undefined;
  /** Of everything. */
  readonly suspension: () => Suspension | undefined;
  readonly now: () => EpochMs;
  readonly whyBlind: Governed['whyBlind'];
}

export interface PolicyStatus {
  /** What there is by now. */
  onPolicies(claims: Claims): void;
  /** Undefined while nothing is known of the policy. @param record what is on record for it, or about to be */
  describe(
    policy: { readonly namespace: string; readonly name: string },
    record: JsonValue | undefined,
  ): Readonly<Record<string, JsonValue>> | undefined;
}

export function createPolicyStatus({ stateOf, suspension, now, whyBlind }: PolicyStatusOptions): PolicyStatus {
  let claims = indexed({ claims: [], owners: new Map(), fleets: new Map() });
  return {
    onPolicies(given) {
      claims = indexed(given);
    },
    describe(policy, record) {
      const claim = claims.byKey.get(keyOf(policy));
      if (claim === undefined) return undefined;
      const standing = standingOf(claim, claims);
      const { service } = standing;
      const known = service === undefined || !standing.governs ? undefined : stateOf(service);
      const reading = known === undefined || record === undefined ? undefined : readRecord(known.service, record);
      const unreadable = reading?.kind === 'unreadable' ? reading.problem : undefined;
      const state = known && (reading?.kind === 'record' ? asRecorded(known, reading.record) : known);
      const governed = state && {
        state,
        suspension: suspension(),
        nowMs: now(),
        whyBlind,
        ...(unreadable === undefined ? {} : { unreadable }),
      };
      return {
        ...(claim.generation === undefined ? {} : { observedGeneration: claim.generation }),
        target: service === undefined ? null : `Service/${splitServiceKey(service).name}`,
        // Whoever is out then is not known to each who leads: what was told last stays.
        ...(unreadable === undefined && (state === undefined ? nothing : numbersOf(state, governed?.suspension))),
        conditions: conditionsOf(standing, governed).map((condition) => ({
          ...condition,
          ...(claim.generation === undefined ? {} : { observedGeneration: claim.generation }),
        })),
      };
    },
  };
}

/** Who is out is told as it is on record: what could not be written is not so. */
function asRecorded(state: ServiceState, record: ServiceRecord): ServiceState {
  const { enforced, shadow } = fromRecord(record, state.fleet);
  return {
    ...state,
    enforced: { ...state.enforced, decisions: enforced.decisions },
    shadow: { ...state.shadow, decisions: shadow.decisions },
  };
}

const nothing = { enforcement: null, serving: null, summary: null, budget: null, ejectedEndpoints: null };

function numbersOf(state: ServiceState, everything: Suspension | undefined): Readonly<Record<string, JsonValue>> {
  const fleet = members(state.fleet);
  const decisions = [...state.enforced.decisions.values()];
  const count = (wanted: RotationState): number => decisions.filter((decision) => decision.state === wanted).length;
  const serving = servingIn(state, 'enforced').length;
  const budget = budgetOfService(state);
  const { floor } = budget;
  const left = Math.max(0, budget.maxOut - outOf(budget, serving));
  const isSuspended = everything !== undefined || state.suspension !== undefined;
  return {
    enforcement: isSuspended ? 'Suspended' : (state.policy?.enforcement ?? null),
    serving: `${serving}/${fleet.length}`,
    summary: {
      total: fleet.length,
      serving,
      out: decisions.filter(isOut).length,
      ejected: count('ejected'),
      probing: count('probing'),
      ramping: count('ramping'),
      paused: count('paused'),
      evicted: count('evicted'),
      wouldEject: [...state.shadow.decisions.values()].filter(isOut).length,
    },
    budget: { minAvailable: floor, ejectionsAllowed: left, text: `${left} left (floor ${floor})` },
    ejectedEndpoints: ejectedEndpoints(state).map((endpoint) => ({ ...endpoint })),
  };
}
