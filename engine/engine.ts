/** The engine as the rest of the process sees it: it starts, takes commands, tells its state, and stops. */
import { createPipeline, type EngineOptions } from './loop.ts';
import type { BackendId, Fleet, ServiceKey } from './model.ts';
import { formatProblem, type Problem } from './problem.ts';
import type { Decision } from './rotation/decision.ts';
import type { Command, CommandRefusal, RotationEvent } from './rotation/event.ts';
import type { EvictionAnswer } from './rotation/evictions.ts';
import type { ServiceState, Suspension } from './rotation/state.ts';
import { createRuntimes, noFleet, type Runtime } from './runtime.ts';
import type { SourceChange } from './sources/source.ts';
import type { Role } from './store/store.ts';

export type CommandOutcome =
  | { readonly kind: 'done'; readonly state: ServiceState }
  | { readonly kind: 'refused'; readonly cause: CommandRefusal | 'unknown-service'; readonly message: string };

export interface OnRecord {
  readonly state: ServiceState;
  readonly decisions: ReadonlyMap<BackendId, Decision>;
}

export interface Engine {
  /** Resolves when every input was read once and the first assignments are published. The signal ends it until then. */
  start(signal: AbortSignal): Promise<void>;
  states(): readonly ServiceState[];
  suspension(): Suspension | undefined;
  /** Whether this process decides, or follows the one that does. */
  role(): Role;
  /** Of each Service what is decided, and of that what the store has: what is done about it outside has to be both. */
  onRecord(): readonly OnRecord[];
  /** What the cluster says to an eviction that is on record; `undefined`: nothing is in its way any more. */
  answerEviction(service: ServiceKey, backend: BackendId, answer: EvictionAnswer | undefined): void;
  /** What cannot be written down right now. */
  problems(): readonly Problem[];
  command(service: ServiceKey, command: Command): Promise<CommandOutcome>;
  /** Break-glass for everything, manual acts included. Needs neither metrics nor a store. */
  suspendAll(suspension: Suspension | undefined): void;
  stop(): Promise<void>;
}

export function createEngine(options: EngineOptions): Engine {
  const { source, publisher, observer } = options;
  const stopping = new AbortController();
  const runtimes = createRuntimes({ ...options, serve: (runtime) => pipeline.serve([runtime]) });
  const pipeline = createPipeline(options, runtimes, stopping.signal);
  /** Part of the input has never been readable: what is missing from it is not known to be gone. */
  let isPartial = true;
  /** Until the whole input was read once, a policy on record that the source does not show may still be there. */
  let wasWhole = false;

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
          pipeline.advance(runtime, fleetEvent(change.fleet, isPartial));
          break;
        case 'fleet-gone':
          runtime.isListed = false;
          runtime.hasFleet = false;
          delete runtime.served;
          pipeline.advance(runtime, fleetEvent(noFleet(change.service), false));
          publisher.remove(change.service);
          break;
        case 'policy':
          runtime.hasPolicy = true;
          pipeline.advance(runtime, { kind: 'policy', policy: change.policy });
          pipeline.schedule(runtime);
          break;
        case 'policy-gone':
          runtime.hasPolicy = false;
          pipeline.advance(runtime, { kind: 'policy', policy: undefined });
          pipeline.schedule(runtime);
          break;
        case 'policy-invalid':
          runtime.hasPolicy = true;
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
      pipeline.advance(runtime, fleetEvent(state.fleet, false));
      if (!isFirst || hasPolicy || state.policy === undefined) continue;
      pipeline.advance(runtime, { kind: 'policy', policy: undefined });
      pipeline.schedule(runtime);
    }
    return runtimes.all();
  }

  return {
    async start(signal) {
      signal.throwIfAborted();
      const abort = (): void => stopping.abort(signal.reason);
      signal.addEventListener('abort', abort);
      await runtimes.load(signal);
      await source.start(onChanges, stopping.signal);
      signal.removeEventListener('abort', abort);
    },
    states: () => runtimes.all().map(({ state }) => state),
    suspension: () => runtimes.suspension(),
    role: () => runtimes.role(),
    onRecord: () => runtimes.all().map(({ state, persisted }) => ({ state, decisions: persisted })),
    answerEviction(service, backend, answer) {
      const runtime = runtimes.find(service);
      if (runtime !== undefined) pipeline.apply(runtime, { kind: 'eviction', backend, answer });
    },
    problems: () => runtimes.problems(),
    async command(service, command) {
      const runtime = runtimes.find(service);
      if (runtime === undefined) return { kind: 'refused', cause: 'unknown-service', message: `no Service ${service}` };
      const refused = pipeline.apply(runtime, { kind: 'command', command }).find((effect) => effect.kind === 'refused');
      if (refused !== undefined) return { kind: 'refused', cause: refused.cause, message: refused.message };
      const isReduction = command.verb === 'eject' || command.verb === 'pause';
      // A freeze takes nothing away and holds at once; but who is told of it must not lose it to a crash.
      const problem = isReduction || command.verb === 'freeze' ? await runtimes.persist(runtime) : undefined;
      if (isReduction && problem !== undefined)
        return { kind: 'refused', cause: 'store-down', message: formatProblem(problem) };
      return { kind: 'done', state: runtime.state };
    },
    suspendAll(suspension) {
      const wasSuspended = runtimes.suspension() !== undefined;
      runtimes.suspendAll(suspension);
      for (const runtime of runtimes.all()) {
        const resumed = wasSuspended && suspension === undefined;
        pipeline.apply(runtime, resumed ? { kind: 'resumed' } : { kind: 'tick' });
      }
    },
    async stop() {
      stopping.abort();
      for (const runtime of runtimes.all()) {
        runtime.cancelWake();
        for (const cancel of runtime.schedules) cancel();
      }
      await runtimes.close();
    },
  };
}

function fleetEvent(fleet: Fleet, isPartial: boolean): RotationEvent {
  return { kind: 'fleet', fleet, ...(isPartial ? { isPartial } : {}) };
}
