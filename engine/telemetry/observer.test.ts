import { expect, test } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { breaker, tell } from '../../test/telemetry/story.ts';
import type { Judgement } from '../breakers/verdict.ts';
import { createAudit } from './audit.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createObserver, type ObserverOptions } from './observer.ts';

function observed(options: Pick<ObserverOptions, 'whyBlind'> = {}) {
  const written: string[] = [];
  const { log } = createLog({ level: 'info', sink: { write: (line) => void written.push(line) } });
  const metrics = createMetrics({ version: '0' });
  const observer = createObserver({ log, audit: createAudit(log), metrics, clock: createManualClock(), ...options });
  const lines = (): readonly Record<string, unknown>[] => written.splice(0).map((line) => JSON.parse(line));
  return { observer, metrics, lines };
}

test('an effect reaches the audit and the counters', async () => {
  const { observer, metrics, lines } = observed();
  const story = tell({ size: 6 });
  story.judge({ 1: 0, 2: 0, 3: 25, 4: 0, 5: 0, 6: 0 });
  for (const effect of story.effects()) observer.effect(effect, story.state());
  expect(lines()).toMatchObject([{ audit: true, message: 'eject', name: 'pricer-3' }]);
  metrics.readFrom({ states: () => [story.state()] });
  expect(await metrics.render()).toContain(
    'kubervisor_ejections_total{namespace="shop",service="pricer",breaker="errors",enforced="true"} 1',
  );
});

test('a breaker that goes blind says so once, and once when it sees again', () => {
  const { observer, lines } = observed();
  const state = tell({ size: 3 }).state();
  const blind: Judgement = { kind: 'unusable', reason: 'connection refused' };
  const seeing: Judgement = { kind: 'judged', verdicts: new Map() };
  const moved: Judgement = { kind: 'fleet-wide', reason: 'the median is zero', verdicts: new Map() };
  for (const judgement of [seeing, blind, blind, blind, moved, moved, seeing, seeing]) {
    observer.evaluated(breaker, judgement, 5, state);
  }
  expect(lines()).toMatchObject([
    { level: 'warn', breaker: 'errors', service: 'shop/pricer', reason: 'connection refused' },
    { level: 'warn', reason: 'the median is zero' },
    { level: 'info', message: 'the breaker judges again' },
  ]);
});

test('a breaker that cannot have an answer says so with its code', () => {
  const problem = { code: 'KV0332', severity: 'error', message: 'there is no such source' } as const;
  const { observer, lines } = observed({ whyBlind: (_, { name }) => (name === breaker.name ? problem : undefined) });
  const state = tell({ size: 3 }).state();
  observer.evaluated(breaker, { kind: 'unusable', reason: 'x' }, 5, state);
  expect(lines()).toMatchObject([{ level: 'error', code: 'KV0332', breaker: 'errors', service: 'shop/pricer' }]);
});

test('a breaker that has nobody to judge says so', () => {
  const { observer, lines } = observed();
  const state = tell({ size: 3 }).state();
  const nobody: Judgement = { kind: 'judged', verdicts: new Map(), groups: [], reason: 'nobody is judged: no group' };
  for (const judgement of [nobody, nobody]) observer.evaluated(breaker, judgement, 5, state);
  expect(lines()).toMatchObject([{ level: 'warn', breaker: 'errors', reason: 'nobody is judged: no group' }]);
});

test('a Service that comes back is told about anew', () => {
  const { observer, lines } = observed();
  const { service } = tell({ size: 3 }).state();
  const state = tell({ size: 3 }).state();
  const blind: Judgement = { kind: 'unusable', reason: 'connection refused' };
  observer.evaluated(breaker, blind, 5, state);
  observer.gone(service);
  observer.evaluated(breaker, blind, 5, state);
  expect(lines().map(({ level }) => level)).toEqual(['warn', 'info', 'warn']);
});

test('a problem is logged with its code', () => {
  const { observer, lines } = observed();
  observer.problem({ code: 'KV0407', severity: 'error', message: 'no room' });
  expect(lines()).toMatchObject([{ level: 'error', code: 'KV0407', message: 'no room' }]);
});

test('each change of role is one line', () => {
  const { observer, lines } = observed();
  observer.role?.({ kind: 'leading', epoch: 7 });
  observer.role?.({ kind: 'following', leader: 'kubervisor-1' });
  expect(lines()).toMatchObject([
    { level: 'info', epoch: 7, message: expect.stringMatching(/^leading/) },
    { level: 'info', leader: 'kubervisor-1', message: expect.stringMatching(/^following/) },
  ]);
});

test('who leads is a metric', async () => {
  const { metrics } = observed();
  metrics.readFrom({ role: () => ({ kind: 'leading', epoch: 1 }) });
  expect(await metrics.render()).toMatch(/^kubervisor_leader 1$/m);
  metrics.readFrom({ role: () => ({ kind: 'following' }) });
  expect(await metrics.render()).toMatch(/^kubervisor_leader 0$/m);
});
