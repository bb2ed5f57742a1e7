/** The promise of the store, at every instant: a load gives the last acknowledged state or the one being written. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ServiceKey } from '../../engine/model.ts';
import { serviceKey } from '../../engine/model.ts';
import { ProblemError } from '../../engine/problem.ts';
import { createFileStore } from '../../engine/store/file.ts';
import type { Processes } from '../../engine/store/processes.ts';
import type { JsonValue, Store, StoredState } from '../../engine/store/store.ts';
import { noRevision } from '../../engine/store/store.ts';
import type { DiskContent, Fault, SimulatedDisk } from './simulated-disk.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

const directory = '/state';
const pricer = serviceKey('shop', 'pricer');
const search = serviceKey('shop', 'search');
const never = new AbortController().signal;

/** What may be found after a crash: the acknowledged value, and the one that was under way. */
interface Belief {
  readonly acknowledged: Map<string, JsonValue | undefined>;
  readonly attempted: Map<string, JsonValue | undefined>;
  epoch: number;
}

function openStore(disk: SimulatedDisk): Store {
  // Whoever left a lock is gone: the power was.
  const start = randomUUID();
  const processes: Processes = { self: async () => ({ pid: 2, start }), isAlive: async () => false };
  return createFileStore({ directory, ops: disk.ops, processes });
}

/** The first write that was not acknowledged. */
class NotKept extends Error {}

/** A life of two Services and the global value, to its end or to the first write that fails. */
async function live(store: Store, belief: Belief, until: 'end' | 'failure'): Promise<void> {
  const state = await store.load(never);
  belief.epoch = state.epoch;
  const revisions = new Map<ServiceKey, number>();

  const keep = async (key: string, value: JsonValue | undefined, write: () => Promise<{ readonly kind: string }>) => {
    belief.attempted.set(key, value);
    const result = await write();
    if (result.kind === 'saved' || result.kind === 'removed') belief.acknowledged.set(key, value);
    else if (until === 'failure') throw new NotKept(result.kind);
    return result;
  };
  const save = (service: ServiceKey, value: JsonValue): Promise<unknown> =>
    keep(service, value, async () => {
      const result = await store.save(service, value, revisions.get(service) ?? noRevision);
      if (result.kind === 'saved') revisions.set(service, result.revision);
      return result;
    });
  const remove = (service: ServiceKey): Promise<unknown> =>
    keep(service, undefined, async () => {
      const result = await store.remove(service, revisions.get(service) ?? noRevision);
      if (result.kind === 'removed') revisions.delete(service);
      return result;
    });

  await save(pricer, { out: ['a'] });
  await save(pricer, { out: ['a', 'b'] });
  await save(search, { out: ['z'] });
  await save(search, { out: ['y', 'z'] });
  await save(pricer, { out: ['b'] });
  await keep('global', { suspended: true }, () => store.saveGlobal({ suspended: true }));
  await remove(search);
  await save(search, { out: ['x'] });
  await keep('global', { suspended: false }, () => store.saveGlobal({ suspended: false }));
}

async function liveWith(
  fault: Fault | undefined,
  until: 'end' | 'failure' = 'failure',
): Promise<{ disk: SimulatedDisk; belief: Belief; error: unknown }> {
  const disk = createSimulatedDisk(new Map(), fault);
  const belief: Belief = { acknowledged: new Map(), attempted: new Map(), epoch: 0 };
  let error: unknown;
  try {
    await live(openStore(disk), belief, until);
  } catch (thrown) {
    error = thrown;
  }
  return { disk, belief, error };
}

function expectBelieved(state: StoredState, belief: Belief, when: string): void {
  const found = new Map<string, JsonValue | undefined>();
  for (const [service, record] of state.records) found.set(service, record.body);
  if (state.global !== undefined) found.set('global', state.global);
  for (const key of [pricer, search, 'global']) {
    expect([belief.acknowledged.get(key), belief.attempted.get(key)], `${key} ${when}`).toContainEqual(found.get(key));
  }
  expect(state.epoch, `epoch ${when}`).toBeGreaterThan(belief.epoch);
}

async function loadAll(contents: readonly DiskContent[], belief: Belief, when: string): Promise<void> {
  for (const content of contents) {
    const store = openStore(createSimulatedDisk(content));
    const state = await store.load(never);
    expectBelieved(state, belief, when);
    // A cut may take the trace of an interrupted write, and then the copy in use is reported without need.
    expect(new Set(['KV0405', ...state.problems.map(({ code }) => code)]), `problems ${when}`).toHaveLength(1);
  }
}

describe('whatever operation a crash interrupts, a load gives the last acknowledged state or the one under way', () => {
  test('when the process is killed, and when the power is cut', async () => {
    const { disk } = await liveWith(undefined);
    expect(disk.operations()).toBeGreaterThan(60);
    for (let at = 0; at < disk.operations(); at++) {
      const crashed = await liveWith({ kind: 'power-cut', at });
      const when = `after a crash at operation ${at}`;
      await loadAll([crashed.disk.content(), ...crashed.disk.afterPowerCut()], crashed.belief, when);
    }
  });

  test('when the load after a crash is interrupted as well', async () => {
    const { disk } = await liveWith(undefined);
    for (let at = 0; at < disk.operations(); at++) {
      const crashed = await liveWith({ kind: 'power-cut', at });
      for (let again = 0; ; again++) {
        const second = createSimulatedDisk(crashed.disk.content(), { kind: 'power-cut', at: again });
        const finished = await openStore(second)
          .load(never)
          .then(() => true)
          .catch(() => false);
        if (finished) break;
        await loadAll(second.afterPowerCut(), crashed.belief, `after crashes at operations ${at} and then ${again}`);
      }
    }
  });
});

describe('whatever operation fails, the store says so and nothing that was acknowledged is lost', () => {
  test.each(['ENOSPC', 'EIO', 'EROFS', 'EDQUOT'])('with %s', async (errno) => {
    const { disk } = await liveWith(undefined);
    for (let at = 0; at < disk.operations(); at++) {
      for (const until of ['failure', 'end'] as const) {
        const { disk: faulty, belief, error } = await liveWith({ kind: 'error', at, errno }, until);
        // A start that cannot write refuses with a problem; a later failure is an answer, never a throw.
        if (error !== undefined && !(error instanceof NotKept)) expect(error).toBeInstanceOf(ProblemError);
        await loadAll([faulty.content(), ...faulty.afterPowerCut()], belief, `after ${errno} at operation ${at}`);
      }
    }
  });
});

test('a load that meets an error either refuses or gives what was acknowledged', async () => {
  const { disk, belief } = await liveWith(undefined);
  for (const errno of ['EIO', 'EACCES', 'ENOSPC']) {
    for (let at = 0; ; at++) {
      const faulty = createSimulatedDisk(disk.content(), { kind: 'error', at, errno });
      const outcome = await openStore(faulty)
        .load(never)
        .catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome, `${errno} at operation ${at}`).toBeInstanceOf(ProblemError);
      else expectBelieved(outcome as StoredState, belief, `${errno} at operation ${at}`);
      if (faulty.operations() <= at) break;
    }
  }
});

describe('a damaged document is used from its copy, and a crash at any operation does not lose that copy', () => {
  test.each(['save', 'remove'] as const)('nor in the %s that follows', async (then) => {
    const whole = await liveWith(undefined);
    const damaged = new Map(whole.disk.content());
    damaged.set(`${directory}/shop.pricer.json`, '{"format":1,"sha');
    const before = { out: ['a', 'b'] };
    const after = then === 'save' ? { out: ['c'] } : undefined;
    for (let at = 0; ; at++) {
      const disk = createSimulatedDisk(damaged, { kind: 'power-cut', at });
      const store = openStore(disk);
      const loaded = await store.load(never).catch(() => undefined);
      expect(loaded?.problems ?? [{ code: 'KV0405' }]).toMatchObject([{ code: 'KV0405' }]);
      const revision = loaded?.records.get(pricer)?.revision ?? noRevision;
      const result = then === 'save' ? store.save(pricer, { out: ['c'] }, revision) : store.remove(pricer, revision);
      const done = ['saved', 'removed'].includes((await result).kind);
      for (const content of [disk.content(), ...disk.afterPowerCut()]) {
        const { records } = await openStore(createSimulatedDisk(content)).load(never);
        expect(done ? [after] : [before, after], `a crash at operation ${at}`).toContainEqual(
          records.get(pricer)?.body,
        );
      }
      if (done) break;
    }
  });
});

test('an epoch is never handed out again, whatever crash follows the damage of the file that holds it', async () => {
  const whole = await liveWith(undefined);
  const second = createSimulatedDisk(whole.disk.content());
  const { epoch } = await openStore(second).load(never);
  const damaged = new Map(second.content());
  damaged.set(`${directory}/epoch.json`, '');
  for (let at = 0; ; at++) {
    const disk = createSimulatedDisk(damaged, { kind: 'power-cut', at });
    const done = await openStore(disk)
      .load(never)
      .then(
        (state) => state.epoch > epoch,
        () => false,
      );
    for (const content of [disk.content(), ...disk.afterPowerCut()]) {
      const state = await openStore(createSimulatedDisk(content)).load(never);
      expect(state.epoch, `after a crash at operation ${at}`).toBeGreaterThan(epoch);
    }
    if (done) break;
  }
});
