/**
 * The whole of it: processes of ours that come and go around one store, inputs that they see late, twice or not at all,
 * metrics that fail, and clients that follow from server to server. Two Services of the same name, with backends of the
 * same names: to the one in `shop` everything happens, and the one in `lab` is well all the time.
 */
import type { Gathered } from '../../engine/loop.ts';
import { type Backend, backendId, type EpochMs, type Fleet, serviceKey, type ServiceKey } from '../../engine/model.ts';
import type { Breaker, Policy } from '../../engine/policy/policy.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Command, Effect } from '../../engine/rotation/event.ts';
import type { ServiceRecord } from '../../engine/rotation/record.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { backendOf } from '../support/fixtures.ts';
import { createManualClock, type ManualClock, settle } from '../support/manual-clock.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { endpointType } from '../support/xds-dialogue.ts';
import { type ModelClient, modelClient } from '../support/xds-model-client.ts';
import { drawPolicy, many } from './draw-policy.ts';
import type { History } from './history.ts';
import { measure, type MetricsFault, metricsFaults } from './metrics-faults.ts';
import { type Replica, startReplica } from './replica.ts';
import { createSharedStore, type SharedStore } from './shared-store.ts';

export const shop = serviceKey('shop', 'pricer');
export const lab = serviceKey('lab', 'pricer');
export const services = [shop, lab] as const;

export const maxEjectionsPerMinute = 2;

/** Shorter than the defaults where nothing but patience is tested. */
export const timing = { ...defaultTiming, maxOutMs: 600_000 };

/** What happens, and how often of all that happens. */
export const weights = [
  ['nothing', 20],
  ['health', 30],
  ['metrics', 15],
  ['fleet', 20],
  ['unseen', 5],
  ['stale', 5],
  ['relist', 5],
  ['policy', 8],
  ['delete', 2],
  ['command', 20],
  ['suspension', 5],
  ['store', 10],
  ['touch', 3],
  ['crash', 6],
  ['rollback', 2],
  ['twin', 3],
  ['clock', 3],
  ['client', 20],
] as const;

type What = (typeof weights)[number][0];

export type InstallationHistory = History<What>;

const faultKinds: ReadonlySet<What> = new Set([
  ...(['health', 'metrics', 'fleet', 'unseen', 'stale', 'relist'] as const),
  ...(['store', 'touch', 'crash', 'rollback', 'twin', 'clock'] as const),
]);

/** A client, and the server it is connected to. */
export interface Follower {
  readonly client: ModelClient;
  server: Replica;
}

export interface Installation {
  readonly clock: ManualClock;
  readonly store: SharedStore;
  /** The newest last; only that one is asked for anything. */
  readonly replicas: readonly Replica[];
  readonly followers: readonly Follower[];
  readonly fault: MetricsFault;
}

export interface Watch {
  /** At each publication: of one Service at one replica. */
  readonly onPublish: (installation: Installation, replica: Replica, service: ServiceKey) => void;
  /** The same every few seconds, when whatever was begun has come as far as it can. Throws what was found since. */
  readonly onLook: (installation: Installation, replica: Replica, service: ServiceKey) => void;
  /** Before a client says anything: what it was sent until then was for what it had said. */
  readonly onClient: (client: ModelClient) => void;
  /** After each act, when everything it brought about has happened. */
  readonly onAct: (installation: Installation) => void;
  readonly onSave: (service: ServiceKey, record: ServiceRecord) => void;
  readonly onEffect: (replica: Replica, effect: Effect) => void;
  /** A process was killed in a moment when all was written, and another one started. */
  readonly onRestart: (before: Replica, after: Replica) => void;
  /** Another pod by the same name, at the same address. */
  readonly onReplaced: (installation: Installation, id: string) => void;
  readonly onClockSet: () => void;
  readonly onMetrics: (fault: MetricsFault, now: EpochMs) => void;
  /** All that was wrong is over, for long enough. */
  readonly onEnd: (installation: Installation) => void;
  readonly onDefect: (message: string) => void;
  readonly story: (line: string) => void;
}

/** What the test puts in the place of parts, to see whether anybody notices. */
export interface Parts {
  readonly start?: typeof startReplica;
}

export interface Lived {
  readonly livedMs: number;
  readonly faults: number;
  readonly acts: number;
}

const second = 1_000;
const minute = 60 * second;

export async function run(
  history: InstallationHistory,
  watch: Watch,
  { start = startReplica }: Parts = {},
): Promise<Lived> {
  let random: Random = randomFrom(history.chance);
  const clock = createManualClock();
  const store = createSharedStore(watch.onSave);
  let livedMs = 0;
  let faults = 0;
  let born = 10;
  let backends: readonly Backend[] = Array.from({ length: random.int(3, 10) }, (_, index) => backendOf(`p${index}`));
  let policy: Policy | undefined = draw('shop');
  let broken: ReadonlySet<string> = new Set();
  let fault: MetricsFault = 'none';
  let replicas: readonly Replica[] = [];
  let followers: readonly Follower[] = [];
  const past: Fleet[] = [];

  function draw(namespace: string): Policy {
    const drawn = drawPolicy(random);
    const breakers = drawn.breakers.map((breaker) => {
      return { ...breaker, evaluationPeriodMs: random.pick([10_000, 20_000, 60_000]) };
    });
    const fingerprint = `${namespace} ${drawn.fingerprint} ${breakers.map((each) => each.evaluationPeriodMs).join()}`;
    return { ...drawn, namespace, service: serviceKey(namespace, 'pricer'), breakers, fingerprint };
  }

  const labPolicy: Policy = { ...draw('lab'), enforcement: 'Enforce' };
  const labBackends = Array.from({ length: 6 }, (_, index) => backendOf(`p${index}`));
  const fleetOf = (service: ServiceKey, members: readonly Backend[]): Fleet => {
    const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return { service, ports: [{ name: 'http', number: 80 }], backends: sorted };
  };
  const shopPolicy = (): SourceChange =>
    policy === undefined ? { kind: 'policy-gone', service: shop } : { kind: 'policy', policy };
  const input = (): readonly SourceChange[] => [
    { kind: 'fleet', fleet: fleetOf(shop, backends) },
    { kind: 'fleet', fleet: fleetOf(lab, labBackends) },
    ...(policy === undefined ? [] : [shopPolicy()]),
    { kind: 'policy', policy: labPolicy },
  ];

  const installation: Installation = {
    clock,
    store,
    get replicas() {
      return replicas;
    },
    get followers() {
      return followers;
    },
    get fault() {
      return fault;
    },
  };
  const look = (replica: Replica): void => {
    for (const service of services) {
      if (replica.served.has(service)) watch.onLook(installation, replica, service);
    }
  };

  async function open(): Promise<Replica> {
    const replica = await start({
      clock,
      store: store.open(),
      timing,
      maxEjectionsPerMinute,
      input: input(),
      gather: ask,
      onPublish: (from, service) => watch.onPublish(installation, from, service),
      onEffect: watch.onEffect,
      onDefect: watch.onDefect,
    });
    replicas = [...replicas, replica];
    await settle();
    return replica;
  }

  function ask(breaker: Breaker, fleet: Fleet, atMs: EpochMs): Promise<Gathered> {
    const answer = (): Gathered =>
      measure({
        breaker,
        fleet,
        atMs,
        // To the healthy one nothing is said that is wrong.
        fault: fleet.service === lab && (fault === 'jump' || fault === 'slow') ? 'none' : fault,
        isBroken: (id) => fleet.service === shop && broken.has(id),
        random: randomFrom(atMs + history.chance),
      });
    if (fault !== 'slow') return Promise.resolve(answer());
    return new Promise((resolve) => clock.at(clock.now() + 15 * second, () => resolve(answer())));
  }

  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 30 * second) {
      await clock.advance(Math.min(left, 30 * second));
      for (const replica of replicas) look(replica);
    }
    livedMs += ms;
  }

  function tell(to: readonly Replica[], ...changes: readonly SourceChange[]): void {
    for (const replica of to) replica.tell(changes);
  }

  const leader = (): Replica => replicas.at(-1) as Replica;
  const tellFleet = (to = replicas): void => {
    const fleet = fleetOf(shop, backends);
    past.push(fleet);
    tell(to, { kind: 'fleet', fleet });
  };

  function changeFleet(): void {
    const victim = backends.length > 0 && random.chance(0.9) ? random.pick(backends).id : 'nobody';
    const change = (part: Partial<Backend>): void => {
      backends = backends.map((each) => (each.id === victim ? { ...each, ...part } : each));
    };
    switch (random.pick([...many('add', 2), 'remove', ...many('ready', 3), 'terminate', 'restart', 'rollout'])) {
      case 'add':
        born += 1;
        if (backends.length < 12) backends = [...backends, backendOf(`p${born}`, { readySinceMs: clock.now() })];
        break;
      case 'remove':
        backends = backends.filter(({ id }) => id !== victim);
        break;
      case 'ready':
        backends = backends.map((each) => (random.chance(0.3) ? { ...each, ready: random.chance(0.6) } : each));
        break;
      case 'terminate':
        change({ ready: false, serving: random.chance(0.5), terminating: true });
        break;
      case 'restart':
        change({ incarnation: `i${random.int(0, 1_000_000)}` });
        break;
      case 'rollout':
        backends = backends.map((each) => (random.chance(0.5) ? successorOf(each) : each));
        break;
    }
  }

  function successorOf(old: Backend): Backend {
    born += 1;
    const id = backendId(`${old.name}-${born}`);
    return { ...old, id, podUid: id, ready: true, serving: true, terminating: false };
  }

  async function command(): Promise<void> {
    const act = { actor: 'ana', reason: 'by chance' };
    const backend = backends.length > 0 ? random.pick(backends).id : backendId('stranger');
    const forMs = random.int(1, 10) * minute;
    const isSuspended = leader()
      .engine.states()
      .some(({ suspension }) => suspension !== undefined);
    const given: Command = isSuspended
      ? { verb: 'resume', ...act }
      : random.chance(0.1)
        ? { verb: 'suspend', ...act }
        : random.chance(0.3)
          ? { verb: 'restore', backend, ramp: random.chance(0.5), ...act }
          : { verb: random.pick(['eject', 'pause']), backend, forMs, force: random.chance(0.4), ...act };
    // Not awaited: a store that hangs answers when time has passed.
    void leader().engine.command(shop, given);
    await settle();
  }

  async function crash(isRolledBack: boolean): Promise<void> {
    const before = leader();
    const isWritten = store.weather === 'save' && replicas.length === 1 && before.engine.problems().length === 0;
    for (const replica of replicas) replica.kill(random.chance(0.5));
    replicas = [];
    await settle();
    if (isRolledBack) store.rollBack(shop);
    // Whoever starts can read and write; the next weather comes when it runs.
    store.weather = 'save';
    const after = await open();
    if (isWritten && !isRolledBack) watch.onRestart(before, after);
    for (const follower of followers) if (random.chance(0.7)) follow(follower, random.chance(0.2));
  }

  function follow(follower: Follower, isForgetful: boolean): void {
    watch.onClient(follower.client);
    follower.server = leader();
    follower.client.reconnect(isForgetful, follower.server.cache);
  }

  function useClient(): void {
    const follower = random.pick(followers);
    watch.onClient(follower.client);
    const isAlive = replicas.includes(follower.server);
    const names = random.some(['shop/pricer', 'shop/pricer:http', 'lab/pricer', 'lab/pricer:http', 'lab/other'], 0.4);
    const what = random.pick([...many('answer', 4), 'want', 'drop', 'repeat', 'reconnect']);
    if (!isAlive || what === 'reconnect') return follow(follower, random.chance(0.3));
    const { client } = follower;
    if (what === 'answer') client.answer();
    else if (what === 'want') client.want(names);
    else if (what === 'drop') client.drop(names);
    else client.repeat();
  }

  async function happen(what: What): Promise<void> {
    switch (what) {
      case 'nothing':
        // Nobody forgets for long that everything is suspended.
        for (const { engine } of replicas) void engine.suspendAll(undefined);
        return;
      case 'health':
        broken = new Set(random.some(backends, random.pick([0, 0.1, 0.2, 0.3, 0.8, 1])).map(({ id }) => id));
        return;
      case 'metrics':
        fault = random.pick([...many('none', 6), ...metricsFaults]);
        return watch.onMetrics(fault, clock.now());
      case 'fleet': {
        const known = new Set(backends.map(({ id }) => id));
        changeFleet();
        tellFleet();
        for (const { id } of backends) if (!known.has(id)) watch.onReplaced(installation, id);
        return;
      }
      case 'unseen':
        // Until the next change or relist, one of them does not know.
        changeFleet();
        return tellFleet(random.some(replicas, 0.5));
      case 'stale':
        return past.length === 0
          ? undefined
          : tell([random.pick(replicas)], { kind: 'fleet', fleet: random.pick(past) });
      case 'relist':
        // Half of it for a moment, then all of it.
        tell(replicas, { kind: 'fleet', fleet: fleetOf(shop, random.some(backends, 0.5)) });
        await pass(random.int(0, 5) * second);
        return tell(replicas, ...input());
      case 'policy':
        policy = draw('shop');
        return tell(replicas, shopPolicy());
      case 'delete':
        policy = undefined;
        return tell(replicas, shopPolicy());
      case 'command':
        return command();
      case 'suspension': {
        const isSuspended = leader().engine.suspension() !== undefined;
        const suspension = { actor: 'ana', reason: 'by chance', sinceMs: clock.now() };
        for (const { engine } of replicas) void engine.suspendAll(isSuspended ? undefined : suspension);
        return;
      }
      case 'store':
        store.weather = random.pick([...many('save', 5), 'fail', 'full', 'hang', 'unanswered']);
        if (store.weather !== 'hang') for (const replica of replicas) replica.store.release();
        return;
      case 'touch':
        return store.touch(shop);
      case 'crash':
        return crash(false);
      case 'rollback':
        return crash(true);
      case 'twin':
        // The one before was taken for dead, and is not.
        if (store.weather !== 'save') return;
        for (const replica of replicas.slice(0, -1)) replica.kill(true);
        replicas = replicas.slice(-1);
        await open();
        return;
      case 'clock':
        clock.set(random.pick([-3_600_000, -90_000, -5, 90_000, 3_600_000]));
        return watch.onClockSet();
      case 'client':
        return useClient();
    }
  }

  async function endWell(): Promise<void> {
    broken = new Set();
    fault = 'none';
    store.weather = 'save';
    backends = backends.filter(({ terminating }) => !terminating).map((each) => ({ ...each, ready: true }));
    for (const replica of replicas.slice(0, -1)) replica.kill(true);
    replicas = replicas.slice(-1);
    leader().store.release();
    void leader().engine.suspendAll(undefined);
    tell(replicas, ...input());
    await pass(45 * minute);
    for (const follower of followers) {
      if (follower.server !== leader()) follow(follower, false);
      watch.onClient(follower.client);
      while (follower.client.answer());
    }
    watch.onEnd(installation);
  }

  await open();
  followers = (['sotw', 'delta', 'delta'] as const).map((variant) => {
    const client = modelClient({ cache: leader().cache, variant, typeUrl: endpointType, isBad: () => false });
    client.want(['shop/pricer', 'lab/pricer']);
    return { client, server: leader() };
  });
  for (const { what, chance } of history.acts) {
    random = randomFrom(chance);
    if (faultKinds.has(what)) faults += 1;
    watch.story(`+${livedMs / second} s ${what}`);
    await happen(what);
    await settle();
    for (const replica of replicas) look(replica);
    watch.onAct(installation);
    await pass(random.chance(0.05) ? random.int(0, 15) * minute : random.int(0, 60) * second);
  }
  await endWell();
  for (const replica of replicas) replica.kill(true);
  for (const { client } of followers) client.leave();
  return { livedMs, faults, acts: history.acts.length };
}
