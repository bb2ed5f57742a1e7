import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changed, isThere, pathsOf, values } from '../../test/support/changed-json.ts';
import { fullRecord } from '../../test/support/full-record.ts';
import { assignmentOf, evidenceOf, fleetOf, judgementOf, service } from '../../test/support/world.ts';
import { serviceView } from '../admin/view.ts';
import type { Static } from '../json-schema.ts';
import { createPolicyStatus } from '../policy-status/describe.ts';
import { formatProblem } from '../problem.ts';
import type { JsonValue } from '../store/store.ts';
import { defaultTiming } from './context.ts';
import { readRecord } from './read-record.ts';
import { fromRecord, type ServiceRecord, toRecord } from './record.ts';
import type { recordSchema } from './record-schema.ts';
import { step } from './step.ts';

const asJson = (value: unknown): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue;
const valid = asJson(fullRecord);

type Writable<T> = T extends string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Writable<Item>[]
    : { -readonly [Key in keyof T]: Writable<T[Key]> };

/** Compiles only while the form lets through whatever the type does; that it lets through no more, `readRecord` itself says. */
export const typeIsForm = (record: Writable<ServiceRecord>): Static<typeof recordSchema> => record;

/** What a replica does with a record that it could read, with a fleet, a policy that is none any more, and time that passes. */
function liveWith(record: ServiceRecord): void {
  const fleet = fleetOf(6);
  let state = fromRecord(record, { ...fleet, backends: [] });
  let now = 1_000_000;
  const context = { epoch: 2, canReduce: true, globalVelocity: 10, globallySuspended: false, timing: defaultTiming };
  const events = [{ kind: 'fleet', fleet } as const, { kind: 'tick' } as const];
  const see = (): void => {
    for (const port of assignmentOf(state).ports) {
      for (const { weight } of port.localities.flatMap(({ endpoints }) => endpoints)) {
        expect(weight).toBeGreaterThanOrEqual(1);
        expect(weight).toBeLessThanOrEqual(100);
      }
    }
    serviceView(state, { now, suspension: undefined }, true);
  };
  for (const event of events) {
    state = step(state, event, { ...context, now }).state;
    see();
  }
  for (const { name } of state.policy?.breakers ?? []) {
    now += 5000;
    const said = { p1: 1, p2: 1, p3: 1, p4: 1, p5: 1, p6: 9 };
    const judgement = judgementOf(state, name, evidenceOf(said), now);
    if (judgement !== undefined) state = step(state, judgement, { ...context, now }).state;
    see();
  }
  now += 86_400_000;
  state = step(state, { kind: 'tick' }, { ...context, now }).state;
  see();
  // Written down again it can be read again.
  expect(readRecord(service, asJson(toRecord(state, 2)))).toMatchObject({ kind: 'record' });
}

function describeStatus(body: JsonValue): void {
  const status = createPolicyStatus({
    whyBlind: () => undefined,
    stateOf: () => fromRecord(fullRecord, fleetOf(6)),
    suspension: () => undefined,
    now: () => 1_000_000,
  });
  const { policy } = fullRecord;
  if (policy === undefined) throw new Error('the record has a policy');
  const claim = {
    namespace: 'shop',
    name: 'pricer',
    servicePlace: {},
    outcome: { kind: 'accepted', policy, warnings: [] },
  } as const;
  status.onPolicies({ claims: [claim], owners: new Map([[service, 'shop/pricer']]), fleets: new Set([service]) });
  expect(status.describe({ namespace: 'shop', name: 'pricer' }, body)).toMatchObject({ target: 'Service/pricer' });
}

/** It loads, and can be lived with; or it is a problem that says where. */
function survive(body: JsonValue): 'record' | 'unreadable' {
  const place = {
    code: 'KV0819',
    file: 'KubervisorService shop/pricer',
    field: 'status.record',
    remedy: 'patch',
  } as const;
  const reading = readRecord(service, body, place);
  if (reading.kind === 'record') liveWith(reading.record);
  else {
    const { code } = reading.problem;
    expect(['KV0412', 'KV0819']).toContain(code);
    expect(formatProblem(reading.problem)).toMatch(
      /^KubervisorService shop\/pricer: error KV\d{4} status\.record: the decisions of shop\/pricer .+ \(.*patch\)$/,
    );
  }
  describeStatus(body);
  return reading.kind;
}

describe('a record that somebody wrote', () => {
  it('is read as it was written', () => {
    expect(readRecord(service, valid)).toEqual({ kind: 'record', record: valid });
    expect(survive(valid)).toBe('record');
  });

  it.each([
    [{ ...fullRecord, breakers: undefined }, "it must have required property 'breakers'"],
    [{ ...fullRecord, enforced: { decisions: {}, ejections: [] } }, 'enforced.decisions must be array'],
    [
      { ...fullRecord, shadow: { decisions: [{ ...fullRecord.shadow.decisions[0], state: 'flying' }], ejections: [] } },
      'shadow.decisions.0.state must be one of serving, ejected, probing, ramping, paused, evicted',
    ],
    [
      { ...fullRecord, enforced: { decisions: [{ ...fullRecord.enforced.decisions[0], cause: {} }], ejections: [] } },
      'enforced.decisions.0.cause has none of the forms that it may have',
    ],
    ['{"half', 'what is there is no record'],
    [null, 'what is there is no record'],
  ])('says what is wrong: %#', (body, fault) => {
    expect(readRecord(service, asJson(body))).toMatchObject({
      problem: { code: 'KV0819', message: `the decisions of shop/pricer cannot be read: ${fault}` },
    });
  });

  it('with any one value changed loads, or is a problem, and never throws', () => {
    const seen = { record: 0, unreadable: 0 };
    for (const path of pathsOf(valid)) {
      for (const value of values) {
        const body = changed(valid, path, value);
        try {
          seen[survive(body)] += 1;
        } catch (error) {
          throw new Error(`${path.join('.')} as ${String(JSON.stringify(value))}`, { cause: error });
        }
      }
    }
    expect(seen.record).toBeGreaterThan(100);
    expect(seen.unreadable).toBeGreaterThan(100);
  });

  it('with any few values changed, or any JSON at all', () => {
    const paths = pathsOf(valid);
    const change = fc.tuple(
      fc.constantFrom(...paths),
      fc.oneof(fc.constantFrom(...values), fc.jsonValue() as fc.Arbitrary<JsonValue>),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 2, maxLength: 4 }), (changes) => {
        survive(
          changes.reduce((body, [path, value]) => (isThere(body, path) ? changed(body, path, value) : body), valid),
        );
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.jsonValue(), (body) => void survive(body as JsonValue)));
  });
});
