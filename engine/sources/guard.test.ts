import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Backend, Fleet, ServicePort } from '../model.ts';
import { backendId, members, serviceKey } from '../model.ts';
import { addressOwners, guardRemovals, hasChangedHands } from './guard.ts';

const http: ServicePort = { name: 'http', number: 80 };
const admin: ServicePort = { name: 'admin', number: 81 };

function backend(index: number, over: Partial<Backend> & { ports?: readonly string[] } = {}): Backend {
  const { ports = ['http'], ...rest } = over;
  const id = `pod-${String(index).padStart(2, '0')}`;
  return {
    id: backendId(id),
    name: id,
    ready: true,
    serving: true,
    terminating: false,
    endpoints: ports.map((portName) => ({ portName, address: `10.0.0.${index}`, port: 8080 })),
    ...rest,
  };
}

function fleet(backends: readonly Backend[], ports: readonly ServicePort[] = [http]): Fleet {
  return { service: serviceKey('shop', 'pricer'), ports, backends };
}

function backends(count: number, over: Parameters<typeof backend>[1] = {}): readonly Backend[] {
  return Array.from({ length: count }, (_, index) => backend(index, over));
}

const unexplained = (): boolean => false;
const ten = fleet(backends(10));

describe('what is questioned', () => {
  test.each([
    ['three of ten may leave: not over 30 %', 10, 3, 0],
    ['four of ten are held', 10, 4, 4],
    ['two of three may leave: fewer than three', 3, 2, 0],
    ['three of four are held', 4, 3, 3],
    ['the last one is held, however few there were', 1, 1, 1],
    ['both of two are held', 2, 2, 2],
  ])('%s', (_, size, removed, held) => {
    const guarded = guardRemovals(fleet(backends(size)), fleet(backends(size).slice(removed)), unexplained);
    expect(guarded.held).toHaveLength(held);
    expect(guarded.fleet.backends).toHaveLength(size - removed + held);
  });

  test('a port that loses its backends is questioned even if they remain on another port', () => {
    const both = fleet(backends(4, { ports: ['http', 'admin'] }), [http, admin]);
    const next = fleet(backends(4, { ports: ['http'] }), [http, admin]);
    const guarded = guardRemovals(both, next, unexplained);
    expect(guarded.held).toHaveLength(4);
    expect(guarded.fleet).toEqual(fleet(backends(4, { ports: ['admin', 'http'] }), [http, admin]));
  });

  test('a port the Service gave up is not: nobody can ask for it any more', () => {
    const both = fleet(backends(4, { ports: ['http', 'admin'] }), [http, admin]);
    expect(guardRemovals(both, fleet(backends(4)), unexplained).held).toEqual([]);
  });
});

describe('what is held', () => {
  test('only what vanished: the rest of the reload takes effect at once', () => {
    const next = fleet([backend(0, { ready: false }), ...backends(4).slice(1), backend(50)]);
    const guarded = guardRemovals(ten, next, unexplained).fleet;
    expect(guarded.backends.map(({ name }) => name)).toEqual([...ten.backends.map(({ name }) => name), 'pod-50']);
    expect(guarded.backends[0]?.ready).toBe(false);
  });

  test('nothing that is explained, and the explained ones are not counted', () => {
    const gone = new Set(['pod-00', 'pod-01']);
    const guarded = guardRemovals(ten, fleet(backends(10).slice(5)), ({ name }) => gone.has(name));
    expect(guarded.held).toEqual([]);
    const more = guardRemovals(ten, fleet(backends(10).slice(7)), ({ name }) => gone.has(name));
    expect(more.held).toEqual(['pod-02', 'pod-03', 'pod-04', 'pod-05', 'pod-06']);
  });

  test('nothing that was terminating before or is terminating now', () => {
    const leaving = fleet(backends(10).map((each, i) => (i < 4 ? { ...each, terminating: true } : each)));
    expect(guardRemovals(leaving, fleet(backends(10).slice(4)), unexplained).held).toEqual([]);
    expect(guardRemovals(ten, leaving, unexplained)).toEqual({ fleet: leaving, held: [] });
  });

  test('a Service edited before its slices keeps the old port names, with what is known of each backend now', () => {
    const web: ServicePort = { name: 'web', number: 80 };
    const guarded = guardRemovals(ten, fleet([], [web]), unexplained);
    expect(guarded.fleet).toEqual(ten);
    const half = [...backends(5, { ports: ['web'], ready: false })];
    const halfway = guardRemovals(ten, fleet(half, [web]), unexplained);
    expect(halfway.fleet.ports).toEqual([http]);
    expect(halfway.fleet.backends.map(({ endpoints }) => endpoints)).toEqual(ten.backends.map((b) => b.endpoints));
    expect(halfway.fleet.backends.map(({ ready }) => ready)).toEqual([...Array(5).fill(false), ...Array(5).fill(true)]);
  });
});

const anyFleet = fc
  .uniqueArray(fc.record({ index: fc.integer({ min: 0, max: 30 }), ready: fc.boolean(), terminating: fc.boolean() }), {
    selector: ({ index }) => index,
    maxLength: 25,
  })
  .map((all) => fleet(all.sort((a, b) => a.index - b.index).map(({ index, ...over }) => backend(index, over))));

describe('whatever the reload', () => {
  test('a terminating or explained backend is never held', () => {
    fc.assert(
      fc.property(anyFleet, anyFleet, fc.func(fc.boolean()), (previous, next, isExplained) => {
        const { held } = guardRemovals(previous, next, isExplained);
        for (const each of [...previous.backends, ...next.backends]) {
          if (each.terminating) expect(held).not.toContain(each.id);
        }
        for (const each of previous.backends) if (isExplained(each)) expect(held).not.toContain(each.id);
      }),
    );
  });

  test('no more than 30 % and two backends leave without an explanation, and never the last', () => {
    fc.assert(
      fc.property(anyFleet, anyFleet, (previous, next) => {
        const { fleet: after } = guardRemovals(previous, next, unexplained);
        const left = new Set(after.backends.map(({ id }) => id));
        const lost = members(previous).filter(({ id }) => !left.has(id));
        expect(lost.length <= 2 || lost.length * 100 <= 30 * members(previous).length).toBe(true);
        const isLeaving = members(previous).every(({ id }) => after.backends.some((b) => b.id === id && b.terminating));
        if (!isLeaving) expect(members(after).length).toBeGreaterThan(0);
      }),
    );
  });

  test('what the reload lists is in force as the reload lists it', () => {
    fc.assert(
      fc.property(anyFleet, anyFleet, (previous, next) => {
        const { fleet: after, held } = guardRemovals(previous, next, unexplained);
        expect(after.backends.filter(({ id }) => !held.includes(id))).toEqual(next.backends);
      }),
    );
  });
});

describe('an address that changed hands', () => {
  const [a, b] = [backend(1), backend(2)];
  const owners = (...all: readonly Backend[]): ReturnType<typeof addressOwners> => addressOwners([fleet(all)]);

  test('belongs to whoever is new on it', () => {
    const successor = { ...backend(9), endpoints: a.endpoints };
    expect(hasChangedHands(a, owners(a, b), owners(b, successor))).toBe(true);
    expect(hasChangedHands(b, owners(a, b), owners(b, successor))).toBe(false);
  });

  test('has not, where two backends shared it all along, as on the host network', () => {
    const neighbour = { ...backend(9), endpoints: a.endpoints };
    expect(hasChangedHands(a, owners(a, neighbour), owners(neighbour))).toBe(false);
  });

  test('has not, while nobody else has it', () => {
    expect(hasChangedHands(a, owners(a, b), owners(b))).toBe(false);
  });
});
