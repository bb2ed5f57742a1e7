/** What docs/canary.md tells rollout controllers to ask, asked of a real Prometheus that scrapes our own metrics. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Prometheus } from '../../demo/world/prometheus.ts';
import { eventually } from '../../demo/world/wait.ts';
import { noBaseline } from '../../engine/breakers/baseline.ts';
import { type Evidence, judge } from '../../engine/breakers/judge.ts';
import { serviceKey } from '../../engine/model.ts';
import type { Breaker } from '../../engine/policy/policy.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import { subjectsOf } from '../../engine/rotation/roles.ts';
import { createMetrics } from '../../engine/telemetry/metrics.ts';
import { evidenceOf } from '../support/fixtures.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { backend, backendIdOf, breaker, policyOf, type Story, tell } from '../telemetry/story.ts';

interface AnalysisTemplate {
  readonly spec: {
    readonly metrics: readonly {
      readonly name: string;
      readonly provider: { readonly prometheus: { readonly query: string } };
    }[];
  };
}

interface MetricTemplate {
  readonly spec: { readonly query: string };
}

const page = readFileSync(join(import.meta.dirname, '../../docs/canary.md'), 'utf8');
const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].flatMap(([, text = '']) =>
  parseAllDocuments(text).map((document) => document.toJS() as unknown),
);
const [analysis, template] = blocks as [AnalysisTemplate, MetricTemplate];

const byVersion: Breaker = {
  ...breaker,
  groupBy: ['pod-template-hash'],
  detector: { kind: 'ratio', bad: 'bad', total: 'total', minRequests: 30, minBad: 5, sensitivity: 0.005 },
};
/** Six stable pods, and a canary of four. */
const hashOf = (index: number): string => (index <= 6 ? 'stable' : 'canary');
const indexes = Array.from({ length: 10 }, (_, index) => index + 1);

describeWith(['prometheus'], 'the queries for rollout controllers', (executables) => {
  const programs = usePrograms();
  let story: Story;
  let canary: Story;
  let prometheus: Prometheus;

  /** Bad requests of a thousand, of stable and canary pods. */
  const evaluate = (bad: Readonly<Record<string, number>>): void => {
    const counts = (of: (index: number) => number | undefined) =>
      evidenceOf(Object.fromEntries(indexes.map((index) => [String(backendIdOf(index)), of(index)])));
    const evidence: Evidence = {
      ...counts((index) => bad[hashOf(index)]),
      total: counts(() => 1000).samples,
    };
    const policy = policyOf(serviceKey('shop', 'pricer'), { breakers: [byVersion] });
    const { judgement } = judge(
      {
        breaker: byVersion,
        subjects: subjectsOf(story.state(), policy, byVersion, story.now(), defaultTiming),
        baseline: noBaseline,
        settled: true,
        settle: 0,
        window: { startMs: story.now() - 1000, endMs: story.now() },
      },
      evidence,
    );
    story.tell(judgement);
  };

  const ask = async (query: string): Promise<readonly number[]> => {
    const response = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const body = (await response.json()) as {
      readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
    };
    return body.data.result.map(({ value: [, text] }) => Number(text));
  };
  const argo = (name: string, hash: string): Promise<readonly number[]> => {
    const query = analysis.spec.metrics.find((metric) => metric.name === name)?.provider.prometheus.query ?? '';
    return ask(query.replaceAll('{{args.pod-hash}}', hash));
  };
  const untilIs = async (asking: () => Promise<readonly number[]>, answer: readonly number[]): Promise<void> => {
    await eventually(
      async () => {
        expect(await asking()).toEqual(answer);
        return true;
      },
      { timeoutMs: 20_000 },
    );
  };
  const untilItSays = (name: string, hash: string, answer: readonly number[]): Promise<void> =>
    untilIs(() => argo(name, hash), answer);

  beforeAll(async () => {
    story = tell({ size: 10, policy: { breakers: [byVersion] } });
    story.setFleet(indexes.map((index) => backend(index, { labels: { 'pod-template-hash': hashOf(index) } })));
    canary = tell({ size: 4, name: 'pricer-canary' });
    const metrics = createMetrics({ version: '0' });
    metrics.readFrom({ states: () => [story.state(), canary.state()] });
    const server = createServer((_, response) => {
      void metrics.render().then((text) => response.setHeader('content-type', metrics.contentType).end(text));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    programs.keep({ stop: async () => void server.close() });
    prometheus = await programs.prometheus({
      executable: executables.prometheus,
      config: {
        global: { scrape_interval: '250ms', scrape_timeout: '250ms' },
        scrape_configs: [
          {
            job_name: 'kubervisor',
            static_configs: [{ targets: [`127.0.0.1:${(server.address() as AddressInfo).port}`] }],
          },
        ],
      },
    });
  });

  it('tell a canary that fails from its stable version, as a whole and by pods', async () => {
    evaluate({ stable: 1, canary: 1 });
    await untilItSays('unlike-the-rest', 'canary', [0]);
    await untilItSays('share-anomalous', 'canary', [0]);

    evaluate({ stable: 1, canary: 100 });
    await untilItSays('unlike-the-rest', 'canary', [1]);
    // Its pods agree with each other: it is the version, and no single pod of it.
    expect(await argo('share-anomalous', 'canary')).toEqual([0]);
    expect(await argo('share-out', 'canary')).toEqual([0]);
    expect(await argo('unlike-the-rest', 'unknown')).toEqual([]);
    expect(await argo('share-out', 'unknown')).toEqual([]);
  });

  it('count who is out of rotation', async () => {
    for (const index of [7, 8]) {
      const who = { actor: 'ada', reason: 'test' };
      story.command({ verb: 'pause', backend: backendIdOf(index), forMs: 60_000, force: true, ...who });
    }
    await untilItSays('share-out', 'canary', [0.5]);
    expect(await argo('share-out', 'stable')).toEqual([0]);
  });

  it('and Flagger has them of the Service of the canary', async () => {
    canary.judge({ 1: 20, 2: 0, 3: 0, 4: 0 });
    const query = template.spec.query.replaceAll('{{ namespace }}', 'shop').replaceAll('{{ target }}', 'pricer');
    await untilIs(() => ask(query), [25]);
  });
});
