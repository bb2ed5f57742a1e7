/**
 * Three replicas around one store: leaders are elected, stopped, cut off and killed in the middle of a decision; watches
 * are late, answers are lost, and one that was taken for dead writes. What each of them serves is checked whenever it says
 * something new.
 */
import type { Assignment } from '../../engine/assignment/assignment.ts';
import type { Decision } from '../../engine/rotation/decision.ts';
import type { ServiceRecord } from '../../engine/rotation/record.ts';
import type { Store } from '../../engine/store/store.ts';
import { readGlobal } from '../../engine/suspension.ts';
import { type ClusterProcess, createClusterStore } from '../support/cluster-store.ts';
import { createManualClock, type EngineWorld, engineWorld, quickPolicy, service, settle } from '../support/engine.ts';
import { fleetOf } from '../support/fixtures.ts';
import { randomFrom } from '../support/random.ts';
import type { History } from './history.ts';
import { must } from './invariants/must.ts';
import type { Tally } from './tally.ts';

export const weights = [
  ['health', 30],
  ['pass', 30],
  ['eject', 10],
  ['restore', 5],
  ['elect', 10],
  ['nobody', 4],
  ['stop', 6],
  ['cut', 6],
  ['late', 6],
  ['lost', 4],
  ['kill', 8],
  ['zombie', 5],
  ['policy', 4],
  ['suspend', 3],
  ['heal', 8],
] as const;

export type ReplicasHistory = History<(typeof weights)[number][0]>;

const backends = 6;
/** Of six with the default budget: half must stay, and at most 34 % may be out. */
const [floor, mayBeOut] = [3, 2] as const;

interface Replica {
  readonly name: string;
  world: EngineWorld;
  process: ClusterProcess;
  /** By backend, the last decision on record by which it was out here. */
  stamps: Map<string, Decision>;
}

/** What the test puts in the place of one replica's store. */
export type Break = (store: Store) => Partial<Store>;

export async function liveTogether(history: ReplicasHistory, tally: Tally, mistake?: Break): Promise<void> {
  let random = randomFrom(history.chance);
  const clock = createManualClock();
  const begunMs = clock.now();
  const cluster = createClusterStore();
  const replicas: Replica[] = [];
  const errors = new Map<string, number>();
  let enforcement: 'Enforce' | 'Observe' | 'Suspended' = 'Enforce';
  let found: unknown;
  const story: string[] = [];
  const withStory = (error: unknown): Error =>
    new Error([error instanceof Error ? error.message : String(error), ...story].join('\n  '), { cause: error });
  const changes = () =>
    [
      { kind: 'fleet', fleet: fleetOf(backends) },
      { kind: 'policy', policy: quickPolicy({ enforcement }) },
    ] as const;

  /** Thrown where it can be seen, not into the engine. */
  function note(check: () => void): void {
    tally.checks += 1;
    try {
      check();
    } catch (error) {
      found ??= error;
    }
  }

  async function start(name: string): Promise<Replica> {
    const process = cluster.open(name);
    const broken = mistake !== undefined && name === 'b' ? mistake(process.store) : {};
    const replica = { name, process, stamps: new Map() } as Replica;
    replica.world = await engineWorld(changes(), {
      clock,
      shared: { ...process.store, ...broken },
      onPublish: (assignments) => {
        for (const each of assignments) note(() => look(replica, each));
      },
    });
    return replica;
  }

  function look(replica: Replica, assignment: Assignment): void {
    const endpoints = assignment.ports.flatMap(({ localities }) => localities.flatMap((each) => each.endpoints));
    const out = endpoints.filter(({ status, weight }) => status !== 'HEALTHY' || weight < 100);
    must(endpoints.length - out.length >= floor, 'I1 floor at each replica', replica.name);
    must(out.length <= mayBeOut, 'I1 budget of several leaders', replica.name);
    for (const { backend } of out) {
      const written = cluster.history.flatMap(({ body }) =>
        (body as unknown as ServiceRecord).enforced.decisions.filter((each) => each.backend === backend),
      );
      must(written.length > 0, 'I4 written before it is served', [replica.name, backend]);
      const served = replica.world?.state()?.enforced.decisions.get(backend);
      if (served === undefined || !written.some((each) => isSame(each, served))) continue;
      const before = replica.stamps.get(backend);
      // A later leader may have it on record: what an earlier one wrote in between, it did not know of.
      const isLater = (each: ServiceRecord): boolean =>
        each.epoch > (before?.epoch ?? 0) && each.enforced.decisions.some((decision) => isSame(decision, served));
      const isInOrder =
        before === undefined ||
        !isBefore(served, before) ||
        cluster.history.some(({ body }) => isLater(body as unknown as ServiceRecord));
      must(isInOrder, 'I5 order at each replica', [replica.name, backend]);
      replica.stamps.set(backend, served);
    }
  }

  const present = (): Replica => random.pick(replicas);
  const newest = (replica: Replica): string => JSON.stringify(replica.world.published.at(-1));

  function heal(): void {
    for (const { process } of replicas) {
      process.isCut = false;
      process.isLate = false;
      process.isStopped = false;
      process.losesAnswer = false;
      process.hear();
    }
  }

  async function kill(index: number): Promise<void> {
    const dying = replicas[index];
    if (dying === undefined) return;
    // In the middle of a decision: computed, written, served.
    void dying.world.eject(`p${random.int(1, backends)}`);
    for (let turns = random.int(0, 12); turns > 0; turns--) await Promise.resolve();
    dying.process.kill();
    void dying.world.engine.stop();
    replicas[index] = await start(dying.name);
  }

  async function happen(what: (typeof weights)[number][0]): Promise<void> {
    switch (what) {
      case 'health':
        errors.clear();
        for (const name of random.some(fleetOf(backends).backends, 0.3)) errors.set(name.name, 9);
        for (const { world } of replicas) {
          world.errors.clear();
          // Not everybody sees the same.
          for (const [name, value] of errors) if (random.chance(0.8)) world.errors.set(name, value);
        }
        return;
      case 'pass':
        return clock.advance(random.int(1, 30) * 1000);
      case 'eject':
        void present().world.eject(`p${random.int(1, backends)}`);
        return settle();
      case 'restore':
        void present().world.restore(`p${random.int(1, backends)}`);
        return settle();
      case 'elect':
        return cluster.elect(present().name);
      case 'nobody':
        return cluster.elect();
      case 'stop':
        present().process.isStopped = true;
        return;
      case 'cut':
        present().process.isCut = true;
        return;
      case 'late':
        present().process.isLate = true;
        return;
      case 'lost':
        present().process.losesAnswer = true;
        return;
      case 'kill':
        return kill(random.int(0, replicas.length - 1));
      case 'zombie': {
        // What nobody hears of who decides, is what is on record.
        const leader = cluster.leader();
        if (leader === undefined || leader.isCut || leader.isLate || leader.isStopped) return;
        const record = cluster.history.length === 0 ? undefined : random.pick(cluster.history);
        if (record === undefined) return;
        await cluster.open('zombie').store.save(service, record.body, cluster.records.get(service)?.revision ?? 0);
        return;
      }
      case 'policy':
        enforcement = random.pick(['Enforce', 'Enforce', 'Observe', 'Suspended']);
        for (const { world } of replicas) world.change(changes()[1]);
        return;
      case 'suspend': {
        // Two people at the same moment, maybe at two replicas.
        for (const actor of ['ana', 'bob']) {
          const { engine } = present().world;
          const suspension = { actor, reason: 'by chance', sinceMs: clock.now() };
          void engine.suspendAll(engine.suspension() === undefined ? suspension : undefined);
        }
        return settle();
      }
      case 'heal':
        return heal();
    }
  }

  /** All hear of each other again. */
  async function endWell(): Promise<void> {
    heal();
    cluster.elect('a');
    await clock.advance(5000);
    heal();
    await settle();
    const served = new Set(replicas.map(newest));
    must(served.size === 1, 'I8 replicas agree', [...served]);
    const suspended = new Set(replicas.map(({ world }) => JSON.stringify(world.engine.suspension())));
    const reading = readGlobal(cluster.global);
    must(reading.kind === 'read', 'I8 one suspension', cluster.global);
    suspended.add(JSON.stringify(reading.kind === 'read' ? reading.suspension : undefined));
    must(suspended.size === 1, 'I8 one suspension', [...suspended]);
    // Nothing is under way: who comes to lead then changes nothing.
    const before = replicas.map(newest);
    cluster.elect('b');
    await settle();
    replicas.forEach((replica, index) => must(newest(replica) === before[index], 'I8 failover', replica.name));
  }

  for (const name of ['a', 'b', 'c']) replicas.push(await start(name));
  cluster.elect('a');
  for (const { what, chance } of history.acts) {
    random = randomFrom(chance);
    tally.faults += 1;
    story.push(what);
    await happen(what);
    await settle();
    if (found !== undefined) throw withStory(found);
  }
  await endWell().catch((error: unknown) => {
    throw withStory(error);
  });
  if (found !== undefined) throw withStory(found);
  tally.lives += 1;
  tally.events += history.acts.length;
  tally.simulatedMs += clock.now() - begunMs;
  for (const { world } of replicas) {
    for (const effect of world.effects) tally.effect(effect);
    await world.stop();
  }
}

type Stamp = Pick<Decision, 'epoch' | 'seq'>;

function isSame(a: Stamp, b: Stamp): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}

function isBefore(a: Stamp, b: Stamp): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.seq < b.seq);
}
