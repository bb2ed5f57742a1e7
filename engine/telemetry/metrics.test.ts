import type { AccessMetrics } from './access-metrics.ts';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { backend, backendIdOf, breaker, policyOf, type Story, tell } from '../../test/telemetry/story.ts';
import type { Verdict } from '../breakers/verdict.ts';
import { serviceKey } from '../model.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { everythingHappens, somebodyConnected } from '../../test/telemetry/xds.ts';

/** Series of our own, as `name{labels} value` without the labels of the Service. */
async function series(metrics: Metrics, ...names: readonly string[]): Promise<readonly string[]> {
  const text = await metrics.render();
  return text
    .split('\n')
    .filter((line) =>
      names.some((name) => line.startsWith(`kubervisor_${name}{`) || line.startsWith(`kubervisor_${name} `)),
    )
    .map((line) => line.replace('namespace="shop",service="pricer"', '').replace('kubervisor_', '').replace('{,', '{'));
}

function watching(story: Story, options: { readonly maxBackendSeries?: number } = {}): Metrics {
  const metrics = createMetrics({ version: '1.2.3', ...options });
  metrics.readFrom({ states: () => [story.state()] });
  return metrics;
}

function count(metrics: Metrics, story: Story): void {
  for (const effect of story.effects()) metrics.effect(effect, story.state());
}

const all = (values: Readonly<Record<number, number>>): Readonly<Record<number, number>> => ({
  ...{ 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0 },
  ...values,
});

describe('the present of a Service', () => {
  test('backends by state, and what the budget still allows', async () => {
    const story = tell({ size: 6 });
    story.setFleet([
      ...story.state().fleet.backends.slice(0, 5),
      backend(6, { ready: false }),
      backend(7, { terminating: true }),
    ]);
    const metrics = watching(story);
    expect(await series(metrics, 'endpoints', 'budget_min_available', 'budget_ejections_allowed')).toEqual([
      'endpoints{state="serving"} 5',
      'endpoints{state="unready"} 1',
      'endpoints{state="ejected"} 0',
      'endpoints{state="probing"} 0',
      'endpoints{state="ramping"} 0',
      'endpoints{state="starved"} 0',
      'endpoints{state="paused"} 0',
      'endpoints{state="evicted"} 0',
      'budget_min_available{} 3',
      'budget_ejections_allowed{} 1',
    ]);
    story.judge(all({ 3: 25, 6: 0 }));
    const [serving, , ejected] = await series(metrics, 'endpoints');
    expect([serving, ejected]).toEqual(['endpoints{state="serving"} 4', 'endpoints{state="ejected"} 1']);
    expect(await series(metrics, 'budget_ejections_allowed')).toEqual(['budget_ejections_allowed{} 0']);
  });

  test('by version and zone, with the verdicts on each version', async () => {
    const story = tell({ size: 6 });
    const of = (version: string, zone: string) => ({ labels: { 'pod-template-hash': version }, zone });
    story.setFleet([
      ...[1, 2, 3, 4].map((index) => backend(index, of('v1', 'a'))),
      backend(5, of('v2', 'b')),
      backend(6, { ready: false }),
    ]);
    story.judge(all({ 5: 25 }));
    expect(await series(watching(story), 'endpoints_by_version', 'endpoints_by_zone', 'verdicts_by_version')).toEqual([
      'endpoints_by_version{version="v1",state="serving"} 4',
      'endpoints_by_version{version="v2",state="serving"} 0',
      'endpoints_by_version{version="v2",state="ejected"} 1',
      'endpoints_by_version{version="",state="serving"} 0',
      'endpoints_by_version{version="",state="unready"} 1',
      'endpoints_by_zone{zone="a",state="serving"} 4',
      'endpoints_by_zone{zone="b",state="serving"} 0',
      'endpoints_by_zone{zone="b",state="ejected"} 1',
      'endpoints_by_zone{zone="",state="serving"} 0',
      'endpoints_by_zone{zone="",state="unready"} 1',
      'verdicts_by_version{version="v1",breaker="errors",verdict="anomalous"} 0',
      'verdicts_by_version{version="v1",breaker="errors",verdict="normal"} 4',
      'verdicts_by_version{version="v2",breaker="errors",verdict="anomalous"} 1',
      'verdicts_by_version{version="",breaker="errors",verdict="anomalous"} 0',
      'verdicts_by_version{version="",breaker="errors",verdict="normal"} 1',
    ]);
  });

  test('each group as a whole against the rest, where that can be told', async () => {
    const story = tell({ size: 6 });
    const group = (key: string, againstRest: Verdict) =>
      ({ key, members: [], kind: 'judged', reason: '', againstRest }) as const;
    story.tell({
      kind: 'judged',
      verdicts: new Map(),
      groups: [
        group('version=v1', { kind: 'insufficient', reason: 'the rest is smaller' }),
        group('version=v2', { kind: 'anomalous', severity: 2, value: 8, bound: 4, reason: 'slow' }),
        group('version=v3', { kind: 'normal', value: 3, bound: 4 }),
      ],
    });
    expect(await series(watching(story), 'group_anomalous')).toEqual([
      'group_anomalous{breaker="errors",group="version=v2"} 1',
      'group_anomalous{breaker="errors",group="version=v3"} 0',
    ]);
  });

  test('of many versions the ten largest, and the rest together', async () => {
    const story = tell({ size: 6 });
    const version = (index: number) => ({ labels: { version: `build-${index < 2 ? 0 : index}` } });
    story.setFleet(Array.from({ length: 15 }, (_, index) => backend(index, version(index))));
    const shown = await series(watching(story), 'endpoints_by_version');
    expect(shown).toHaveLength(11);
    expect([shown[0], shown.at(-1)]).toEqual([
      'endpoints_by_version{version="build-0",state="serving"} 2',
      'endpoints_by_version{version="",state="serving"} 4',
    ]);
  });

  test('value and bound of each backend, and the time of the evaluation', async () => {
    const story = tell({ size: 2 });
    story.judge({ 1: 4, 2: 6 });
    expect(
      await series(watching(story), 'breaker_value', 'breaker_threshold', 'breaker_last_evaluation_timestamp_seconds'),
    ).toEqual([
      `breaker_last_evaluation_timestamp_seconds{breaker="errors"} ${story.now() / 1000}`,
      'breaker_value{breaker="errors",backend="pricer-1"} 4',
      'breaker_value{breaker="errors",backend="pricer-2"} 6',
      'breaker_threshold{breaker="errors",backend="pricer-1"} 10',
      'breaker_threshold{breaker="errors",backend="pricer-2"} 10',
    ]);
  });

  test('of a large installation only the conspicuous backends', async () => {
    const story = tell({ size: 6 });
    story.judge(all({ 3: 25 }));
    story.judge({ 1: 0, 2: 0, 4: 30, 5: 0, 6: 0 });
    expect(await series(watching(story, { maxBackendSeries: 12 }), 'breaker_value')).toHaveLength(5);
    expect(await series(watching(story, { maxBackendSeries: 9 }), 'breaker_value')).toEqual([
      'breaker_value{breaker="errors",backend="pricer-4"} 30',
    ]);
  });
});

describe('what happened is counted', () => {
  test('an ejection, its failed retry and its return', async () => {
    const story = tell({ size: 6 });
    const metrics = watching(story);
    story.judge(all({ 3: 25 }));
    story.wait(10_000);
    story.judge(all({ 3: 25 }));
    story.wait(20_000);
    story.wait(2000);
    story.judge(all({}));
    count(metrics, story);
    expect(await series(metrics, 'ejections_total', 'readmissions_total')).toEqual([
      'ejections_total{breaker="errors",enforced="true"} 2',
      'readmissions_total{outcome="rebroken",enforced="true"} 1',
      'readmissions_total{outcome="recovered",enforced="true"} 1',
    ]);
  });

  test('an ejection once, however it goes on', async () => {
    const eject = { how: 'Drain', closeAfterMs: 1000, then: 'Evict' } as const;
    const story = tell({ size: 6, policy: { eject } });
    const metrics = watching(story);
    story.judge(all({ 3: 25 }));
    story.wait(1000);
    count(metrics, story);
    expect((await series(metrics, 'endpoints')).at(-1)).toBe('endpoints{state="evicted"} 1');
    expect(await series(metrics, 'ejections_total')).toEqual(['ejections_total{breaker="errors",enforced="true"} 1']);
  });

  test('what an observing breaker would have done, apart', async () => {
    const story = tell({ size: 6, policy: { enforcement: 'Observe' } });
    const metrics = watching(story);
    story.judge(all({ 3: 25 }));
    count(metrics, story);
    expect(await series(metrics, 'ejections_total')).toEqual(['ejections_total{breaker="errors",enforced="false"} 1']);
    expect((await series(metrics, 'endpoints'))[0]).toBe('endpoints{state="serving"} 6');
  });

  test('ejections that the budget refused', async () => {
    const story = tell({ size: 6 });
    const metrics = watching(story);
    story.judge(all({ 1: 20, 2: 30, 3: 40 }));
    count(metrics, story);
    expect(await series(metrics, 'ejections_suppressed_total')).toEqual([
      'ejections_suppressed_total{breaker="errors",cause="budget",enforced="true"} 1',
    ]);
  });

  test('what people asked for, and what they were refused', async () => {
    const story = tell({ size: 6 });
    const metrics = watching(story);
    const who = { actor: 'ada', reason: 'test' };
    story.command({ verb: 'pause', backend: backendIdOf(2), forMs: 60_000, force: false, ...who });
    story.command({ verb: 'restore', backend: backendIdOf(2), ramp: false, ...who });
    story.command({ verb: 'eject', backend: backendIdOf(99), forMs: 60_000, force: false, ...who });
    story.command({ verb: 'suspend', ...who });
    story.command({ verb: 'resume', ...who });
    story.command({ verb: 'freeze', forMs: 60_000, ...who });
    story.command({ verb: 'unfreeze', ...who });
    count(metrics, story);
    expect(await series(metrics, 'manual_actions_total', 'ejections_total')).toEqual([
      'ejections_total{breaker="",enforced="true"} 1',
      'manual_actions_total{verb="pause",result="done"} 1',
      'manual_actions_total{verb="restore",result="done"} 1',
      'manual_actions_total{verb="eject",result="unknown-backend"} 1',
      'manual_actions_total{verb="suspend",result="done"} 1',
      'manual_actions_total{verb="resume",result="done"} 1',
      'manual_actions_total{verb="freeze",result="done"} 1',
      'manual_actions_total{verb="unfreeze",result="done"} 1',
    ]);
  });

  test('evaluations by result, and how long they take', async () => {
    const story = tell({ size: 6 });
    const metrics = watching(story);
    metrics.evaluated(breaker, story.judge(all({})), 20, story.state());
    metrics.evaluated(breaker, { kind: 'unusable', reason: 'down' }, 80, story.state());
    expect(await series(metrics, 'breaker_evaluations_total')).toEqual([
      'breaker_evaluations_total{breaker="errors",result="judged"} 1',
      'breaker_evaluations_total{breaker="errors",result="unusable"} 1',
    ]);
    expect(await series(metrics, 'breaker_evaluation_duration_seconds_sum')).toEqual([
      'breaker_evaluation_duration_seconds_sum{detector="threshold"} 0.1',
    ]);
  });
});

/** A Service with every kind of series. */
function storyWithEverything(): { readonly story: Story; readonly metrics: Metrics; gone: boolean } {
  const story = tell({ size: 6 });
  const metrics = createMetrics({ version: '0' });
  const world = { story, metrics, gone: false };
  metrics.readFrom({ states: () => (world.gone ? [] : [story.state()]) });
  metrics.evaluated(breaker, story.judge(all({ 1: 20, 2: 30, 3: 40 })), 1, story.state());
  story.command({ verb: 'restore', backend: backendIdOf(3), ramp: false, actor: 'ada', reason: 'x' });
  count(metrics, story);
  return world;
}

describe('series vanish', () => {
  test('all of them, when their Service is gone', async () => {
    const world = storyWithEverything();
    expect(await world.metrics.render()).toContain('service="pricer"');
    world.gone = true;
    expect(await world.metrics.render()).not.toContain('service="pricer"');
  });

  test('those of a breaker, when its policy is gone or has it no more', async () => {
    for (const policy of [
      undefined,
      policyOf(serviceKey('shop', 'pricer'), { breakers: [{ ...breaker, name: 'other' }] }),
    ]) {
      const { story, metrics } = storyWithEverything();
      expect(await metrics.render()).toContain('breaker="errors"');
      story.setPolicy(policy);
      expect(await metrics.render()).not.toContain('breaker="errors"');
    }
  });

  test('those of a backend, when its pod is gone', async () => {
    const { story, metrics } = storyWithEverything();
    expect(await metrics.render()).toContain('backend="pricer-6"');
    story.setFleet(story.state().fleet.backends.filter(({ name }) => name !== 'pricer-6'));
    expect(await metrics.render()).not.toContain('backend="pricer-6"');
  });

  test('and a Service that comes back starts at zero', async () => {
    const world = storyWithEverything();
    world.gone = true;
    await world.metrics.render();
    world.gone = false;
    expect(await series(world.metrics, 'ejections_total')).toEqual([]);
    world.story.wait(10_000);
    world.story.judge(all({ 2: 30 }));
    count(world.metrics, world.story);
    expect(await series(world.metrics, 'ejections_total')).not.toEqual([]);
  });
});

test('the health of our sources', async () => {
  const metrics = createMetrics({ version: '0' });
  metrics.readFrom({
    sourceProblems: () => [{ code: 'KV0201', severity: 'error', message: 'bad' }],
    metricSources: () => [
      { name: 'default', lastSuccessMs: 1_700_000_000_000, skewMs: -1500 },
      { name: 'fresh', skewMs: 0 },
    ],
  });
  expect(
    await series(
      metrics,
      'source_problems',
      'metric_source_last_success_timestamp_seconds',
      'metric_source_clock_skew_seconds',
    ),
  ).toEqual([
    'source_problems{severity="error"} 1',
    'source_problems{severity="warning"} 0',
    'metric_source_last_success_timestamp_seconds{source="default"} 1700000000',
    'metric_source_clock_skew_seconds{source="default"} -1.5',
    'metric_source_clock_skew_seconds{source="fresh"} 0',
  ]);
});

test('docs/metrics.md lists every metric with its type, labels and help, and no other', async () => {
  const { story, metrics } = storyWithEverything();
  story.setFleet(
    story.state().fleet.backends.map((each) => ({ ...each, zone: 'a', labels: { 'pod-template-hash': 'v1' } })),
  );
  const againstRest = { kind: 'normal', value: 1, bound: 2 } as const;
  const group = { key: 'version=v1', members: [backendIdOf(1)], kind: 'judged', reason: '', againstRest } as const;
  story.tell({ kind: 'judged', verdicts: new Map([[backendIdOf(1), againstRest]]), groups: [group] });
  metrics.readFrom({ metricSources: () => [{ name: 'default', lastSuccessMs: 1, skewMs: 0 }] });
  everythingHappens(metrics.xds);
  const health = { path: '/api/v1/pods', lists: 1, watches: 1, failures: 1, misses: 1, stale: 1, heardAtMs: 1 };
  metrics.readFrom({ xds: () => somebodyConnected, reflectors: () => [health] });
  metrics.store.failed('full');
  somebodyIsNotLetIn(metrics.access);
  metrics.cluster.eviction(story.state().service, 'refused');
  metrics.cluster.mark('written');
  metrics.cluster.event('dropped');
  const text = await metrics.render();

  const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const documented = page.matchAll(/^\| `(kubervisor_\w+)` *\| (\w+) *\| ([^|]*?) *\| ([^|]*?) *\|$/gm);
  const rows = [...documented].map(([, name, type, labels, help]) => ({ name, type, labels, help }));
  const own = [...text.matchAll(/^# HELP (kubervisor_\w+) (.*)\n# TYPE \w+ (\w+)$/gm)].map(([, name, help, type]) => ({
    name,
    type,
    labels: labelsIn(text, name ?? ''),
    help,
  }));
  const byName = (one: { readonly name?: string | undefined }, other: typeof one): number =>
    (one.name ?? '') < (other.name ?? '') ? -1 : 1;
  expect(rows.sort(byName)).toEqual(own.sort(byName));
});

/** `` `a`, `b` `` from the first series of the metric; `le` belongs to every histogram and is not told. */
function labelsIn(text: string, name: string): string {
  const labels = new RegExp(`^${name}(?:_bucket)?(?:{(.*)})? \\S+$`, 'm').exec(text)?.[1] ?? '';
  const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
  return names.map((label) => `\`${label}\``).join(', ');
}

function somebodyIsNotLetIn(access: AccessMetrics): void {
  access.handshakeFailed('expired');
  access.callRefused();
  access.nameRefused();
  access.expiresAt(0);
  access.renewed('taken');
}

test('how the API server is followed, by kind of object, as it is now', async () => {
  const metrics = createMetrics({ version: '1.2.3' });
  const pods = { path: '/api/v1/namespaces/shop/pods', lists: 2, watches: 9, failures: 1, misses: 3, stale: 4 };
  const policies = { ...pods, path: '/apis/breaker.kubervisor.io/v1/kubervisorservices', heardAtMs: 1_700_000_000_500 };
  metrics.readFrom({ reflectors: () => [pods, policies] });
  const told = (): Promise<readonly string[]> =>
    series(
      metrics,
      ...['lists_total', 'missed_objects_total', 'last_heard_timestamp_seconds'].map((name) => `kubernetes_${name}`),
    );
  const expected = [
    'kubernetes_lists_total{resource="pods",namespace="shop"} 2',
    'kubernetes_lists_total{resource="kubervisorservices",namespace=""} 2',
    'kubernetes_missed_objects_total{resource="pods",namespace="shop"} 3',
    'kubernetes_missed_objects_total{resource="kubervisorservices",namespace=""} 3',
    'kubernetes_last_heard_timestamp_seconds{resource="kubervisorservices",namespace=""} 1700000000.5',
  ];
  expect(await told()).toEqual(expected);
  // Shown once more, not counted once more.
  expect(await told()).toEqual(expected);
});
