/** The engine as the rest of the process sees it: it starts, takes commands, tells its state, and stops. */
import { createPipeline, type EngineOptions } from './loop.ts';
import { createWatcher, endOfManualActs, suspensionChanged } from './follow.ts';
import { createLead, stopActing } from './lead.ts';
import { bringBackHere } from './local.ts';
import type { BackendId, ServiceKey } from './model.ts';
import { formatProblem, type Problem } from './problem.ts';
import type { Decision } from './rotation/decision.ts';
import type { Command, CommandRefusal } from './rotation/event.ts';
import type { EvictionAnswer } from './rotation/evictions.ts';
import type { ServiceState, Suspension } from './rotation/state.ts';
import { createRuntimes, noFleet, type Runtime } from './runtime.ts';
import type { SourceChange } from './sources/source.ts';
import type { Role } from './store/store.ts';

export type CommandOutcome =
  | { readonly kind: 'done'; readonly state: ServiceState }
  | {
      readonly kind: 'refused';
      readonly cause: CommandRefusal | 'unknown-service' | 'not-leader' | 'no-policy';
      readonly message: string;
    };

export interface OnRecord {
  /** Whether this process decides about the Service, at this very moment. */
  readonly decides: boolean;
  /** False where what is on record could not be read at our start: nobody knows who is out. */
  readonly isKnown: boolean;
  readonly state: ServiceState;
  readonly decisions: ReadonlyMap<BackendId, Decision>;
}

export interface ServiceProblem {
  /** Of a policy the last accepted one stays in force; of a record that cannot be read everything stays as it is. */
  readonly about: 'policy' | 'record';
  readonly problem: Problem;
}

export interface Engine {
  /** Resolves when every input was read once and the first assignments are published. The signal ends it until then. */
  start(signal: AbortSignal): Promise<void>;
  states(): readonly ServiceState[];
  state(service: ServiceKey): ServiceState | undefined;
  suspension(): Suspension | undefined;
  /** Whether it is known who is out of the Service: what is on record may be unreadable since our start. */
  knows(service: ServiceKey): boolean;
  /** How many Services have a record that cannot be read. */
  unreadable(): number;
  /** Why what is shown of the Service is not what its policy, or what is on record, says by now. */
  problemsOf(service: ServiceKey): readonly ServiceProblem[];
  /** Whether this process decides, or follows the one that does. */
  role(): Role;
  /** Of each Service what is decided, and of that what the store has: what is done about it outside has to be both. */
  onRecord(): readonly OnRecord[];
  /** What the cluster says to an eviction that is on record; `undefined`: nothing is in its way any more. */
  answerEviction(service: ServiceKey, backend: BackendId, answer: EvictionAnswer | undefined): void;
  /** What cannot be written down, or read, right now. */
  problems(): readonly Problem[];
  command(service: ServiceKey, command: Command): Promise<CommandOutcome>;
  /**
   * Break-glass for everything, manual acts included. Needs neither metrics nor a store, and holds at once. Resolves when it
   * is on record, or with the problem for which it is not yet, after 5 s at most. Never rejects.
   */
  suspendAll(suspension: Suspension | undefined): Promise<Problem | undefined>;
  /** On this replica alone, without the store, until anything else is decided about it. False where it is not out. */
  bringBackHere(service: ServiceKey, backend: BackendId): boolean;
  stop(): Promise<void>;
}

export function createEngine(options: EngineOptions): Engine {
  const { source, store, publisher, observer } = options;
  const stopping = new AbortController();
  const lead = createLead({ store, suspension: () => runtimes.suspension() });
  const runtimes = createRuntimes({ ...options, lead, serve: (runtime) => pipeline.serve([runtime]) });
  const pipeline = createPipeline({ ...options, runtimes, lead, stopping: stopping.signal });
  /** Part of the input has never been readable: what is missing from it is not known to be gone. */
  let isPartial = true;
  /** Until the whole input was read once, a policy on record that the source does not show may still be there. */
  let wasWhole = false;

  const watcher = createWatcher({
    runtimes,
    lead,
    pipeline,
    observer,
    forget(runtime) {
      if (!wasWhole) return;
      policyGone(runtime);
      pipeline.serve([runtime]);
    },
  });

  /** A batch of changes of the input: all of it happens before anything of it is served. */
  function onChanges(changes: readonly SourceChange[]): void {
    const becameWhole = isPartial && source.isComplete?.() !== false;
    isPartial = source.isComplete?.() === false;
    const touched = new Set<Runtime>();
    for (const change of changes) {
      const runtime = runtimes.of(
        change.kind === 'fleet'
          ? change.fleet.service
          : change.kind === 'policy'
            ? change.policy.service
            : change.service,
      );
      touched.add(runtime);
      switch (change.kind) {
        case 'fleet':
          runtime.isListed = true;
          // Not yet known to be empty, if the file that lists its endpoints is the one that cannot be read.
          runtime.hasFleet ||= !isPartial || change.fleet.backends.length > 0;
          pipeline.advance(runtime, { kind: 'fleet', fleet: change.fleet });
          break;
        case 'fleet-gone':
          runtime.isListed = false;
          runtime.hasFleet = false;
          delete runtime.served;
          pipeline.advance(runtime, { kind: 'fleet', fleet: noFleet(change.service) });
          publisher.remove(change.service);
          break;
        case 'policy':
          runtime.hasPolicy = true;
          runtime.isPolicyGone = false;
          runtime.given = change.policy;
          runtime.refused = [];
          pipeline.advance(runtime, { kind: 'policy', policy: change.policy });
          pipeline.schedule(runtime);
          break;
        case 'policy-gone':
          policyGone(runtime);
          break;
        case 'policy-invalid':
          runtime.hasPolicy = true;
          runtime.isPolicyGone = false;
          delete runtime.given;
          runtime.refused = change.problems;
          // The last accepted policy came back with the record and stays in force.
          for (const problem of change.problems) observer.problem(problem);
          break;
      }
    }
    if (becameWhole) for (const runtime of confirmAll()) touched.add(runtime);
    for (const runtime of runtimes.all()) {
      // Policies that came back with the record and cannot be read now are in force too.
      if (runtime.state.policy !== undefined && runtime.schedules.length === 0) pipeline.schedule(runtime);
    }
    for (const runtime of touched) void runtimes.persist(runtime);
    pipeline.serve([...touched]);
    if (wasWhole) for (const service of runtimes.dropUnused()) observer.gone(service);
  }

  /** The input is whole now: what is missing is gone, and what is empty is empty. */
  function confirmAll(): readonly Runtime[] {
    const isFirst = !wasWhole;
    wasWhole = true;
    for (const runtime of runtimes.all()) {
      const { state, isListed, hasPolicy } = runtime;
      runtime.hasFleet = isListed;
      pipeline.advance(runtime, { kind: 'fleet', fleet: state.fleet });
      if (isFirst && !hasPolicy && state.policy !== undefined) policyGone(runtime);
    }
    return runtimes.all();
  }

  function policyGone(runtime: Runtime): void {
    runtime.hasPolicy = false;
    runtime.isPolicyGone = true;
    delete runtime.given;
    runtime.refused = [];
    pipeline.advance(runtime, { kind: 'policy', policy: undefined });
    pipeline.schedule(runtime);
    if (!lead.isShared) return;
    delete runtime.saved;
    for (const event of endOfManualActs(runtime.state)) pipeline.advance(runtime, event);
  }

  /** Why a replica may not do what it was asked to, which one that leads, or a policy, could. */
  function refusalOf(runtime: Runtime, { verb }: Command): Extract<CommandOutcome, { kind: 'refused' }> | undefined {
    if (lead.isUnrecorded(runtime)) {
      const message = `${runtime.service} has no policy: there is nothing to keep it with`;
      return verb === 'restore' ? undefined : { kind: 'refused', cause: 'no-policy', message };
    }
    return lead.decides(runtime) ? undefined : notDecided(runtime);
  }

  function notDecided({ unreadable }: Runtime): Extract<CommandOutcome, { kind: 'refused' }> {
    const message = unreadable === undefined ? describe(lead.role()) : formatProblem(unreadable);
    return { kind: 'refused', cause: 'not-leader', message };
  }

  return {
    async start(signal) {
      signal.throwIfAborted();
      const abort = (): void => stopping.abort(signal.reason);
      signal.addEventListener('abort', abort);
      await runtimes.load(signal);
      store.watch?.(watcher);
      await source.start(onChanges, stopping.signal);
      signal.removeEventListener('abort', abort);
    },
    states: () => runtimes.all().map(({ state }) => state),
    state: (service) => runtimes.find(service)?.state,
    suspension: () => runtimes.suspension(),
    knows: (service) => runtimes.find(service)?.isUnknown !== true,
    unreadable: () => runtimes.all().filter((runtime) => runtime.unreadable !== undefined).length,
    problemsOf(service) {
      const runtime = runtimes.find(service);
      if (runtime === undefined) return [];
      const { refused, unreadable } = runtime;
      return [
        ...(unreadable === undefined ? [] : [{ about: 'record' as const, problem: unreadable }]),
        ...refused.map((problem) => ({ about: 'policy' as const, problem })),
      ];
    },
    role: lead.role,
    onRecord: () =>
      runtimes.all().map((runtime) => ({
        decides: lead.decides(runtime),
        isKnown: !runtime.isUnknown,
        state: runtime.state,
        decisions: runtime.persisted,
      })),
    answerEviction(service, backend, answer) {
      const runtime = runtimes.find(service);
      if (runtime !== undefined) pipeline.apply(runtime, { kind: 'eviction', backend, answer });
    },
    problems: () => runtimes.problems(),
    async command(service, command) {
      const runtime = runtimes.find(service);
      if (runtime === undefined) return { kind: 'refused', cause: 'unknown-service', message: `no Service ${service}` };
      const refusal = refusalOf(runtime, command);
      if (refusal !== undefined) return refusal;
      const refused = pipeline.apply(runtime, { kind: 'command', command }).find((effect) => effect.kind === 'refused');
      if (refused !== undefined) return { kind: 'refused', cause: refused.cause, message: refused.message };
      const isReduction = command.verb === 'eject' || command.verb === 'pause';
      // A freeze takes nothing away and holds at once; but who is told of it must not lose it to a crash.
      const problem = isReduction || command.verb === 'freeze' ? await runtimes.persist(runtime) : undefined;
      if (problem !== undefined && !lead.decides(runtime)) return notDecided(runtime);
      if (isReduction && problem !== undefined)
        return { kind: 'refused', cause: 'store-down', message: formatProblem(problem) };
      return { kind: 'done', state: runtime.state };
    },
    suspendAll(suspension) {
      const wasSuspended = runtimes.suspension() !== undefined;
      const recorded = runtimes.suspendAll(suspension);
      suspensionChanged(runtimes, pipeline, wasSuspended);
      return recorded;
    },
    bringBackHere(service, backend) {
      const runtime = runtimes.find(service);
      if (runtime === undefined || !bringBackHere(runtime, backend)) return false;
      pipeline.serve([runtime]);
      return true;
    },
    async stop() {
      stopping.abort();
      for (const runtime of runtimes.all()) stopActing(runtime);
      await runtimes.close();
    },
  };
}

function describe(role: Role): string {
  if (role.kind === 'leading') return 'another replica decides about this Service';
  return `this replica follows; ${role.leader === undefined ? 'nobody leads now' : `${role.leader} leads`}`;
}
