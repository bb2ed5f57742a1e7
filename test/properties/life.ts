/**
 * A Service whose life is drawn at random: faults that come and go, readiness that flaps, rollouts, restarts, edits,
 * commands, a clock that jumps, metrics and a store that fail, crashes of ours. Everything goes through the same judge
 * and step as in the engine; after every step the caller looks at what happened.
 */
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import type { Evidence } from '../../engine/breakers/judge.ts';
import { type Backend, backendId, type EpochMs, type Workloads } from '../../engine/model.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { defaultTiming, type StepContext } from '../../engine/rotation/context.ts';
import type { Command, RotationEvent } from '../../engine/rotation/event.ts';
import { fromRecord, type ServiceRecord, toRecord } from '../../engine/rotation/record.ts';
import { isOut } from '../../engine/rotation/decision.ts';
import { weightOf } from '../../engine/rotation/ramp.ts';
import { guidanceOf } from '../../engine/rotation/unguided.ts';
import { initialState, type ServiceState } from '../../engine/rotation/state.ts';
import { type Step, step } from '../../engine/rotation/step.ts';
import { nextWakeMs } from '../../engine/rotation/time.ts';
import { deepFreeze } from '../support/frozen.ts';
import { randomFrom } from '../support/random.ts';
import { drawPolicy, many } from './draw-policy.ts';
import type { History } from './history.ts';
import { assignmentOf, backendOf, countsOf, evidenceOf, fleetOf, judgementOf, type Value } from '../support/world.ts';

/** One step, with everything it was given. */
export interface Moment extends Step {
  readonly before: ServiceState;
  readonly event: RotationEvent;
  readonly context: StepContext;
  /** The first step after a crash: what was not written down is gone. */
  readonly isAfterCrash: boolean;
  /** What is served of the only port. */
  readonly served: readonly AssignedEndpoint[];
  /** The same step once more, from whatever is given. */
  readonly again: typeof step;
}

/** What is put to the test; other parts in their place show that the tests would notice. */
export interface LifeParts {
  readonly step: typeof step;
  readonly assign: typeof assignmentOf;
  /** What a restart makes of what was written down. */
  readonly reload: typeof fromRecord;
}

export const realParts: LifeParts = { step, assign: assignmentOf, reload: fromRecord };

export interface Observer {
  readonly onMoment: (moment: Moment) => void;
  /** Before a crash and after the start that follows, at the same moment. */
  readonly onCrash: (before: ServiceState, after: ServiceState) => void;
}

export interface Life {
  readonly livedMs: number;
  /** Things that went wrong around it: outages, lost data, a store or a clock that fails, crashes. */
  readonly faults: number;
  readonly state: ServiceState;
}

const startMs = Date.UTC(2026, 0, 1);
const minute = 60_000;

/** What happens, and how often of all that happens. */
export const weights = [
  ['nothing', 20],
  ['evaluate', 600],
  ['fleet', 120],
  ['health', 100],
  ['command', 40],
  ['policy', 20],
  ['store', 30],
  ['velocity', 20],
  ['suspension', 20],
  ['clock', 15],
  ['crash', 15],
] as const;

type What = (typeof weights)[number][0];

export type LifeHistory = History<What>;

const faultKinds: ReadonlySet<What> = new Set(['fleet', 'health', 'store', 'velocity', 'clock', 'crash']);

/** Lives through the history, then through a quiet time in which nothing is wrong any more. */
export function live(history: LifeHistory, observer: Observer, parts = realParts): Life {
  let random = randomFrom(history.chance);
  let now: EpochMs = startMs;
  let livedMs = 0;
  let faults = 0;
  let state = initialState(fleetOf([]));
  let context: Omit<StepContext, 'now'> = {
    epoch: 1,
    canReduce: true,
    globalVelocity: Number.POSITIVE_INFINITY,
    globallySuspended: false,
    timing: { ...defaultTiming, patienceMs: random.pick([20_000, 300_000]) },
  };
  let isAfterCrash = false;
  /** What keeps the pods, of which the source may not know. */
  const kind = random.pick([undefined, 'Deployment', 'Deployment', 'StatefulSet']);
  let told: Workloads | undefined;
  /** Of the pods that are made from now on; 0: the labels of pods are not known. */
  let template = random.pick([0, 1]);
  let backends: readonly Backend[] = Array.from({ length: random.int(1, 12) }, (_, index) =>
    backendOf(`p${index}`, { zone: random.pick(['a', 'b']), ...labelled() }),
  );
  let born = backends.length;
  let broken: ReadonlySet<string> = new Set();
  /** Get no traffic while they have less than full weight. */
  let idle: ReadonlySet<string> = new Set();

  function happen(event: RotationEvent): void {
    const full = { ...context, now };
    deepFreeze([state, event, full]);
    const before = state;
    const result = parts.step(before, event, full);
    state = result.state;
    const served = (parts.assign(state).ports[0]?.localities ?? []).flatMap(({ endpoints }) => endpoints);
    observer.onMoment({ ...result, before, event, context: full, isAfterCrash, served, again: parts.step });
    isAfterCrash = false;
  }

  function pass(ms: number): void {
    livedMs += ms;
    const endMs = now + ms;
    for (let ticks = 0; ; ticks++) {
      const wakeMs = nextWakeMs(state, context.timing);
      if (wakeMs === undefined || wakeMs > endMs) break;
      if (ticks > 10_000) throw new Error('it wakes again and again');
      now = Math.max(now, wakeMs);
      happen({ kind: 'tick' });
    }
    now = endMs;
  }

  const seeFleet = (): void =>
    happen({ kind: 'fleet', fleet: { ...fleetOf(backends), ...(told === undefined ? {} : { workloads: told }) } });
  const change = (victim: string, part: Partial<Backend>): void => {
    backends = backends.map((backend) => (backend.id === victim ? { ...backend, ...part } : backend));
  };

  function measure(id: string): Value {
    if (idle.has(id) && isOut(state.enforced.decisions.get(backendId(id)))) return undefined;
    if (random.chance(0.08)) return random.pick<Value>([undefined, 'NaN', '+Inf', 'histogram']);
    return broken.has(id) ? random.int(200, 400) : random.int(95, 105);
  }

  /** What a ratio counts: much of those that serve, a trickle of those on their way back, and nothing of the idle. */
  const counted = (): Extract<Evidence, { kind: 'samples' }> =>
    countsOf(
      Object.fromEntries(
        backends.map(({ id }) => {
          const decision = state.enforced.decisions.get(id);
          const weight = decision === undefined ? 100 : weightOf(decision, guidanceOf(state).activator.ramp);
          const total = idle.has(id) && weight < 100 ? 0 : Math.round(random.int(100, 300) * (weight / 100));
          return [id, [Math.round(total * (broken.has(id) ? random.int(30, 60) / 100 : 0)), total] as const];
        }),
      ),
    );

  const seen = (): Extract<Evidence, { kind: 'samples' }> =>
    evidenceOf(Object.fromEntries(backends.map(({ id }) => [id, measure(id)])));

  function evaluate(name: string): void {
    const evidence: Evidence = random.chance(0.1)
      ? { kind: 'unusable', reason: 'timeout' }
      : random.chance(0.05)
        ? evidenceOf(
            Object.fromEntries(random.some(backends, random.pick([0, 0.5])).map(({ id }) => [id, measure(id)])),
          )
        : name === 'share'
          ? counted()
          : { ...seen(), long: seen().samples };
    const event = judgementOf(state, name, evidence, now, now - random.int(0, 2_000));
    if (event !== undefined) happen(event);
  }

  /** A breaker does not ask once: a few evaluations in its period, so that something can be confirmed. */
  function evaluateSome(): void {
    const breakers = state.policy?.breakers ?? [];
    if (breakers.length === 0) return;
    const breaker = random.pick(breakers);
    for (let count = random.int(1, 4); count > 0; count--) {
      evaluate(breaker.name);
      pass(breaker.evaluationPeriodMs);
    }
  }

  function changeFleet(): void {
    const victim = random.chance(0.9) && backends.length > 0 ? random.pick(backends).id : 'nobody';
    switch (
      random.pick([
        ...many('add', 2),
        'remove',
        ...many('ready', 3),
        'terminate',
        'restart',
        'replace',
        'outage',
        'rollout',
        ...many('told', 2),
        'drain',
      ])
    ) {
      case 'add':
        if (backends.length < 14) backends = [...backends, newborn()];
        break;
      case 'remove':
        backends = backends.filter(({ id }) => id !== victim);
        break;
      case 'ready':
        for (const backend of random.some(backends, 0.3)) change(backend.id, { ready: random.chance(0.6) });
        break;
      case 'terminate':
        change(victim, { ready: false, serving: random.chance(0.5), terminating: true });
        break;
      case 'restart':
        change(victim, { incarnation: `i${random.int(0, 1_000_000)}` });
        break;
      case 'replace':
        backends = backends.map((backend) => (backend.id === victim ? successorOf(backend) : backend));
        break;
      case 'outage':
        for (const { id } of random.some(backends, 0.7)) change(id, { ready: false });
        break;
      case 'rollout':
        if (template > 0) template += 1;
        backends = backends.map((backend) => (random.chance(0.5) ? newborn() : backend));
        break;
      case 'told':
        told = drawWorkloads();
        break;
      case 'drain':
        // Marks of long ago, and from a clock that is ahead, are left behind as well.
        for (const { id } of random.some(backends, 0.3))
          change(id, { disruptedSinceMs: now + random.int(-15, 5) * minute });
        break;
    }
    // A drain that was given up.
    if (random.chance(0.3)) backends = backends.map(({ disruptedSinceMs: _, ...backend }) => backend);
    seeFleet();
  }

  /** Most of the time a workload has what it wants. */
  function drawWorkloads(): Workloads | undefined {
    if (kind === undefined || random.chance(0.2)) return undefined;
    const name = `${kind}/pricer`;
    return {
      desired: Math.max(0, backends.length + random.pick([0, 0, 0, 1, 1, 2, 4, -3])),
      rollingOut: random.chance(0.2) ? [name] : [],
      scaling: random.chance(0.2) ? [name] : [],
    };
  }

  function newborn(): Backend {
    born += 1;
    const age = random.chance(0.5) ? { readySinceMs: now } : {};
    return backendOf(`p${born}`, { incarnation: 'i0', ...labelled(), ...age });
  }

  function labelled(): Partial<Backend> {
    const zone = random.pick(['a', 'b', 'c']);
    // A Service may have pods of more than one workload.
    const workload = kind === undefined || random.chance(0.1) ? {} : { workload: { kind, name: 'pricer' } };
    return { zone, ...workload, ...(template === 0 ? {} : { labels: { 'pod-template-hash': `t${template}` } }) };
  }

  /** As whoever owns the pods does it: what was evicted is gone soon, and another takes its place; or something is in its way. */
  function replaceEvicted(): void {
    const evicted = backends.filter(({ id }) => state.enforced.decisions.get(id)?.state === 'evicted');
    for (const { id: backend } of random.some(evicted, 0.3)) {
      happen({ kind: 'eviction', backend, answer: random.pick(['disruption-budget', 'no-controller', undefined]) });
    }
    const leaving = random.some(evicted, 0.5);
    if (leaving.length === 0) return;
    backends = backends.map((backend) => (leaving.includes(backend) ? successorOf(backend) : backend));
    seeFleet();
  }

  /** As in a StatefulSet: another pod by the same name, at the same address. */
  function successorOf(old: Backend): Backend {
    born += 1;
    const id = backendId(`${old.name}-${born}`);
    // Where the template is broken, so is the next one.
    if (broken.has(old.id) && random.chance(0.7)) broken = new Set([...broken, id]);
    const { disruptedSinceMs: _, ...rest } = old;
    return { ...rest, id, podUid: id, ready: true, serving: true, terminating: false, incarnation: 'i0' };
  }

  function changeHealth(): void {
    const names = backends.map(({ id }) => id);
    if (random.chance(0.2)) idle = new Set(random.some(names, random.pick([0, 0.3, 0.8])));
    switch (random.pick(['one', 'one', 'some', 'cohort', 'cohort', 'most', 'all', 'none', 'none'])) {
      case 'one':
        broken = new Set([...broken, ...(names.length === 0 ? [] : [random.pick(names)])]);
        break;
      case 'some':
        broken = new Set(random.some(names, 0.3));
        break;
      case 'cohort': {
        const zone = random.pick(['a', 'b', 'c']);
        const isOfIt = random.pick([
          (backend: Backend) => backend.zone === zone,
          (backend: Backend) => backend.labels?.['pod-template-hash'] === `t${template}`,
        ]);
        broken = new Set(backends.filter(isOfIt).map(({ id }) => id));
        break;
      }
      case 'most':
        broken = new Set(random.some(names, 0.8));
        break;
      case 'all':
        broken = new Set(names);
        break;
      case 'none':
        broken = new Set();
    }
  }

  function command(): Command {
    const act = { actor: 'ana', reason: 'by chance' };
    const backend = backends.length > 0 && random.chance(0.95) ? random.pick(backends).id : backendId('stranger');
    const forMs = random.int(1, 30) * minute;
    if (state.suspension !== undefined && random.chance(0.5)) return { verb: 'resume', ...act };
    if (state.freeze !== undefined && random.chance(0.2)) return { verb: 'unfreeze', ...act };
    switch (random.int(0, 10)) {
      case 10:
        return { verb: 'freeze', forMs, ...act };
      case 0:
        return { verb: 'suspend', ...act };
      case 1:
      case 2:
      case 3:
        return { verb: 'restore', backend, ramp: random.chance(0.5), ...act };
      default:
        return { verb: random.pick(['eject', 'pause']), backend, forMs, force: random.chance(0.4), ...act };
    }
  }

  /** What is on record is all that is left, in a process with a new epoch; then the input is read again. */
  function crash(): void {
    happen({ kind: 'tick' });
    const before = state;
    const record = JSON.parse(JSON.stringify(toRecord(state, context.epoch))) as ServiceRecord;
    const { policy } = state;
    context = { ...context, epoch: context.epoch + 1 };
    state = parts.reload(record, fleetOf([]));
    isAfterCrash = true;
    seeFleet();
    happen({ kind: 'policy', policy });
    observer.onCrash(before, state);
  }

  function setPolicy(policy: Policy | undefined): void {
    happen({ kind: 'policy', policy });
  }

  function strike(what: What): void {
    switch (what) {
      case 'nothing':
        return happen({ kind: 'tick' });
      case 'evaluate':
        return evaluateSome();
      case 'fleet':
        return changeFleet();
      case 'health':
        return changeHealth();
      case 'command':
        return happen({ kind: 'command', command: command() });
      case 'policy':
        return setPolicy(random.pick([undefined, state.policy, drawPolicy(random), drawPolicy(random)]));
      case 'store':
        context = { ...context, canReduce: random.chance(0.7) };
        return;
      case 'velocity':
        context = { ...context, globalVelocity: random.pick([0, 1, 2, Number.POSITIVE_INFINITY]) };
        return;
      case 'suspension':
        return toggleSuspension(random.chance(0.2));
      case 'clock':
        now += random.pick([-3_600_000, -90_000, -5, 90_000, 3_600_000]);
        return;
      case 'crash':
        return crash();
    }
  }

  function toggleSuspension(globallySuspended: boolean): void {
    const isLifted = context.globallySuspended && !globallySuspended;
    context = { ...context, globallySuspended };
    happen(isLifted ? { kind: 'resumed' } : { kind: 'tick' });
  }

  seeFleet();
  setPolicy(drawPolicy(random));
  for (const { what, chance } of history.acts) {
    random = randomFrom(chance);
    if (faultKinds.has(what)) faults += 1;
    strike(what);
    replaceEvicted();
    pass(random.chance(0.15) ? random.int(0, 40) * minute : random.int(0, 8_000));
  }

  /** Nothing is wrong any more; what is out has the time to come back. */
  broken = new Set();
  idle = new Set();
  backends = backends
    .filter(({ terminating }) => !terminating)
    .map(({ disruptedSinceMs: _, ...backend }) => ({ ...backend, ready: true }));
  told = undefined;
  context = { ...context, canReduce: true, globalVelocity: Number.POSITIVE_INFINITY };
  toggleSuspension(false);
  seeFleet();
  for (let round = 0; round < 100; round++) {
    pass(minute);
    for (const { name } of state.policy?.breakers ?? []) {
      const each = <V>(value: V) => Object.fromEntries(backends.map(({ id }) => [id, value]));
      const well = name === 'share' ? countsOf(each([0, 100] as const)) : evidenceOf(each(100));
      const event = judgementOf(state, name, well, now);
      if (event !== undefined) happen(event);
    }
  }
  return { livedMs, faults, state };
}
