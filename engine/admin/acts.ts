/** Manual acts: what a person may do by hand, each told to the audit log, done or refused. */
import type { Engine } from '../engine.ts';
import { type Backend, serviceKey } from '../model.ts';
import { formatProblem, type Problem, type ProblemCode } from '../problem.ts';
import type { Command } from '../rotation/event.ts';
import { hasKillLoop } from '../rotation/evictions.ts';
import type { ServiceState } from '../rotation/state.ts';
import { backendView } from './backend-view.ts';
import { checkFreeze, checkRestore, checkSuspension, checkTakeOut, checkUnfreeze } from './check.ts';
import { findBackend, findService } from './find.ts';
import type {
  BackendActResponse,
  FreezeRequest,
  FreezeResponse,
  RestoreRequest,
  ResumeResponse,
  SuspendResponse,
  SuspensionRequest,
  TakeOutRequest,
  UnfreezeRequest,
} from './messages.ts';
import { asRefusal, commandRefusal, Refusal } from './refusal.ts';
import { serviceView, suspensionView } from './view.ts';
import { contextsOf, type ViewOptions } from './view-context.ts';

export interface ActsOptions extends ViewOptions {
  readonly engine: Pick<Engine, 'states' | 'suspension' | 'problemsOf' | 'command' | 'suspendAll' | 'bringBackHere'>;
  /** Must not throw. */
  onAct?(act: ManualAct): void;
}

export interface ManualAct {
  readonly verb: Command['verb'];
  /** `namespace/name`, or empty for everything. */
  readonly service: string;
  /** As the person named it; empty for suspend and resume. */
  readonly backend: string;
  readonly actor: string;
  readonly reason: string;
  /** The code of the refusal; absent when it was done. */
  readonly refused?: ProblemCode;
}

/** Who asks, as far as the connection proves it. */
export interface Caller {
  /** From the certificate or the token; absent on loopback, where the client says who it is. */
  readonly actor?: string;
}

export interface Acts {
  eject(request: TakeOutRequest, caller: Caller): Promise<BackendActResponse>;
  pause(request: TakeOutRequest, caller: Caller): Promise<BackendActResponse>;
  restore(request: RestoreRequest, caller: Caller): Promise<BackendActResponse>;
  suspend(request: SuspensionRequest, caller: Caller): Promise<SuspendResponse>;
  resume(request: SuspensionRequest, caller: Caller): Promise<ResumeResponse>;
  freeze(request: FreezeRequest, caller: Caller): Promise<FreezeResponse>;
  unfreeze(request: UnfreezeRequest, caller: Caller): Promise<FreezeResponse>;
}

type ActRequest = TakeOutRequest | RestoreRequest | SuspensionRequest | FreezeRequest | UnfreezeRequest;

export function createActs(options: ActsOptions): Acts {
  const { engine, clock, onAct } = options;
  const contextOf = contextsOf(options);

  /** A refused attempt is told as well: whoever reads the audit log wants to know that it was made. */
  async function act<Response>(
    verb: ManualAct['verb'],
    request: ActRequest,
    caller: Caller,
    run: (actor: string) => Promise<Response>,
  ): Promise<Response> {
    const { namespace, name, reason } = request;
    // What the connection proves outranks what the client says.
    const actor = caller.actor ?? (request.actor.trim() === '' ? 'loopback' : request.actor);
    const service = name === '' ? '' : serviceKey(namespace, name);
    const told = { verb, service, backend: 'backend' in request ? request.backend : '', actor, reason };
    try {
      const response = await run(actor);
      onAct?.(told);
      return response;
    } catch (error) {
      onAct?.({ ...told, refused: asRefusal(error).problem.code });
      throw error;
    }
  }

  async function command(before: ServiceState, command: Command): Promise<ServiceState> {
    const outcome = await engine.command(before.service, command);
    if (outcome.kind === 'refused') throw commandRefusal(outcome.cause, outcome.message, command.verb);
    return outcome.state;
  }

  function find({ namespace, name }: ActRequest): ServiceState {
    return findService(engine.states(), namespace, name);
  }

  const serviceOf = (state: ServiceState) => serviceView(state, contextOf(state), false);

  function bothViews(state: ServiceState, backend: Backend): BackendActResponse {
    return { service: serviceOf(state), backend: backendView(state, backend, contextOf(state)) };
  }

  function takeOut(verb: 'eject' | 'pause', request: TakeOutRequest, caller: Caller): Promise<BackendActResponse> {
    return act(verb, request, caller, async (actor) => {
      checkTakeOut(request);
      const before = find(request);
      const backend = findBackend(before, request.backend);
      const { reason, force, forSeconds } = request;
      const forMs = Math.round(forSeconds * 1000);
      return bothViews(await command(before, { verb, backend: backend.id, forMs, actor, reason, force }), backend);
    });
  }

  return {
    eject: (request, caller) => takeOut('eject', request, caller),
    pause: (request, caller) => takeOut('pause', request, caller),
    restore: (request, caller) =>
      act('restore', request, caller, async (actor) => {
        checkRestore(request);
        const before = find(request);
        const backend = findBackend(before, request.backend);
        const { reason, ramp, local } = request;
        if (local) {
          if (engine.bringBackHere(before.service, backend.id)) return bothViews(before, backend);
          throw commandRefusal('not-out', 'it is serving already');
        }
        return bothViews(await command(before, { verb: 'restore', backend: backend.id, actor, reason, ramp }), backend);
      }),
    suspend: (request, caller) =>
      act('suspend', request, caller, async (actor) => {
        checkSuspension(request);
        const { all, reason } = request;
        const suspension = { actor, reason, sinceMs: clock.now() };
        if (all) {
          const unstored = await engine.suspendAll(suspension);
          return { suspension: suspensionView('everything', suspension), ...notStored(unstored) };
        }
        const service = serviceOf(await command(find(request), { verb: 'suspend', actor, reason }));
        return { service, suspension: service.suspension ?? suspensionView('service', suspension) };
      }),
    resume: (request, caller) =>
      act('resume', request, caller, async (actor) => {
        checkSuspension(request);
        if (request.all) {
          if (engine.suspension() === undefined) throw notSuspended('everything', 'kubervisor get shows what is');
          return notStored(await engine.suspendAll(undefined));
        }
        const before = find(request);
        // A needless resume would make its breakers observe anew, and nobody would be protected meanwhile.
        if (before.suspension === undefined && !hasKillLoop(before))
          throw notSuspended(before.service, wayToResume(before));
        return { service: serviceOf(await command(before, { verb: 'resume', actor, reason: request.reason })) };
      }),
    freeze: (request, caller) =>
      act('freeze', request, caller, async (actor) => {
        checkFreeze(request);
        const forMs = Math.round(request.forSeconds * 1000);
        const { reason } = request;
        return { service: serviceOf(await command(find(request), { verb: 'freeze', forMs, actor, reason })) };
      }),
    unfreeze: (request, caller) =>
      act('unfreeze', request, caller, async (actor) => {
        checkUnfreeze(request);
        const before = find(request);
        if (before.freeze === undefined) throw notFrozen(before.service);
        return { service: serviceOf(await command(before, { verb: 'unfreeze', actor, reason: request.reason })) };
      }),
  };

  function wayToResume({ policy }: ServiceState): string {
    if (engine.suspension() !== undefined) return 'everything is suspended: resume without naming a Service';
    if (policy?.enforcement === 'Suspended') return 'the policy itself says enforcement: Suspended; edit it';
    return 'kubervisor get shows what is';
  }
}

/** As a part of the answer: what was said of everything holds here at once, wherever it could be written down. */
function notStored(problem: Problem | undefined): Pick<SuspendResponse, 'notStored'> {
  return problem === undefined ? {} : { notStored: formatProblem(problem) };
}

function notFrozen(service: string): Refusal {
  return new Refusal('conflict', {
    code: 'KV0717',
    message: `${service} is not frozen`,
    remedy: 'kubervisor get shows what is',
  });
}

function notSuspended(what: string, remedy: string): Refusal {
  return new Refusal('conflict', { code: 'KV0710', message: `nobody has suspended ${what}`, remedy });
}
