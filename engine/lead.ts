/**
 * Who decides. A store that nobody shares is led by whoever has it open. Of those that share one a single process leads, and
 * the others follow: what they serve is what is on record, under the fleet and the policy that each of them sees.
 */
import type { Policy } from './policy/policy.ts';
import { followed, liftedIn } from './rotation/followed.ts';
import { fromRecord, type ServiceRecord } from './rotation/record.ts';
import { initialState, type ServiceState, type Suspension } from './rotation/state.ts';
import { noFleet, type Runtime } from './runtime.ts';
import type { Role, Store } from './store/store.ts';

export interface Lead {
  /** Several processes use the store. */
  readonly isShared: boolean;
  role(): Role;
  /** In which this process leads, or led last. */
  epoch(): number;
  /**
   * Under which this process writes the Service, or wrote it last: its own one, on top of one on record that is as high. So
   * whatever somebody writes into the record of one Service concerns no other.
   */
  epochOf(runtime: Runtime): number;
  /** As it was loaded. */
  load(epoch: number): void;
  become(role: Role): void;
  /**
   * Whether we may let anything happen to the Service, at this very moment: a process that was stopped for longer than its
   * lease must not even bring anybody back before it has heard what happened meanwhile.
   */
  decides(runtime: Runtime): boolean;
  /**
   * Without a policy nothing of a shared store keeps what is decided, and nobody has to be asked: each replica brings back by
   * itself whoever is out.
   */
  isUnrecorded(runtime: Runtime): boolean;
  /** The state becomes what is on record; whatever we had begun is given up. */
  follow(runtime: Runtime): void;
}

export interface LeadOptions {
  readonly store: Pick<Store, 'watch' | 'leads'>;
  readonly suspension: () => Suspension | undefined;
}

export function createLead({ store, suspension }: LeadOptions): Lead {
  const isShared = store.watch !== undefined;
  let role: Role = isShared ? { kind: 'following' } : { kind: 'leading', epoch: 0 };
  let epoch = 0;

  const isUnrecorded = (runtime: Runtime): boolean => isShared && policyInForce(runtime) === undefined;

  return {
    isShared,
    role: () => role,
    epoch: () => epoch,
    epochOf: ({ epochBase }) => epochBase + epoch,
    load(loaded) {
      epoch = loaded;
      if (!isShared) role = { kind: 'leading', epoch };
    },
    become(next) {
      role = next;
      if (next.kind === 'leading') epoch = next.epoch;
    },
    decides: (runtime) =>
      isUnrecorded(runtime) ||
      (role.kind === 'leading' && !runtime.isFenced && runtime.unreadable === undefined && store.leads?.() !== false),
    isUnrecorded,
    follow(runtime) {
      stopActing(runtime);
      runtime.unwritten = [];
      const fleet = runtime.fleet ?? runtime.state.fleet;
      const isSuspended = suspension() !== undefined;
      const recorded = recordedOf(runtime);
      runtime.state = followed(recorded, fleet, policyInForce(runtime), isSuspended, runtime.lifted);
      runtime.lifted = liftedIn(recorded, runtime.state);
      runtime.persisted = runtime.state.enforced.decisions;
    },
  };
}

/** Nothing happens to the Service by itself any more. */
export function stopActing(runtime: Runtime): void {
  for (const cancel of runtime.schedules) cancel();
  runtime.schedules = [];
  runtime.cancelWake();
  runtime.cancelRetry();
  delete runtime.storeProblem;
}

/** What the record says, without a fleet: as after a start. The same record gives the same state, compared by identity. */
export function recordedOf(runtime: Runtime): ServiceState {
  const { service, saved, recorded } = runtime;
  if (recorded !== undefined && recorded.record === saved) return recorded.state;
  const fleet = noFleet(service);
  const state = saved === undefined ? initialState(fleet) : fromRecord(saved, fleet);
  runtime.recorded = { record: saved, state };
  return state;
}

/** What the source shows; where it shows none that can be accepted, the last accepted one, which is on record. */
function policyInForce({ given, isPolicyGone, saved, state }: Runtime): Policy | undefined {
  if (given !== undefined) return given;
  return isPolicyGone ? undefined : (saved?.policy ?? state.policy);
}

/** R9: what was decided later replaces what was decided before, never the other way round. */
export function isOlder(record: ServiceRecord, known: ServiceRecord | undefined): boolean {
  if (known === undefined) return false;
  return record.epoch < known.epoch || (record.epoch === known.epoch && record.seq < known.seq);
}
