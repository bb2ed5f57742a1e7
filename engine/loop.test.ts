/** What happens to answers, timers and defects while the world goes on changing. */
import { describe, expect, it } from 'vitest';
import { evidenceOf } from '../test/support/fixtures.ts';
import {
  breakerOf,
  createManualClock,
  type EngineWorld,
  engineWorld,
  fleetOf,
  pricers,
  quickPolicy,
  service,
  settle,
} from '../test/support/engine.ts';
import type { Gathered } from './loop.ts';
import { backendId, serviceKey } from './model.ts';
import type { SourceChange } from './sources/source.ts';

const bad: Gathered['evidence'] = evidenceOf({ p1: 0, p2: 0, p3: 9, p4: 0, p5: 0, p6: 0 });

/** Every answer waits until the test gives it. */
async function slowWorld(changes = pricers()) {
  let waiting: ((gathered: Gathered) => void)[] = [];
  const world = await engineWorld(changes, { gather: () => new Promise((resolve) => waiting.push(resolve)) });
  const answer = async (evidence = bad): Promise<void> => {
    const answered = waiting;
    waiting = [];
    for (const resolve of answered) resolve({ evidence, evaluatedAtMs: world.clock.now(), lookbackMs: 1000 });
    await settle();
  };
  const rounds = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round++) {
      await world.clock.advance(1000);
      await answer();
    }
  };
  return { world, answer, rounds };
}

describe('an answer that comes late', () => {
  it('counts while the question is still asked', async () => {
    const { world, rounds } = await slowWorld();
    await rounds(3);
    expect(world.statuses()['p3']).toBe('DRAINING');
    await world.stop();
  });

  it.each<[string, readonly SourceChange[]]>([
    [
      'the breaker asks something else now',
      [{ kind: 'policy', policy: quickPolicy({ breakers: [breakerOf({ fingerprint: 'errors-2' })] }) }],
    ],
    ['the breaker is gone', [{ kind: 'policy', policy: quickPolicy({ breakers: [breakerOf({ name: 'latency' })] }) }]],
    ['the policy is gone', [{ kind: 'policy-gone', service }]],
    [
      'the Service is gone',
      [
        { kind: 'fleet-gone', service },
        { kind: 'policy-gone', service },
      ],
    ],
    ['the policy is suspended', [{ kind: 'policy', policy: quickPolicy({ enforcement: 'Suspended' }) }]],
  ])('changes nothing any more when %s', async (_, changes) => {
    const { world, answer, rounds } = await slowWorld();
    await rounds(1);
    await world.clock.advance(1000);
    world.change(...changes);
    await answer();
    expect(Object.values(world.statuses())).not.toContain('DRAINING');
    expect(world.state()?.enforced.decisions.size ?? 0).toBe(0);
    await world.stop();
  });

  it('changes nothing any more once a person has suspended the Service', async () => {
    const { world, answer, rounds } = await slowWorld();
    await rounds(1);
    await world.clock.advance(1000);
    await world.engine.command(service, { verb: 'suspend', actor: 'test', reason: 'incident' });
    await answer();
    expect(world.statuses()['p3']).toBe('HEALTHY');
    await world.stop();
  });

  it('says nothing of a backend that is not the one that was asked about', async () => {
    const { world, answer, rounds } = await slowWorld();
    await rounds(1);
    await world.clock.advance(1000);
    const { backends, ...rest } = fleetOf(6);
    const successor = backends.map((backend) =>
      backend.name === 'p3' ? { ...backend, id: backendId('p3-new'), podUid: 'p3-new' } : backend,
    );
    world.change({ kind: 'fleet', fleet: { ...rest, backends: successor } });
    await answer();
    expect(Object.values(world.statuses())).toEqual(Array(6).fill('HEALTHY'));
    await world.stop();
  });
});

describe('a Service without backends', () => {
  it('is not asked about, and its policy does not settle on nobody', async () => {
    const world = await engineWorld([
      { kind: 'fleet', fleet: fleetOf([]) },
      { kind: 'policy', policy: quickPolicy({ settle: 10 }) },
    ]);
    await world.clock.advance(60_000);
    expect(world.asked).toBe(0);
    world.errors.set('p3', 9);
    world.change({ kind: 'fleet', fleet: fleetOf(6) });
    await world.clock.advance(9000);
    expect(world.statuses()['p3']).toBe('HEALTHY');
    await world.clock.advance(5000);
    expect(world.statuses()['p3']).toBe('DRAINING');
    await world.stop();
  });
});

describe('timers', () => {
  it('end with the policy', async () => {
    const world = await engineWorld();
    await world.clock.advance(3000);
    world.change({ kind: 'policy-gone', service });
    const { asked } = world;
    await world.clock.advance(60_000);
    expect([world.asked - asked, world.clock.pending]).toEqual([0, 0]);
    await world.stop();
  });

  it('are replaced, not added to, by an edit', async () => {
    const world = await engineWorld();
    for (let edit = 1; edit <= 5; edit++) world.change({ kind: 'policy', policy: quickPolicy({ settle: edit }) });
    await settle();
    expect(world.clock.pending).toBe(1);
    await world.stop();
  });

  it('end with the engine, whatever is out, held and unwritten', async () => {
    const world = await engineWorld();
    world.errors.set('p3', 9);
    await world.clock.advance(4000);
    world.store.answer = 'fail';
    void world.eject('p4');
    await settle();
    await world.stop();
    expect(world.clock.pending).toBe(0);
  });

  it('do not run away while something is due that cannot happen', async () => {
    const world = await engineWorld(pricers({ eject: { how: 'Drain', closeAfterMs: 5000, then: 'Remove' } }));
    world.errors.set('p3', 9);
    await world.clock.advance(4000);
    world.store.answer = 'fail';
    void world.eject('p5');
    const { asked } = world.store;
    await world.clock.advance(30_000);
    // One attempt for each evaluation, and one for each retry.
    expect(world.store.asked - asked).toBeLessThan(100);
    await world.stop();
  });
});

describe('a defect of ours', () => {
  it('in what time brings about is told, and does not end the process', async () => {
    let isBroken = false;
    const world = await engineWorld(pricers(), {
      onPublish: () => {
        if (isBroken) throw new Error('bug');
      },
    });
    await world.eject('p3', { forMs: 5000 });
    isBroken = true;
    await world.clock.advance(6000);
    expect(world.problems).toContainEqual(expect.objectContaining({ code: 'KV0001' }));

    isBroken = false;
    await world.clock.advance(20_000);
    expect(world.statuses()['p3']).toBe('HEALTHY');
    await world.stop();
  });
});

describe('R8: what all Services together eject in a minute', () => {
  const services = Array.from({ length: 14 }, (_, index) => serviceKey('shop', `pricer-${index}`));
  const many = (): readonly SourceChange[] =>
    services.flatMap((key): readonly SourceChange[] => [
      { kind: 'fleet', fleet: { ...fleetOf(6), service: key } },
      { kind: 'policy', policy: quickPolicy({ service: key, name: key.split('/')[1] ?? '' }) },
    ]);
  const out = ({ engine }: EngineWorld): number =>
    engine.states().filter(({ enforced }) => enforced.decisions.size > 0).length;

  it('is limited, and the rest follows in the next minute', async () => {
    const world = await engineWorld(many());
    world.errors.set('p3', 9);
    await world.clock.advance(5000);
    expect(out(world)).toBe(10);
    await world.clock.advance(60_000);
    expect(out(world)).toBe(14);
    await world.stop();
  });

  it('is limited over a restart too', async () => {
    const before = await engineWorld(many());
    before.errors.set('p3', 9);
    await before.clock.advance(5000);
    await before.stop();
    const after = await engineWorld(many(), { store: before.store, clock: before.clock });
    after.errors.set('p3', 9);
    await after.clock.advance(5000);
    expect(out(after)).toBe(10);
    await after.stop();
  });

  it('is not held up for an hour by a clock that was set back by one', async () => {
    const clock = createManualClock();
    const world = await engineWorld(many(), { clock });
    world.errors.set('p3', 9);
    await clock.advance(5000);
    clock.set(-3_600_000);
    await clock.advance(70_000);
    expect(out(world)).toBe(14);
    await world.stop();
  });
});

describe('R16: Observe', () => {
  it('changes nothing that is served, whatever it would have done', async () => {
    const world = await engineWorld(pricers({ enforcement: 'Observe' }));
    const { length } = world.published;
    world.errors.set('p3', 9);
    await world.clock.advance(30_000);
    expect(world.state()?.shadow.decisions.get(backendId('p3'))?.state).toBe('ejected');
    expect(world.published).toHaveLength(length);
    await world.stop();
  });
});
