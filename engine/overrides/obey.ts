/**
 * Acts of people as objects. Every replica follows them; the one that leads obeys them, as commands to its engine, and
 * says in their status what became of them. It looks at all of them again every two seconds and after each change, so that
 * what was missed, by a watch or by a leader that died, is mended by looking and not by remembering.
 */
import { aborted } from '../aborted.ts';
import type { Acts } from '../admin/acts.ts';
import { asRefusal } from '../admin/refusal.ts';
import type { Clock } from '../clock.ts';
import { defect } from '../defect.ts';
import { isRecord } from '../is-record.ts';
import { isForbidden, type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { overridesPath, scopesOf } from '../kubernetes/paths.ts';
import { createReflector, type ReflectorHealth } from '../kubernetes/reflector.ts';
import { isOlder } from '../kubernetes/resource-version.ts';
import { sleep } from '../kubernetes/sleep.ts';
import { type EpochMs, splitServiceKey } from '../model.ts';
import { durationMs } from '../policy/duration.ts';
import { createShapeCheck } from '../policy/shape.ts';
import type { Problem } from '../problem.ts';
import type { ServiceState } from '../rotation/state.ts';
import { reflectorProblem } from '../sources/kubernetes/problems.ts';
import type { JsonValue } from '../store/store.ts';
import { actorOf, isOverriding, type Override, readOverride } from './override.ts';
import { defaultPlanTiming, inForce, isAway, planFor, type PlanTiming, serviceOf, standing, statusOf } from './plan.ts';
import { overrideSpecSchema, type OverrideSpec, type OverrideStatus } from './schema.ts';

export interface OverridesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces to look into; empty: all of them. */
  readonly namespaces: readonly string[];
  readonly engine: {
    states(): readonly ServiceState[];
    /** That in which we decide at this moment; undefined: another replica does. */
    epoch(): number | undefined;
  };
  readonly acts: Pick<Acts, 'eject' | 'pause' | 'restore'>;
  /** Told of defects; what is wrong outside is in `problems()`. */
  readonly onProblem: (problem: Problem) => void;
  readonly timing?: Partial<OverridesTiming>;
}

export interface OverridesTiming extends PlanTiming {
  /** Default 2 s. */
  readonly lookEveryMs: number;
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

/** Refusals of a moment: asked again they may be done. */
const passing: ReadonlySet<string> = new Set(['KV0709', 'KV0713']);
const unknown: ReadonlySet<string> = new Set(['KV0702', 'KV0703']);

/** What this process knows of one override beyond what the watch has brought. */
interface Known {
  /** When it was first seen, on our clock. */
  readonly seenMs: EpochMs;
  /** As our last write left it: newer than the watch for a moment. */
  written?: Override;
  /** Not before. */
  nextMs: EpochMs;
}

export function createOverrides(options: OverridesOptions): Overrides {
  const { client, clock, random, engine, acts, onProblem } = options;
  const timing = { ...defaultPlanTiming, lookEveryMs: 2_000, unknownMs: 1_000, retryMs: 5_000, ...options.timing };
  const shape = createShapeCheck(overrideSpecSchema);
  const known = new Map<string, Known>();
  let failure: KubeError | undefined;
  let awake = new AbortController();
  const books = scopesOf(options.namespaces).map((scope) => {
    let waiting: (() => void)[] = [];
    const reflector = createReflector<Override>({
      path: overridesPath(scope),
      client,
      clock,
      random,
      keep: (raw) => readOverride(raw, shape),
      onChange({ kind }) {
        awake.abort();
        if (kind !== 'listed') return;
        const told = waiting;
        waiting = [];
        for (const resolve of told) resolve();
      },
      onProblem,
    });
    return { reflector, nextList: () => new Promise<void>((resolve) => waiting.push(resolve)) };
  });
  const reflectors = books.map(({ reflector }) => reflector);

  /**
   * Before the first look of an epoch. The decisions on record were read afresh, and one that was made a moment ago for an
   * override that a slow watch has not brought yet would look like one whose override is gone.
   */
  async function listAfresh(signal: AbortSignal): Promise<void> {
    const lists = books.map(({ reflector, nextList }) => {
      const listed = nextList();
      void reflector.relist();
      return listed;
    });
    await Promise.race([aborted(signal), Promise.all(lists)]);
  }

  function present(): readonly Override[] {
    const followed = reflectors.flatMap((reflector) => [...reflector.items().values()]);
    const uids = new Set(followed.map(({ uid }) => uid));
    for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
    // In the order in which they were made: who asks last is heard last.
    return followed
      .map((override) => {
        const written = known.get(override.uid)?.written;
        return written !== undefined && isOlder(override.version, written.version) ? written : override;
      })
      .toSorted(
        (a, b) => a.createdMs - b.createdMs || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1),
      );
  }

  function stateOf(override: Override): ServiceState | undefined {
    const named = serviceOf(override);
    return engine.states().find(({ service }) => service === named);
  }

  async function look(signal: AbortSignal): Promise<void> {
    const overrides = present();
    await bringBackForgotten(overrides);
    for (const override of overrides) {
      if (signal.aborted || engine.epoch() === undefined) return;
      await obey(override, stateOf(override), signal);
    }
  }

  async function obey(override: Override, state: ServiceState | undefined, signal: AbortSignal): Promise<void> {
    const now = clock.now();
    const memory = known.get(override.uid) ?? { seenMs: now, nextMs: now };
    known.set(override.uid, memory);
    if (now < memory.nextMs) return;
    const plan = planFor(override, state, now, timing);
    switch (plan.kind) {
      case 'rest':
        return;
      case 'delete':
        return remove(override, signal);
      case 'tell':
        return tell(override, plan.status, memory, signal);
      case 'act': {
        const status = await act(override, plan.spec, memory);
        if (status !== undefined) await tell(override, statusOf(override, status, clock.now()), memory, signal);
      }
    }
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
      if (engine.epoch() === undefined) return undefined;
      if (passing.has(code)) {
        memory.nextMs = clock.now() + timing.retryMs;
        return { state: 'Pending', code, message: text };
      }
      if (unknown.has(code) && clock.now() - memory.seenMs < timing.unknownMs) return undefined;
      return { state: 'Refused', code, message: text };
    }
  }

  /** Whose override is deleted is not out for it any more, whoever led when that happened. */
  async function bringBackForgotten(overrides: readonly Override[]): Promise<void> {
    for (const state of engine.states()) {
      const { namespace, name } = splitServiceKey(state.service);
      for (const decision of state.enforced.decisions.values()) {
        if (!isOverriding(decision, namespace) || !isAway(decision)) continue;
        if (overrides.some((override) => standing(override, state) === decision)) continue;
        const actor = decision.cause.kind === 'manual' ? decision.cause.actor : '';
        const request = { namespace, name, backend: decision.backend, actor, reason: 'its override was deleted' };
        // Refused it is tried again at the next look; the audit log has it.
        await acts.restore({ ...request, ramp: true, local: false }, { actor }).catch(() => undefined);
      }
    }
  }

  async function tell(override: Override, status: OverrideStatus, memory: Known, signal: AbortSignal): Promise<void> {
    if (isSame(override.status, status)) return;
    // A merge patch takes away what is null.
    const gone = Object.fromEntries(Object.keys(override.status).map((key) => [key, null]));
    const body = { metadata: { resourceVersion: override.version }, status: { ...gone, ...status } };
    const answer = await send('patch', `${pathOf(override)}/status`, body, signal);
    if (isRecord(answer)) memory.written = readOverride(answer, shape);
  }

  async function remove(override: Override, signal: AbortSignal): Promise<void> {
    const preconditions = { uid: override.uid, resourceVersion: override.version };
    await send('delete', pathOf(override), { preconditions }, signal);
  }

  /** What fails is tried again at the next look, from what is known by then. */
  async function send(verb: 'patch' | 'delete', path: string, body: JsonValue, signal: AbortSignal): Promise<unknown> {
    try {
      const answer = await client.send(verb, path, body, signal);
      failure = undefined;
      return answer;
    } catch (error) {
      const isOvertaken = error instanceof KubeError && (error.status === 409 || error.status === 404);
      if (!signal.aborted && !isOvertaken) failure = error instanceof KubeError ? error : new KubeError(String(error));
      return undefined;
    }
  }

  return {
    health: () => reflectors.map((reflector) => reflector.health()),
    problems: () => [
      ...reflectors.flatMap((reflector) => reflectorProblem(reflector.health()) ?? []),
      ...(failure === undefined ? [] : [unwritable(failure)]),
    ],
    async run(signal) {
      for (const reflector of reflectors) void reflector.run(signal);
      await Promise.race([aborted(signal), Promise.all(reflectors.map(({ synced }) => synced))]);
      let fresh: number | undefined;
      while (!signal.aborted) {
        awake = new AbortController();
        const epoch = engine.epoch();
        if (epoch !== undefined && epoch !== fresh) {
          await listAfresh(signal);
          fresh = epoch;
          continue;
        }
        if (epoch !== undefined) await look(signal).catch((error) => onProblem(defect('obeying overrides', error)));
        await sleep(clock, timing.lookEveryMs, AbortSignal.any([signal, awake.signal]));
      }
    },
  };
}

function pathOf({ namespace, name }: Override): string {
  return `${overridesPath(namespace)}/${name}`;
}

function isSame(a: OverrideStatus, b: OverrideStatus): boolean {
  const entries = Object.entries(b);
  return (
    entries.length === Object.keys(a).length && entries.every(([key, value]) => a[key as keyof typeof a] === value)
  );
}

function unwritable(error: KubeError): Problem {
  return {
    code: 'KV0832',
    severity: 'error',
    message: `what became of an EndpointOverride cannot be written: ${error.message}`,
    remedy: isForbidden(error)
      ? 'give the ServiceAccount patch on endpointoverrides/status and delete on endpointoverrides'
      : 'it is tried again every few seconds; what is decided stays in force',
  };
}
