/** What every process serves, whatever became of the others, of the store and of what they were told. */
import type { AssignedEndpoint } from '../../../engine/assignment/assignment.ts';
import { type BackendId, type EpochMs, readyMembers, type ServiceKey } from '../../../engine/model.ts';
import { budgetOfService } from '../../../engine/rotation/capacity.ts';
import { isOut } from '../../../engine/rotation/decision.ts';
import type { Effect } from '../../../engine/rotation/event.ts';
import { readRecord } from '../../../engine/rotation/read-record.ts';
import type { ServiceRecord } from '../../../engine/rotation/record.ts';
import type { ServiceState } from '../../../engine/rotation/state.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import { canonical } from '../../support/frozen.ts';
import { assignmentOf } from '../../support/world.ts';
import { type Installation, lab, maxEjectionsPerMinute, services, shop, timing } from '../installation.ts';
import type { Replica } from '../replica.ts';
import { must } from './must.ts';

/** One Service at one replica, at a publication or a moment later. */
export interface Look {
  readonly installation: Installation;
  readonly replica: Replica;
  readonly service: ServiceKey;
  readonly now: EpochMs;
  readonly state: ServiceState;
  /** Endpoints of the only port. */
  readonly served: readonly AssignedEndpoint[];
}

export function lookAt(installation: Installation, replica: Replica, service: ServiceKey): Look | undefined {
  const state = replica.engine.states().find((each) => each.service === service);
  const assignment = replica.served.get(service);
  if (state === undefined || assignment === undefined) return undefined;
  const served = (assignment.ports[0]?.localities ?? []).flatMap(({ endpoints }) => endpoints);
  return { installation, replica, service, now: installation.clock.now(), state, served };
}

/** At full weight, or on the way there. */
function isWhole({ status, weight }: AssignedEndpoint): boolean {
  return status === 'HEALTHY' && weight === 100;
}

/** The floor at each replica, in what its clients have, and never nobody. */
export function replicaFloorKeeper(): (look: Look) => void {
  const belowSince = new Map<string, EpochMs>();
  return ({ replica, service, now, state, served }) => {
    const ready = readyMembers(state.fleet).length;
    must(served.some(({ status }) => status === 'HEALTHY') || ready === 0, 'I1 replica nobody', served);
    const floor = Math.min(ready, budgetOfService(state).floor);
    const whole = served.filter((each) => isWhole(each) && !isOut(state.enforced.decisions.get(each.backend))).length;
    const key = `${replica.epoch} ${service}`;
    if (whole >= floor) return void belowSince.delete(key);
    const sinceMs = Math.min(now, belowSince.get(key) ?? now);
    belowSince.set(key, sinceMs);
    const isExcused = now - sinceMs <= timing.breachDelayMs || guidanceOf(state).budget.onBreach === 'Hold';
    must(isExcused, 'I1 replica', `${whole} whole, floor ${floor}, for ${now - sinceMs} ms`);
  };
}

export function replicasServeReadyOnes({ state, served }: Look): void {
  const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
  for (const { backend, status } of ready.size === 0 ? [] : served) {
    must(status !== 'HEALTHY' || ready.has(backend), 'I2 replica', backend);
  }
}

/** Ready, and yet not given all it could have. */
function reducedIn({ state, served }: Look): readonly BackendId[] {
  const whole = new Set(served.filter(isWhole).map(({ backend }) => backend));
  return readyMembers(state.fleet)
    .map(({ id }) => id)
    .filter((id) => !whole.has(id));
}

/** Whatever is served reduced was on record before, and still is if nobody came after. */
export function recordKeeper(): {
  readonly onSave: (service: ServiceKey, record: ServiceRecord) => void;
  readonly onLook: (look: Look) => void;
} {
  const recorded = new Set<string>();
  return {
    onSave(service, record) {
      const { kind } = readRecord(service, JSON.parse(JSON.stringify(record)));
      must(kind === 'record', 'I4 on record', `${service}, which cannot be read again`);
      for (const decision of record.enforced.decisions)
        if (isOut(decision)) recorded.add(`${service} ${decision.backend}`);
    },
    onLook(look) {
      for (const id of reducedIn(look)) must(recorded.has(`${look.service} ${id}`), 'I4 on record', id);
    },
  };
}

/** What is on record never goes back, whoever wrote it, and nor does what a client is given on its way through servers. */
export function stampKeeper(): {
  readonly onSave: (service: ServiceKey, record: ServiceRecord) => void;
  readonly onAct: (installation: Installation) => void;
} {
  const written = new Map<ServiceKey, readonly [number, number]>();
  const given = new Map<string, readonly [number, number]>();
  const isBack = ([epoch, seq]: readonly [number, number], before: readonly [number, number] | undefined): boolean =>
    before !== undefined && (epoch < before[0] || (epoch === before[0] && seq < before[1]));
  return {
    onSave(service, { epoch, seq }) {
      must(!isBack([epoch, seq], written.get(service)), 'I5 written', [service, written.get(service), epoch, seq]);
      written.set(service, [epoch, seq]);
    },
    onAct({ followers }) {
      for (const [index, { server }] of followers.entries()) {
        for (const { service, seq } of server.engine.states()) {
          const stamp = [server.epoch, seq] as const;
          must(!isBack(stamp, given.get(`${index} ${service}`)), 'I5 given', [service, stamp]);
          given.set(`${index} ${service}`, stamp);
        }
      }
    },
  };
}

/** While the metrics say nothing, nobody goes. */
export function silenceKeeper(): {
  readonly onMetrics: (isSilent: boolean, now: EpochMs) => void;
  readonly onClockSet: () => void;
  readonly onLook: (look: Look) => void;
} {
  let silentSinceMs: EpochMs | undefined;
  return {
    onMetrics(isSilent, now) {
      silentSinceMs = isSilent ? (silentSinceMs ?? now) : undefined;
    },
    onClockSet() {
      silentSinceMs = undefined;
    },
    onLook({ state }) {
      for (const { cause, outSinceMs, backend } of state.enforced.decisions.values()) {
        const isConvicted = cause.kind === 'breaker' && silentSinceMs !== undefined && outSinceMs > silentSinceMs;
        must(!isConvicted, 'I6 replica', backend);
      }
    },
  };
}

/** New ejections over all Services in any minute, as one process tells them. */
export function rateKeeper(): {
  readonly onEffect: (replica: Replica, effect: Effect) => void;
  readonly onClockSet: () => void;
} {
  let taken: readonly { readonly epoch: number; readonly atMs: EpochMs }[] = [];
  return {
    onClockSet() {
      taken = [];
    },
    onEffect({ epoch }, effect) {
      if (effect.kind !== 'transition' || effect.track !== 'enforced' || effect.from !== 'serving') return;
      if (effect.why !== 'anomalous' && effect.why !== 'retries-exhausted') return;
      const atMs = effect.decision.outSinceMs;
      taken = [...taken, { epoch, atMs }].filter((each) => each.epoch === epoch && Math.abs(atMs - each.atMs) < 60_000);
      must(taken.length <= maxEjectionsPerMinute, 'I7 rate', taken);
    },
  };
}

/** Where everything is written, what is served is what the decisions say, in whatever order memory has them. */
export function servedFollowsDecisions({ installation, replica, service, state }: Look): void {
  const isIdle = installation.store.weather === 'save' && replica.engine.problems().length === 0;
  if (!isIdle || installation.replicas.length > 1) return;
  const decisions = new Map([...state.enforced.decisions].reverse());
  const again = assignmentOf({ ...state, enforced: { ...state.enforced, decisions } });
  must(canonical(replica.served.get(service)) === canonical(again), 'I8 served', [replica.served.get(service), again]);
}

/** The next process serves what the last one did, if both know the same of the world. */
export function restartChangesNothing(before: Replica, after: Replica): void {
  for (const service of services) {
    if (canonical(before.fleets.get(service)) !== canonical(after.fleets.get(service))) continue;
    const [old, now] = [before, after].map(({ engine }) => engine.states().find((each) => each.service === service));
    if (old?.policy?.fingerprint !== now?.policy?.fingerprint) continue;
    const [was, is] = [before, after].map(({ served }) => canonical(served.get(service)));
    must(was === is, 'I8 next process', [before.served.get(service), after.served.get(service)]);
  }
}

/** A version names one content of a name, and a content has one version, at all servers there ever were. */
export function versionKeeper(): (installation: Installation) => void {
  const contents = new Map<string, string>();
  const versions = new Map<string, string>();
  return ({ followers }) => {
    for (const [name, { content, version }] of followers.flatMap(({ client }) => [...client.kept])) {
      if (version === '') continue;
      must((contents.get(`${name} ${version}`) ?? content) === content, 'I8 version', [name, version]);
      must((versions.get(`${name} ${content}`) ?? version) === version, 'I8 version', [name, version]);
      contents.set(`${name} ${version}`, content);
      versions.set(`${name} ${content}`, version);
    }
  };
}

/** Long after the last fault: nobody waits on the way, and each client has what a new one is given. */
export function everythingEnds({ replicas, followers }: Installation): void {
  for (const { engine } of replicas) {
    for (const { enforced } of engine.states()) {
      for (const decision of enforced.decisions.values()) {
        must(['serving', 'paused', 'evicted'].includes(decision.state), 'I9 limbo', decision);
      }
    }
  }
  for (const { client } of followers) must(client.differences().length === 0, 'I9 clients', client.differences());
}

/** Nothing is known of a new pod, be its name and address those of one that is out. */
export function newOnesAreInnocent({ replicas }: Installation, id: string): void {
  for (const { engine } of replicas) {
    for (const { enforced, shadow } of engine.states()) {
      const known = [enforced, shadow].flatMap(({ decisions }) => decisions.get(id as BackendId) ?? []);
      must(known.length === 0, 'I10 replaced', known);
    }
  }
}

/** Once asked for, an eviction is not asked for again until the backend was something else, or gone. */
export function evictionKeeper(): {
  readonly onEffect: (replica: Replica, effect: Effect) => void;
  readonly onLook: (look: Look) => void;
} {
  const asked = new Set<string>();
  const keyOf = ({ epoch }: Replica, backend: BackendId): string => `${epoch} ${backend}`;
  return {
    onEffect(replica, effect) {
      if (effect.kind !== 'evict') return;
      const key = keyOf(replica, effect.decision.backend);
      must(!asked.has(key), 'I13 once', effect.decision);
      asked.add(key);
    },
    onLook({ replica, service, state }) {
      if (service !== shop) return;
      for (const key of asked) {
        const isEvicted = [...state.enforced.decisions.values()].some((decision) => {
          return decision.state === 'evicted' && keyOf(replica, decision.backend) === key;
        });
        if (!isEvicted) asked.delete(key);
      }
    },
  };
}

/** I15, I16, I20: who may not act reduces nothing, but for what people did. */
export function onlyThoseWhoMayReduce(look: Look): void {
  const { state, replica } = look;
  const reduced = reducedIn(look);
  must(replica.engine.suspension() === undefined || reduced.length === 0, 'I20 everything', reduced);
  const byBreaker = reduced.filter((id) => state.enforced.decisions.get(id)?.cause.kind !== 'manual');
  const { suspension, policy } = state;
  must(suspension === undefined || byBreaker.length === 0, 'I20 one policy', byBreaker);
  must(policy?.enforcement !== 'Suspended' || byBreaker.length === 0, 'I20 one policy', byBreaker);
  must(policy?.enforcement !== 'Observe' || byBreaker.length === 0, 'I15 replica', byBreaker);
}

/** What happens to the Service in `shop` does not touch its namesake. */
export function namesakeIsUntouched(look: Look): void {
  if (look.service !== lab) return;
  must(reducedIn(look).length === 0, 'I19 namesake', look.served);
  must(look.state.enforced.decisions.size === 0, 'I19 namesake', look.state.enforced.decisions);
}

export function shopHasItsOwn({ service, state }: Look): void {
  if (service !== shop) return;
  must(state.policy === undefined || state.policy.namespace === 'shop', 'I19 policy', state.policy?.namespace);
}
