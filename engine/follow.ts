/** What happens when a shared store tells that somebody else wrote, or that we lead now, or no longer. */
import { isOlder, type Lead, recordedOf, stopActing } from './lead.ts';
import type { Pipeline } from './loop.ts';
import type { ServiceKey } from './model.ts';
import type { Problem } from './problem.ts';
import { readStored } from './read-stored.ts';
import { adopt } from './recorder.ts';
import type { Command, Effect, RotationEvent } from './rotation/event.ts';
import { type Decision, isOut } from './rotation/decision.ts';
import { liftedIn, withoutLifted } from './rotation/followed.ts';
import { type ServiceRecord, withoutDecisions } from './rotation/record.ts';
import type { ServiceState } from './rotation/state.ts';
import type { Runtime, Runtimes } from './runtime.ts';
import { noRevision, type Role, type StoredRecord, type StoreWatcher } from './store/store.ts';

export interface FollowOptions {
  readonly runtimes: Runtimes;
  readonly lead: Lead;
  readonly pipeline: Pipeline;
  readonly observer: {
    problem(problem: Problem): void;
    role?(role: Role): void;
    effect(effect: Effect, state: ServiceState): void;
  };
  /** What kept the record is gone, and the source shows no policy either. */
  readonly forget: (runtime: Runtime) => void;
}

export function createWatcher({ runtimes, lead, pipeline, observer, forget }: FollowOptions): StoreWatcher {
  function onRecord(service: ServiceKey, stored: StoredRecord | undefined): void {
    const runtime = runtimes.of(service);
    runtime.revision = stored?.revision ?? noRevision;
    if (stored === undefined) return onRemoved(runtime);
    const wasUnreadable = runtime.unreadable !== undefined;
    const record = readStored(runtime, stored, observer);
    if (record === undefined) return freeze(runtime);
    const isNews = !isOlder(record, runtime.saved);
    if (isNews) adopt(runtime, stored.revision, record);
    runtime.isUnknown = false;
    runtime.isOverwritten = !isNews;
    // Of a policy that the source does not show, or not yet.
    if (runtime.isPolicyGone) return pipeline.serve([runtime]);
    if (lead.decides(runtime) && record.epoch <= lead.epochOf(runtime)) {
      return wasUnreadable ? begin(runtime) : insist(runtime);
    }
    if (!isNews && !wasUnreadable) return;
    if (lead.decides(runtime) && !lead.isUnrecorded(runtime)) fence(runtime, record);
    lead.follow(runtime);
    pipeline.serve([runtime]);
  }

  /** What held it is gone, or a person has taken it away. */
  function onRemoved(runtime: Runtime): void {
    const wasHalted = runtime.isFenced || runtime.unreadable !== undefined;
    // Of what was decided since we could read it last nothing is left, so what we knew before does not hold either.
    if (runtime.unreadable !== undefined && runtime.saved !== undefined)
      runtime.saved = withoutDecisions(runtime.saved);
    delete runtime.unreadable;
    runtime.isUnknown = false;
    runtime.isFenced = false;
    // Kept until the source says so: another policy may take over, and then its record is the one to be written.
    runtime.isOverwritten = true;
    if (runtime.isPolicyGone) delete runtime.saved;
    else if (!runtime.hasPolicy) forget(runtime);
    if (wasHalted) begin(runtime);
  }

  /** Of what we cannot read we know only that something was decided: until it is known what, nothing happens here. */
  function freeze(runtime: Runtime): void {
    if (lead.isUnrecorded(runtime)) return;
    lead.follow(runtime);
    pipeline.serve([runtime]);
  }

  /** It is known who is out, if only that it is nobody. */
  function begin(runtime: Runtime): void {
    takeUp(runtime);
    pipeline.serve([runtime]);
  }

  /** Whoever wrote it did not know that we decide, as one that was stopped for too long; or it is ours, and was not answered. */
  function insist(runtime: Runtime): void {
    runtime.isOverwritten = true;
    void runtimes.persist(runtime);
  }

  function fence(runtime: Runtime, { epoch }: ServiceRecord): void {
    runtime.isFenced = true;
    observer.problem(fenced(runtime.service, epoch, lead.epochOf(runtime)));
  }

  function onRole(role: Role): void {
    lead.become(role);
    observer.role?.(role);
    for (const runtime of runtimes.all()) {
      // Whoever wrote later than the one before us wrote earlier than we will.
      if (role.kind === 'leading') runtime.isFenced = false;
      takeUp(runtime);
    }
    pipeline.serve(runtimes.all());
  }

  /** The Service as our role has it, from what is on record. */
  function takeUp(runtime: Runtime): void {
    const isLeading = lead.role().kind === 'leading';
    const { epoch = 0 } = runtime.saved ?? {};
    if (isLeading) runtime.epochBase = epoch < lead.epoch() ? 0 : epoch;
    if (lead.isUnrecorded(runtime)) return;
    if (isLeading && runtime.unreadable === undefined) promote(runtime);
    else lead.follow(runtime);
  }

  /** As after a start: what is on record and not lifted, then the fleet, then the policy. So whoever comes to lead changes nothing. */
  function promote(runtime: Runtime): void {
    const { fleet, given } = runtime;
    stopActing(runtime);
    runtime.unwritten = [];
    const recorded = recordedOf(runtime);
    runtime.state = withoutLifted(recorded, runtime.lifted);
    for (const each of liftedIn(recorded, runtime.state).values()) {
      if (isOut(each)) observer.effect(liftingOf(each), runtime.state);
    }
    runtime.persisted = runtime.state.enforced.decisions;
    // Before the input was read, it comes by itself.
    if (fleet === undefined) return;
    pipeline.advance(runtime, { kind: 'fleet', fleet });
    if (given !== undefined) pipeline.advance(runtime, { kind: 'policy', policy: given });
    pipeline.schedule(runtime);
    void runtimes.persist(runtime);
  }

  return {
    record: onRecord,
    role: onRole,
    global(body) {
      const before = runtimes.suspension();
      runtimes.followSuspension(body);
      suspensionChanged(runtimes, pipeline, before !== undefined);
    },
  };
}

/** Everything is suspended now, or no longer. */
export function suspensionChanged(runtimes: Runtimes, pipeline: Pipeline, wasSuspended: boolean): void {
  const isResumed = wasSuspended && runtimes.suspension() === undefined;
  for (const runtime of runtimes.all()) pipeline.apply(runtime, isResumed ? { kind: 'resumed' } : { kind: 'tick' });
}

/** Told by whoever writes it down: what those who follow bring back is told by nobody. */
function liftingOf(decision: Decision): Effect {
  const { backend, name, state: from } = decision;
  return { kind: 'transition', track: 'enforced', backend, name, from, to: 'serving', why: 'suspended', decision };
}

/** With the policy goes the record: whatever people did to the Service by hand ends, too, since nothing keeps it. */
export function endOfManualActs({ enforced, suspension, freeze }: ServiceState): readonly RotationEvent[] {
  const by = { actor: 'kubervisor', reason: 'the policy is gone, and the record with it' };
  const manual = [...enforced.decisions.values()].filter((each) => isOut(each) && each.cause.kind === 'manual');
  const commands: readonly Command[] = [
    ...(freeze === undefined ? [] : [{ verb: 'unfreeze', ...by } as const]),
    ...(suspension === undefined ? [] : [{ verb: 'resume', ...by } as const]),
    ...manual.map(({ backend }): Command => ({ verb: 'restore', backend, ramp: true, ...by })),
  ];
  return commands.map((command) => ({ kind: 'command', command }));
}

function fenced(service: ServiceKey, epoch: number, own: number): Problem {
  return {
    code: 'KV0812',
    severity: 'error',
    message: `the decisions of ${service} are of epoch ${epoch}, ours is ${own}: another replica decides`,
    remedy: 'none, if one replica leads soon; if it stays so, see which processes write to the same policies',
  };
}
