/**
 * Acts of people as objects. Every replica follows them; the one that leads obeys them, as commands to its engine, and
 * says in their status what became of them. It looks at all of them again every two seconds and after each change, so that
 * what was missed, by a watch or by a leader that died, is mended by looking and not by remembering.
 */
import type { Acts } from '../admin/acts.ts';
import { findBackends } from '../admin/address.ts';
import { asRefusal } from '../admin/refusal.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import type { ReflectorHealth } from '../kubernetes/reflector.ts';
import { isOlder } from '../kubernetes/resource-version.ts';
import type { EpochMs } from '../model.ts';
import { durationMs } from '../policy/duration.ts';
import { createShapeCheck } from '../policy/shape.ts';
import type { Problem } from '../problem.ts';
import type { ServiceState } from '../rotation/state.ts';
import { createRounds } from '../rounds.ts';
import { reflectorProblem } from '../sources/kubernetes/problems.ts';
import { logDifference, type SourceLog } from '../sources/log-difference.ts';
import { createOverrideBook } from './book.ts';
import { createRelease } from './forgotten.ts';
import { actorOf, markOf, type Override } from './override.ts';
import { defaultPlanTiming, inForce, planFor, type PlanTiming, serviceOf, standing, statusOf } from './plan.ts';
import { overrideSpecSchema, type OverrideSpec, type OverrideStatus } from './schema.ts';
import { inTurns } from './turns.ts';
import { createOverrideWriter } from './writer.ts';

export interface OverridesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces to look into; empty: all of them. */
  readonly namespaces: readonly string[];
  readonly engine: Pick<Engine, 'states' | 'state' | 'role' | 'knows'>;
  /** At this very moment: a process that was stopped may not have heard yet that its role is over. */
  readonly leads: () => boolean;
  readonly acts: Pick<Acts, 'eject' | 'pause' | 'restore'>;
  /** Told of defects; what is wrong outside is in `problems()`. */
  readonly onProblem: (problem: Problem) => void;
  /** Told when what is wrong outside changes. */
  readonly log?: SourceLog;
  readonly timing?: Partial<OverridesTiming>;
}

export interface OverridesTiming extends PlanTiming {
  /** Default 2 s. */
  readonly lookEveryMs: number;
  /** Between two looks at least. Default 200 ms. */
  readonly pauseMs: number;
  /**
   * Of how many something is done in one look, before those are looked for that came meanwhile: each may take a few writes,
   * and somebody's first one must not wait for thousands of somebody else's. Default 20.
   */
  readonly mostOfALook: number;
  /** How long a name that nobody has may still turn up: a pod and its override may be seen in any order. Default 1 s. */
  readonly unknownMs: number;
  /** How long after a refusal that is no answer, such as a store that is down. Default 5 s. */
  readonly retryMs: number;
}

export interface Overrides {
  /** Follows and obeys until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  problems(): readonly Problem[];
  /** One for each namespace. */
  health(): readonly ReflectorHealth[];
}

/** Refusals of a moment: asked again they may be done, once the store is back, we lead again, or the policy has come. */
const passing: ReadonlySet<string> = new Set(['KV0709', 'KV0713', 'KV0810', 'KV0811']);

/** What this process knows of one override beyond what the watch has brought. */
interface Known {
  /** When it was first seen, on our clock. */
  readonly seenMs: EpochMs;
  /** When something was last done about it; 0: never. */
  triedMs: EpochMs;
  /** As our last write left it: newer than the watch for a moment. */
  written?: Override;
  /** Not before. */
  nextMs: EpochMs;
}

export function createOverrides(options: OverridesOptions): Overrides {
  const { client, clock, engine, acts, onProblem } = options;
  const timing = {
    ...defaultPlanTiming,
    lookEveryMs: 2_000,
    pauseMs: 200,
    mostOfALook: 20,
    unknownMs: 1_000,
    retryMs: 5_000,
    ...options.timing,
  };
  const shape = createShapeCheck(overrideSpecSchema);
  const known = new Map<string, Known>();
  let reported: readonly Problem[] = [];
  const rounds = createRounds({
    clock,
    pauseMs: timing.pauseMs,
    longestMs: timing.lookEveryMs,
    round: look,
    doing: 'obeying overrides',
    onProblem,
  });
  const book = createOverrideBook({ ...options, shape, onChange: rounds.wake, onHealth: report });
  const writer = createOverrideWriter(client, shape, report);
  const release = createRelease({ engine, acts, clock, retryMs: timing.retryMs });

  /** That in which we decide at this moment; undefined: another replica does. */
  function epochNow(): number | undefined {
    const role = engine.role();
    return role.kind === 'leading' && options.leads() ? role.epoch : undefined;
  }

  function present(): readonly Override[] {
    const followed = book.all();
    const uids = new Set(followed.map(({ uid }) => uid));
    for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
    return followed.map((override) => {
      const written = known.get(override.uid)?.written;
      return written !== undefined && isOlder(override.version, written.version) ? written : override;
    });
  }

  /** In the order in which they were made: who asks last is heard last. Those that had their turn come after the others. */
  function inOrder(overrides: readonly Override[]): readonly Override[] {
    const triedMs = ({ uid }: Override): EpochMs => known.get(uid)?.triedMs ?? 0;
    const sorted = overrides.toSorted(
      (a, b) => triedMs(a) - triedMs(b) || a.createdMs - b.createdMs || (markOf(a) < markOf(b) ? -1 : 1),
    );
    return inTurns(sorted, ({ namespace }) => namespace);
  }

  function stateOf(override: Override): ServiceState | undefined {
    const service = serviceOf(override);
    return service === undefined ? undefined : engine.state(service);
  }

  /** @returns when to come again, if something is left to do that was not tried */
  async function look(signal: AbortSignal): Promise<EpochMs | undefined> {
    const epoch = epochNow();
    if (epoch === undefined) return undefined;
    const isRead = book.readSince(epoch);
    const overrides = present().filter(({ namespace }) => isRead(namespace));
    const goesOn = (done: number): boolean => !signal.aborted && epochNow() === epoch && done < timing.mostOfALook;
    const released = await release(new Set(overrides.map(markOf)), isRead, goesOn);
    let done = 0;
    for (const override of inOrder(overrides)) {
      if (!goesOn(done)) return clock.now();
      const service = serviceOf(override);
      // It may well be in force still.
      if (override.status.state === 'InForce' && service !== undefined && !engine.knows(service)) continue;
      if (await obey(override, stateOf(override), signal)) done += 1;
    }
    return goesOn(released) ? undefined : clock.now();
  }

  /** @returns whether anything was done about it */
  async function obey(override: Override, state: ServiceState | undefined, signal: AbortSignal): Promise<boolean> {
    const now = clock.now();
    const memory = known.get(override.uid) ?? { seenMs: now, triedMs: 0, nextMs: now };
    known.set(override.uid, memory);
    if (now < memory.nextMs) return false;
    const plan = planFor(override, state, now, timing);
    if (plan.kind === 'rest' || (plan.kind === 'act' && !isSeen(plan.spec, state, memory))) return false;
    memory.triedMs = now;
    switch (plan.kind) {
      case 'delete':
        await writer.remove(override, signal);
        break;
      case 'tell':
        await tell(override, plan.status, memory, signal);
        break;
      case 'act': {
        const status = await act(override, plan.spec, memory);
        if (status !== undefined) await tell(override, statusOf(override, status, clock.now()), memory, signal);
      }
    }
    return true;
  }

  /** A pod and its override may be seen in any order: a name that nobody has is waited for, and then refused once. */
  function isSeen({ endpoint }: OverrideSpec, state: ServiceState | undefined, { seenMs }: Known): boolean {
    if (state !== undefined && findBackends(state.fleet, endpoint).length > 0) return true;
    return clock.now() - seenMs >= timing.unknownMs;
  }

  /** @returns what became of it; undefined: it is tried again. */
  async function act(override: Override, spec: OverrideSpec, memory: Known): Promise<OverrideStatus | undefined> {
    const { namespace } = override;
    const actor = actorOf(override);
    const { service: name, endpoint: backend, reason, force = false, ramp = false } = spec;
    const request = { namespace, name, backend, reason, actor };
    try {
      if (spec.action === 'Restore') {
        const done = await acts.restore({ ...request, ramp, local: false }, { actor });
        return { state: 'Ended', backend: done.backend.name, message: 'it was brought back' };
      }
      const forSeconds = durationMs(spec.for ?? 0) / 1000;
      const verb = spec.action === 'Eject' ? 'eject' : 'pause';
      const done = await acts[verb]({ ...request, forSeconds, force }, { actor });
      const decision = standing(override, stateOf(override));
      return decision === undefined ? { state: 'InForce', backend: done.backend.name } : inForce(decision);
    } catch (error) {
      const { code, message, remedy } = asRefusal(error).problem;
      const text = remedy === undefined ? message : `${message}; ${remedy}`;
      if (epochNow() === undefined) return undefined;
      if (passing.has(code)) {
        memory.nextMs = clock.now() + timing.retryMs;
        return { state: 'Pending', code, message: text };
      }
      return { state: 'Refused', code, message: text };
    }
  }

  async function tell(override: Override, status: OverrideStatus, memory: Known, signal: AbortSignal): Promise<void> {
    const written = await writer.tell(override, status, signal);
    if (written !== undefined) memory.written = written;
    // Otherwise what was refused would be refused again at each look, with a line in the audit log each time.
    else memory.nextMs = Math.max(memory.nextMs, clock.now() + timing.retryMs);
  }

  function problems(): readonly Problem[] {
    return [
      ...book.health().flatMap((each) => reflectorProblem(each) ?? []),
      // Who leads no more writes nothing, and would never find out that it could by now.
      ...(epochNow() === undefined ? [] : [writer.problem()]).flatMap((problem) => problem ?? []),
    ];
  }

  function report(): void {
    const found = problems();
    logDifference(options.log, reported, found);
    reported = found;
  }

  return {
    health: book.health,
    problems,
    async run(signal) {
      await Promise.all([book.run(signal), rounds.run(signal)]);
    },
  };
}
