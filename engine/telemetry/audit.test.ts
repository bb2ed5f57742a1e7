import { describe, expect, test } from 'vitest';
import { backendIdOf, type Story, startMs, tell } from '../../test/telemetry/story.ts';
import { type AuditRecord, auditRecord, createAudit, manualActRecord } from './audit.ts';
import { createLog } from './log.ts';

const all = (values: Readonly<Record<number, number>>): Readonly<Record<number, number>> => ({
  ...{ 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0 },
  ...values,
});
const audited = (story: Story): readonly AuditRecord[] =>
  story.effects().map((effect) => auditRecord(effect, story.state(), story.now()));

describe('the record of a decision', () => {
  test('says everything about an ejection', () => {
    const story = tell({ size: 6 });
    story.judge(all({ 3: 25 }));
    expect(audited(story)).toEqual([
      {
        time: new Date(startMs + 1).toISOString(),
        service: 'shop/pricer',
        policy: 'pricer-policy',
        action: 'eject',
        enforced: true,
        backend: 'uid-3',
        name: 'pricer-3',
        from: 'serving',
        to: 'ejected',
        why: 'anomalous',
        breaker: 'errors',
        severity: 2.5,
        value: 25,
        bound: 10,
        reason: '25 is above 10',
        streak: '1 of 1',
        budget: expect.stringContaining('of 6'),
        query: 'rate(errors[1s])',
        lookbackMs: 1000,
        retries: 0,
        epoch: 7,
        seq: expect.any(Number),
      },
    ]);
  });

  test('follows the backend on its way back', () => {
    const story = tell({ size: 6 });
    story.judge(all({ 3: 25 }));
    story.effects();
    story.wait(10_000);
    expect(audited(story)).toMatchObject([
      { action: 'probe', from: 'ejected', to: 'probing', why: 'time-served', weight: 5, outForMs: 10_000 },
    ]);
    story.wait(2000);
    story.judge(all({}));
    expect(audited(story)).toMatchObject([
      { action: 'return', from: 'probing', to: 'serving', why: 'recovered', budget: expect.stringMatching(/^0 of 6/) },
    ]);
  });

  test('tells what observing breakers would have done from what was done', () => {
    const story = tell({ size: 6, policy: { enforcement: 'Observe' } });
    story.judge(all({ 3: 25 }));
    expect(audited(story)).toMatchObject([{ action: 'eject', enforced: false, name: 'pricer-3' }]);
  });

  test('names who was left in, why, and the arithmetic', () => {
    const story = tell({ size: 6 });
    story.judge(all({ 1: 20, 2: 30, 3: 40 }));
    expect(audited(story).filter(({ action }) => action === 'hold')).toMatchObject([
      {
        name: 'pricer-1',
        breaker: 'errors',
        why: 'the budget is used up',
        value: 20,
        bound: 10,
        severity: 2,
        budget: expect.stringContaining('of 6'),
      },
    ]);
  });

  test('names the person behind an act, and not behind what time does with it later', () => {
    const story = tell({ size: 6 });
    story.command({
      verb: 'pause',
      backend: backendIdOf(2),
      forMs: 60_000,
      actor: 'ada',
      reason: 'heap dump',
      force: false,
    });
    story.wait(60_000);
    expect(audited(story)).toMatchObject([
      { action: 'pause', name: 'pricer-2', why: 'manual', actor: 'ada', reason: 'heap dump' },
      { action: 'probe', name: 'pricer-2', why: 'time-served', reason: 'heap dump' },
    ]);
    story.command({ verb: 'restore', backend: backendIdOf(2), actor: 'bob', reason: 'done', ramp: false });
    story.command({ verb: 'suspend', actor: 'eve', reason: 'incident' });
    story.command({ verb: 'resume', actor: 'eve', reason: 'over' });
    story.command({ verb: 'freeze', forMs: 90_000, actor: 'eve', reason: 'move' });
    story.command({ verb: 'unfreeze', actor: 'bob', reason: 'moved' });
    story.command({ verb: 'freeze', forMs: 1_000, actor: 'eve', reason: 'move' });
    story.wait(1_000);
    story.command({ verb: 'eject', backend: backendIdOf(99), forMs: 1, actor: 'bob', reason: 'typo', force: false });
    expect(audited(story)).toMatchObject([
      { action: 'return', actor: 'bob' },
      { action: 'suspend', actor: 'eve', reason: 'incident' },
      { action: 'resume', actor: 'eve', reason: 'over' },
      { action: 'freeze', actor: 'eve', reason: 'move', why: 'for 1m30s' },
      { action: 'unfreeze', actor: 'bob', reason: 'moved', why: 'manual' },
      { action: 'freeze', actor: 'eve', reason: 'move', why: 'for 1s' },
      { action: 'unfreeze', why: 'expired' },
      {
        action: 'refuse',
        actor: 'bob',
        reason: 'typo',
        backend: 'uid-99',
        why: expect.stringContaining('eject refused'),
      },
    ]);
  });

  test('asks a person for what only a person can do', () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0 } as const;
    const story = tell({ size: 6 });
    const policy = story.state().policy;
    if (policy === undefined) throw new Error('the story has a policy');
    story.setPolicy({ ...policy, activator: { ...policy.activator, ...activator } });
    story.judge(all({ 3: 25 }));
    story.wait(10_000);
    story.judge(all({ 3: 25 }));
    expect(audited(story).map(({ action }) => action)).toEqual(['eject', 'probe', 'evict', 'ask-eviction']);
  });
});

test('a record goes to the log under audit: true, and whole to the file', () => {
  const logged: string[] = [];
  const filed: string[] = [];
  const { log } = createLog({ level: 'info', sink: { write: (line) => void logged.push(line) } });
  const audit = createAudit(log, { write: (line) => void filed.push(line) });
  const record: AuditRecord = {
    time: '2026-11-23T12:00:00.000Z',
    service: 'shop/pricer',
    action: 'eject',
    enforced: true,
  };
  audit.write(record);
  audit.write({ ...record, action: 'ask-eviction' });
  expect(logged.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'info', message: 'eject', audit: true, service: 'shop/pricer' },
    { level: 'warn', message: 'ask-eviction', audit: true },
  ]);
  expect(JSON.parse(filed[0] ?? '')).toEqual(record);
});

describe('acts by people that the engine does not tell of', () => {
  const act = { verb: 'suspend', service: '', backend: '', actor: 'ana', reason: 'incident' } as const;

  test('suspending everything is a record like any other', () => {
    expect(manualActRecord(act, 0)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      service: '*',
      enforced: true,
      actor: 'ana',
      reason: 'incident',
      action: 'suspend',
    });
  });

  test('a refusal that never reached the engine is on record, one of the engine is not told twice', () => {
    const refused = { ...act, verb: 'eject', service: 'shop/pricer', backend: 'nobody', refused: 'KV0703' } as const;
    expect(manualActRecord(refused, 0)).toMatchObject({ action: 'refuse', why: 'eject: KV0703', name: 'nobody' });
    expect(manualActRecord({ ...refused, refused: 'KV0705' }, 0)).toBeUndefined();
  });
});
