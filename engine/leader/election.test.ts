import { afterEach, describe, expect, it } from 'vitest';
import { createFakeLeases, type FakeLeases } from '../../test/support/fake-leases.ts';
import { createManualClock, type ManualClock, settle } from '../../test/support/manual-clock.ts';
import { randomFrom } from '../../test/support/random.ts';
import type { Clock } from '../clock.ts';
import { KubeError } from '../kubernetes/kube-client.ts';
import { formatProblem } from '../problem.ts';
import { createElection, type Election, type Standing } from './election.ts';

const timing = { leaseMs: 15_000, renewDeadlineMs: 10_000, leaseRetryMs: 2000 };
const path = '/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases/kubervisor';

/** A replica, and the clock it goes by. */
interface Replica {
  readonly election: Election;
  /** Its standings so far, the first one not told. */
  readonly told: Standing[];
  readonly problems: string[];
  /** As a kill does it: without a word. */
  crash(): void;
}

interface World {
  readonly clock: ManualClock;
  readonly api: FakeLeases;
  /** `skewMs`: how far its wall clock is off. `rate`: how fast its clocks run. */
  replica(name: string, off?: { readonly skewMs?: number; readonly rate?: number; readonly seed?: number }): Replica;
  /** Moves on by small steps, and after each asks who leads: more than one is a failure. */
  pass(ms: number): Promise<void>;
  leaders(): readonly string[];
}

let stop: (() => void)[] = [];
afterEach(() => {
  for (const each of stop) each();
  stop = [];
});

function createWorld(): World {
  const clock = createManualClock();
  const api = createFakeLeases(clock);
  const replicas = new Map<string, Replica>();
  const startMs = clock.now();
  const leaders = (): string[] =>
    [...replicas].filter(([, { election }]) => election.isLeading()).map(([name]) => name);
  return {
    clock,
    api,
    leaders,
    replica(name, { skewMs = 0, rate = 1, seed = 1 } = {}) {
      const elapsedMs = (): number => (clock.now() - startMs) * rate;
      const own: Clock = {
        now: () => startMs + skewMs + elapsedMs(),
        at: (atMs, run) => clock.at(startMs + (atMs - startMs - skewMs) / rate, run),
      };
      const told: Standing[] = [];
      const problems: string[] = [];
      const killed = new AbortController();
      const election = createElection({
        client: api,
        clock: own,
        monotonicMs: elapsedMs,
        random: randomFrom(seed).next,
        namespace: 'kubervisor',
        name: 'kubervisor',
        identity: name,
        timing,
        onChange: (standing) => told.push(standing),
        onProblem: (problem) => problems.push(formatProblem(problem)),
      });
      const crash = (): void => {
        killed.abort();
        replicas.delete(name);
      };
      stop.push(crash);
      void election.run(killed.signal);
      const replica = { election, told, problems, crash };
      replicas.set(name, replica);
      return replica;
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 100) {
        await clock.advance(100);
        expect(leaders().length, `leaders: ${leaders().join(' and ')}`).toBeLessThan(2);
      }
    },
  };
}

function leaseOf({ api }: World): Readonly<Record<string, unknown>> {
  return api.objects.get(path)?.spec ?? {};
}

/** As a person does it with kubectl edit. */
function edit({ api }: World, spec: object, labels = {}): void {
  const lease = api.objects.get(path);
  if (lease === undefined) throw new Error('there is no Lease');
  const resourceVersion = `${Number(lease.metadata.resourceVersion) + 1000}`;
  api.objects.set(path, { metadata: { ...lease.metadata, labels, resourceVersion }, spec: { ...lease.spec, ...spec } });
}

describe('a Lease', () => {
  it('that is not there is made, and kept alive', async () => {
    const world = createWorld();
    const { election, told } = world.replica('a');
    await world.pass(60_000);
    expect(told).toEqual([{ kind: 'leading', transitions: 0 }]);
    expect(election.state()).toEqual({ kind: 'leading', transitions: 0 });
    expect(leaseOf(world)).toMatchObject({
      holderIdentity: expect.stringMatching(/^a_[0-9a-z]+$/),
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: expect.stringMatching(/^2026-01-01T00:00:5\d\.\d{6}Z$/),
    });
    // One request a period: no look before a renewal.
    expect(world.api.log.filter((verb) => verb === 'get')).toHaveLength(1);
    expect(world.api.log.length).toBeLessThan(60 / (2 * 0.8));
  });

  it('of another is left to it, however long it leads', async () => {
    const world = createWorld();
    world.replica('a');
    await world.pass(1000);
    const second = world.replica('b', { seed: 2 });
    await world.pass(120_000);
    expect(world.leaders()).toEqual(['a']);
    expect(second.told).toEqual([{ kind: 'following', leader: 'a' }]);
  });

  it('that nobody renews goes to another when it ends, once', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(1000);
    const others = ['b', 'c', 'd'].map((name, index) => world.replica(name, { seed: index + 2 }));
    await world.pass(5000);
    first.crash();
    await world.pass(12_000);
    expect(world.leaders()).toEqual([]);
    await world.pass(8000);
    expect(world.leaders()).toHaveLength(1);
    expect(leaseOf(world)).toMatchObject({ leaseTransitions: 1 });
    expect(others.flatMap(({ told }) => told.filter(({ kind }) => kind === 'leading'))).toHaveLength(1);
  });

  it('goes to it as soon as it ends: at most a retry period and the Lease after the last renewal', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = createWorld();
      const first = world.replica('a', { seed });
      await world.pass(1000);
      world.replica('b', { seed: seed + 100 });
      await world.pass(10_000);
      first.crash();
      await world.pass(15_000 + 2400 + 100);
      expect(world.leaders()).toEqual(['b']);
    }
  });

  it('that is released goes to another within a retry period', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(1000);
    world.replica('b', { seed: 2 });
    await world.pass(10_000);
    await first.election.release();
    expect(first.election.isLeading()).toBe(false);
    expect(first.told.at(-1)?.kind).toBe('following');
    expect(leaseOf(world)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 0 });
    await world.pass(2400);
    expect(world.leaders()).toEqual(['b']);
    expect(leaseOf(world)).toMatchObject({ leaseTransitions: 1 });
    // It was for good.
    await world.pass(60_000);
    expect(world.leaders()).toEqual(['b']);
  });

  it('that may be ours, though we were never told, is released too', async () => {
    const world = createWorld();
    world.api.isAnswerLost = true;
    const { election } = world.replica('a');
    // The look is answered, so that it goes on to take it.
    world.api.get = () => Promise.reject(new KubeError('not found', { status: 404 }));
    await world.pass(100);
    expect(leaseOf(world)).toMatchObject({ holderIdentity: expect.stringMatching(/^a_/) });
    world.api.get = async () => structuredClone(world.api.objects.get(path));
    world.api.isAnswerLost = false;
    await election.release();
    expect(leaseOf(world)).toMatchObject({ holderIdentity: '' });
  });

  it('of a process of the same name that ended is not ours', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    first.crash();
    world.replica('a', { seed: 2 });
    await world.pass(12_000);
    expect(world.leaders()).toEqual([]);
    await world.pass(8000);
    expect(world.leaders()).toEqual(['a']);
    expect(leaseOf(world)).toMatchObject({ leaseTransitions: 1 });
  });

  it('whose labels are edited stays with its holder, and gives it no longer time', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(1000);
    world.replica('b', { seed: 2 });
    for (let count = 0; count < 10; count++) {
      edit(world, {}, { edited: `${count}` });
      await world.pass(3000);
    }
    expect(first.told).toEqual([{ kind: 'leading', transitions: 0 }]);
    expect(world.api.objects.get(path)?.metadata.labels).toEqual({ edited: '9' });
    first.crash();
    for (let count = 0; count < 10; count++) {
      edit(world, {}, { edited: `${count}` });
      await world.pass(2000);
    }
    expect(world.leaders()).toEqual(['b']);
  });

  it('that lacks fields, or has odd ones, is a Lease all the same', async () => {
    const world = createWorld();
    const spec = { holderIdentity: 'x', leaseDurationSeconds: 'long', leaseTransitions: -1 };
    world.api.objects.set(path, { metadata: { resourceVersion: '1' }, spec });
    world.replica('a');
    await world.pass(14_000);
    expect(world.leaders()).toEqual([]);
    await world.pass(3000);
    expect(world.leaders()).toEqual(['a']);
    expect(leaseOf(world)).toMatchObject({ leaseTransitions: 1, leaseDurationSeconds: 15 });
  });
});

describe('L3: a Lease that is taken from its holder', () => {
  it('deleted: it stands down, says so, and contends anew; the count goes on', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    world.api.objects.clear();
    await world.pass(2400);
    expect(first.told).toEqual([
      { kind: 'leading', transitions: 0 },
      { kind: 'following' },
      { kind: 'leading', transitions: 1 },
    ]);
    expect(first.problems).toEqual([
      expect.stringMatching(/KV0823 the Lease kubervisor\/kubervisor was deleted while/),
    ]);
  });

  it('given to another: it stands down at its next renewal, and waits like everybody else', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    edit(world, { holderIdentity: 'thief' });
    await world.pass(2400);
    expect(first.told.at(-1)).toEqual({ kind: 'following', leader: 'thief' });
    expect(first.problems).toEqual([expect.stringContaining('was given to thief')]);
    await world.pass(12_000);
    expect(world.leaders()).toEqual([]);
    await world.pass(6000);
    expect(world.leaders()).toEqual(['a']);
  });
});

describe('L2: clocks', () => {
  it.each([
    [3_600_000, -3_600_000],
    [-3_600_000, 3_600_000],
  ])('of %i and %i ms difference change nothing', async (one, other) => {
    const world = createWorld();
    const first = world.replica('a', { skewMs: one });
    await world.pass(1000);
    const second = world.replica('b', { skewMs: other, seed: 2 });
    await world.pass(120_000);
    expect(first.told).toEqual([{ kind: 'leading', transitions: 0 }]);
    expect(second.told).toEqual([{ kind: 'following', leader: 'a' }]);
    first.crash();
    await world.pass(20_000);
    expect(world.leaders()).toEqual(['b']);
  });

  it('that are set by an hour, back and forth, change nothing', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    let skewMs = 0;
    // The wall clock is written into the Lease and nothing else is done with it.
    const { send } = world.api;
    world.api.send = (verb, at, body, signal) => {
      skewMs = 3_600_000 - skewMs;
      const spec = { ...(body as { spec: object }).spec, renewTime: new Date(skewMs).toISOString() };
      return send(verb, at, { ...(body as object), spec }, signal);
    };
    const second = world.replica('b', { seed: 2 });
    await world.pass(120_000);
    expect(first.told).toEqual([{ kind: 'leading', transitions: 0 }]);
    expect(second.told).toEqual([{ kind: 'following', leader: 'a' }]);
  });

  it.each([
    [0.8, 1.2],
    [1.2, 0.8],
    [0.9, 1.1],
  ])('that run at %f and %f of the true rate: never two, through every loss of connection', async (one, other) => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = createWorld();
      const random = randomFrom(seed);
      world.api.latencyMs = random.int(0, 1000);
      const names = ['a', 'b'];
      world.replica('a', { rate: one, seed });
      world.replica('b', { rate: other, seed: seed + 100 });
      for (let round = 0; round < 10; round++) {
        await world.pass(random.int(0, 20) * 1000);
        const holder = world.leaders()[0];
        expect(names.includes(holder ?? 'a')).toBe(true);
        // The one that leads cannot write any more; the other can.
        const own = String(leaseOf(world)['holderIdentity']);
        const { send } = world.api;
        world.api.send = (verb, at, body, signal) =>
          (body as { spec: { holderIdentity: string } }).spec.holderIdentity === own
            ? Promise.reject(new KubeError('cut'))
            : send(verb, at, body, signal);
        await world.pass(30_000);
        expect(world.leaders()).toHaveLength(1);
        expect(leaseOf(world)['holderIdentity']).not.toBe(own);
        world.api.send = send;
      }
    }
  });
});

describe('an API server', () => {
  it('that is away: the leader stands down on time, by itself, and goes on when it is back', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    world.api.refuse = () => new KubeError('no connection');
    await world.pass(7400);
    expect(world.leaders()).toEqual(['a']);
    expect(first.election.problems().map(formatProblem)).toEqual([expect.stringContaining('KV0820')]);
    await world.pass(2800);
    expect(first.told.at(-1)).toEqual({ kind: 'following' });
    await world.pass(600_000);
    expect(first.problems).toHaveLength(1);
    world.api.refuse = () => undefined;
    await world.pass(2400);
    expect(world.leaders()).toEqual(['a']);
    expect(first.election.problems()).toEqual([]);
    // Nobody else had it.
    expect(leaseOf(world)).toMatchObject({ leaseTransitions: 0 });
  });

  it('that does not answer: the leader stands down while it waits', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    world.api.latencyMs = 1_000_000;
    await world.pass(10_000);
    expect(first.told.map(({ kind }) => kind)).toEqual(['leading', 'following']);
    expect(first.election.problems().map(({ message }) => message)).toEqual([
      expect.stringMatching(/no answer within \d+ ms/),
    ]);
  });

  it('that is slow: the time counts from when a renewal was sent, as it may have been written then', async () => {
    const world = createWorld();
    world.api.latencyMs = 4000;
    world.replica('a');
    await world.pass(8100);
    expect(world.leaders()).toEqual(['a']);
    world.api.refuse = () => new KubeError('no connection');
    // Sent after 4 s, answered after 8.
    await world.pass(5800);
    expect(world.leaders()).toEqual(['a']);
    await world.pass(200);
    expect(world.leaders()).toEqual([]);
  });

  it.each([1000, 4000])('that takes %i ms for each answer: the leader stays', async (latencyMs) => {
    const world = createWorld();
    world.api.latencyMs = latencyMs;
    const first = world.replica('a');
    await world.pass(1000);
    world.replica('b', { seed: 2 });
    await world.pass(300_000);
    expect(first.told).toEqual([{ kind: 'leading', transitions: 0 }]);
  });

  it.each([6000, 9000, 12_000])(
    'K7: that takes %i ms: whoever leads at all does so within the bounds',
    async (latencyMs) => {
      const world = createWorld();
      world.api.latencyMs = latencyMs;
      world.replica('a');
      await world.pass(1000);
      world.replica('b', { seed: 2 });
      // `pass` looks for a second leader all the time.
      await world.pass(300_000);
    },
  );

  it('whose answers are lost, though it does what it is asked: never two, and the Lease is released all the same', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    world.replica('b', { seed: 2 });
    world.api.isAnswerLost = true;
    await world.pass(40_000);
    world.api.isAnswerLost = false;
    await world.pass(20_000);
    expect(world.leaders()).toHaveLength(1);
    await first.election.release();
    await world.pass(20_000);
    expect(world.leaders()).toEqual(['b']);
  });

  it('that lets nobody write: says which right is missing, once, and where', async () => {
    const world = createWorld();
    const forbidden = 'leases.coordination.k8s.io "kubervisor" is forbidden: cannot patch resource "leases"';
    const first = world.replica('a');
    await world.pass(5000);
    world.api.refuse = (verb) => (verb === 'patch' ? new KubeError(forbidden, { status: 403 }) : undefined);
    await world.pass(60_000);
    expect(first.problems).toEqual([expect.stringContaining(`KV0821`)]);
    expect(first.problems[0]).toContain(forbidden);
    expect(first.problems[0]).toContain('get, create and patch on leases of coordination.k8s.io in kubervisor');
  });

  it('that lacks the namespace: says so', async () => {
    const world = createWorld();
    world.api.refuse = () => new KubeError('namespaces "kubervisor" not found', { status: 404 });
    const first = world.replica('a');
    await world.pass(5000);
    expect(first.problems).toEqual([expect.stringContaining('KV0822')]);
  });

  it('that asks to be left alone is, though not for a day', async () => {
    const world = createWorld();
    world.api.refuse = () => new KubeError('too many requests', { status: 429, retryAfterMs: 6000 });
    world.replica('a');
    await world.pass(60_000);
    expect(world.api.log.length).toBeLessThanOrEqual(11);
    world.api.refuse = () => new KubeError('too many requests', { status: 429, retryAfterMs: 86_400_000 });
    await world.pass(10_000);
    world.api.refuse = () => undefined;
    await world.pass(16_000);
    expect(world.leaders()).toEqual(['a']);
  });
});

describe('L1: a process that was stopped', () => {
  it('leads no more the moment it goes on, before any timer of it has run', async () => {
    const world = createWorld();
    const first = world.replica('a');
    await world.pass(5000);
    world.clock.stall(11_000);
    expect(first.election.isLeading()).toBe(false);
    expect(first.election.state()).toEqual({ kind: 'following' });
    await world.pass(100);
    expect(first.told.map(({ kind }) => kind)).toEqual(['leading', 'following', 'leading']);
  });

  it('in the middle of a renewal: its answer, late, makes no leader', async () => {
    const world = createWorld();
    world.api.latencyMs = 500;
    const first = world.replica('a');
    await world.pass(5000);
    await world.clock.advance(2000);
    world.clock.stall(60_000);
    expect(first.election.isLeading()).toBe(false);
    edit(world, { holderIdentity: 'b_1', renewTime: 'now' });
    await world.pass(5000);
    expect(first.told.at(-1)).toEqual({ kind: 'following', leader: 'b' });
  });
});

it('what obeys a change and fails is told, and changes nothing', async () => {
  const clock = createManualClock();
  const problems: string[] = [];
  const election = createElection({
    client: createFakeLeases(clock),
    clock,
    monotonicMs: clock.now,
    random: () => 0.5,
    namespace: 'kubervisor',
    name: 'kubervisor',
    identity: 'a',
    timing,
    onChange: () => {
      throw new Error('oh');
    },
    onProblem: ({ code }) => problems.push(code),
  });
  const stopping = new AbortController();
  const ended = election.run(stopping.signal);
  await clock.advance(60_000);
  await settle();
  expect(election.isLeading()).toBe(true);
  expect(problems).toEqual(['KV0001']);
  stopping.abort();
  await ended;
  expect(election.isLeading()).toBe(false);
  expect(clock.pending).toBe(0);
});
