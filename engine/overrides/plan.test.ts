import { describe, expect, it } from 'vitest';
import { decisionOf, fleetOf } from '../../test/support/fixtures.ts';
import type { Decision } from '../rotation/decision.ts';
import { initialState, type ServiceState } from '../rotation/state.ts';
import { createShapeCheck } from '../policy/shape.ts';
import { actorOf, isBy, type Override, readOverride } from './override.ts';
import { defaultPlanTiming, planFor } from './plan.ts';
import { overrideSpecSchema, type OverrideStatus } from './schema.ts';

const created = Date.UTC(2026, 0, 1);
const minute = 60_000;
const shape = createShapeCheck(overrideSpecSchema);
const eject = { service: 'pricer', endpoint: 'p1', action: 'Eject', for: '15m', reason: 'heap dump' };
const restore = { service: 'pricer', endpoint: 'p1', action: 'Restore', reason: 'checked' };

function override(status: OverrideStatus = {}, spec: unknown = eject, metadata: object = {}): Override {
  return readOverride(
    {
      metadata: {
        namespace: 'shop',
        name: 'o',
        uid: '11111111-2222',
        resourceVersion: '7',
        generation: 1,
        creationTimestamp: new Date(created).toISOString(),
        ...metadata,
      },
      spec,
      status,
    },
    shape,
  );
}

function stateWith(...decisions: readonly Decision[]): ServiceState {
  const state = initialState(fleetOf(3));
  return {
    ...state,
    enforced: { ...state.enforced, decisions: new Map(decisions.map((each) => [each.backend, each])) },
  };
}

function outBy(actor: string, change: Partial<Decision> = {}): Decision {
  const cause = { kind: 'manual', verb: 'eject', actor, reason: 'heap dump' } as const;
  return decisionOf('p1', 'ejected', { sinceMs: created, durationMs: 15 * minute, cause, ...change });
}

const plan = (given: Override, state: ServiceState | undefined, now = created + 1_000) =>
  planFor(given, state, now, defaultPlanTiming);

describe('one that nobody has looked at', () => {
  it('is done', () => {
    expect(plan(override(), stateWith())).toMatchObject({ kind: 'act', spec: eject });
    expect(plan(override({ state: 'Pending' }), stateWith())).toMatchObject({ kind: 'act' });
    expect(plan(override({}, restore), stateWith())).toMatchObject({ kind: 'act' });
  });

  it('is not done twice: a leader that did it and died is told of by the decision', () => {
    const done = override();
    expect(plan(done, stateWith(outBy(actorOf(done))))).toEqual({
      kind: 'tell',
      status: {
        state: 'InForce',
        backend: 'p1',
        sinceTime: '2026-01-01T00:00:01.000Z',
        untilTime: '2026-01-01T00:15:00.000Z',
        until: '00:15:00Z',
        observedGeneration: 1,
      },
    });
  });

  it('nor after its time, when nothing tells any more whether it was done', () => {
    for (const [spec, lateMs] of [
      [eject, 15 * minute],
      [restore, 10 * minute],
    ] as const) {
      expect(plan(override({}, spec), stateWith(), created + lateMs - 1)).toMatchObject({ kind: 'act' });
      expect(plan(override({}, spec), stateWith(), created + lateMs)).toMatchObject({
        kind: 'tell',
        status: { state: 'Ended', code: 'KV0831' },
      });
    }
  });

  it('is refused when an older CRD let in what it must not be', () => {
    const { for: _, ...endless } = eject;
    expect(plan(override({}, endless), stateWith())).toMatchObject({
      kind: 'tell',
      status: { state: 'Refused', code: 'KV0830', message: expect.stringContaining('spec.for') },
    });
  });
});

describe('one in force', () => {
  const inForce = override({ state: 'InForce', backend: 'p1', untilTime: '2026-01-01T00:15:00.000Z' });
  const actor = actorOf(inForce);

  it('rests while its backend is out for it', () => {
    expect(plan(inForce, stateWith(outBy(actor)))).toEqual({ kind: 'rest' });
  });

  it.each<[title: string, state: ServiceState | undefined, now: number, message: string]>([
    [
      'its backend is on its way back',
      stateWith(outBy(actor, { state: 'probing' })),
      created + 16 * minute,
      'its time is over',
    ],
    ['somebody brought it back', stateWith(), created + minute, 'brought back before its time'],
    [
      'somebody brought it back, and it still carries the act that took it out',
      stateWith(outBy(actor, { state: 'serving' })),
      created + minute,
      'brought back before its time',
    ],
    ['another act is in force', stateWith(outBy('ana')), created + minute, 'another act is in force: by ana'],
    ['the Service is gone', undefined, created + minute, 'the Service is gone'],
    ['the backend is gone', { ...stateWith(), fleet: fleetOf([]) }, created + minute, 'the backend is gone'],
  ])('ends when %s', (_, state, now, message) => {
    expect(plan(inForce, state, now)).toMatchObject({
      kind: 'tell',
      status: { state: 'Ended', message: expect.stringContaining(message), backend: 'p1' },
    });
  });
});

describe('one that is over', () => {
  it.each(['Refused', 'Ended'] as const)(
    '%s: never acts again, whatever is out, and is deleted after an hour',
    (state) => {
      const over = override({ state, sinceTime: new Date(created).toISOString() });
      const standing = stateWith(outBy(actorOf(over)));
      expect(plan(over, stateWith())).toEqual({ kind: 'rest' });
      expect(plan(over, standing, created + 60 * minute - 1)).toEqual({ kind: 'rest' });
      expect(plan(over, standing, created + 60 * minute)).toEqual({ kind: 'delete' });
    },
  );
});

describe('whose decision it is', () => {
  it('another object of the same name is another override', () => {
    const again = override({}, eject, { uid: '99999999-2222' });
    expect(isBy(outBy(actorOf(override())), again)).toBe(false);
  });

  it('who it claims to be is shown as a claim, without what moves a cursor, and changes nothing about that', () => {
    const claimed = override({}, eject, { annotations: { 'breaker.kubervisor.io/claimed-by': 'ana\u001b[2J' } });
    expect(actorOf(claimed)).toBe('EndpointOverride shop/o#11111111 (claimed by ana [2J)');
    expect(isBy(outBy(actorOf(claimed)), override())).toBe(true);
  });
});
