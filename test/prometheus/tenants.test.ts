/** A real Prometheus that two namespaces share: whatever one of them asks, it sees its own series. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock as clock } from '../../engine/clock.ts';
import type { PrometheusConfig } from '../../engine/metrics/config.ts';
import { createMetricSources, type MetricSources } from '../../engine/metrics/registry.ts';
import { prometheusSettings } from '../../engine/metrics/settings.ts';
import type { QueryAnswer } from '../../engine/metrics/source.ts';
import { scrapeConfig, startExporter } from '../metrics/exporter.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { queries } from '../support/promql.ts';

const never = new AbortController().signal;

function sourcesFor(config: PrometheusConfig): MetricSources {
  const result = prometheusSettings(config, 'test');
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  return createMetricSources({ sources: new Map([['default', result.settings]]), clock, random: Math.random });
}

describeWith(['prometheus'], 'a Prometheus that namespaces share', ({ prometheus: executable }) => {
  const programs = usePrograms();
  let sources: MetricSources;

  const ask = (query: string, namespace: string | undefined): Promise<QueryAnswer> =>
    sources.get('default', namespace).query({ query, atMs: clock.now(), timeoutMs: 5000, lookbackMs: 0 }, never);

  beforeAll(async () => {
    const exporter = await startExporter(() =>
      ['shop', 'bank'].flatMap((namespace, index) =>
        ['price', 'by', 'sum'].flatMap((name) => [
          `${name}{pod="a",namespace="${namespace}"} ${index * 100 + 1}`,
          `${name}{pod="b",namespace="${namespace}"} ${index * 100 + 2}`,
        ]),
      ),
    );
    programs.keep({ stop: () => exporter.close() });
    const { url } = await programs.prometheus({ executable, config: scrapeConfig(exporter) });
    sources = sourcesFor({ url, tenant: { label: 'namespace' } });
    await eventually(
      async () => {
        const answer = await ask('price', undefined);
        return answer.kind === 'samples' && answer.samples.length === 4;
      },
      { timeoutMs: 30_000, everyMs: 50 },
    );
  });

  afterAll(() => sources?.close());

  function namespacesIn(answer: QueryAnswer): readonly (string | undefined)[] {
    if (answer.kind !== 'samples') throw new Error(answer.message);
    return answer.samples.map(({ labels }) => labels['namespace']);
  }

  it('gives each its own', async () => {
    expect(namespacesIn(await ask('price', 'shop'))).toEqual(['shop', 'shop']);
    expect(namespacesIn(await ask('price', 'bank'))).toEqual(['bank', 'bank']);
  });

  it.each([
    'price{namespace="bank"}',
    'price{namespace=~".*"}',
    '{__name__=~".+"}',
    'price # \r or price',
    'label_replace(price, "namespace", "shop", "", "")',
    'price or price{pod!="} or price{"}',
    'sum without (pod) (price)',
  ])('shows nothing of another for %j', async (query) => {
    const answer = await ask(query, 'shop');
    if (answer.kind !== 'samples') throw new Error(answer.message);
    const values = answer.samples.flatMap(({ value }) => (value.kind === 'number' ? value.value : []));
    expect(values.filter((value) => value > 100)).toEqual([]);
  });

  it('shows nothing of another, over queries drawn at random', async () => {
    let seen = 0;
    const property = fc.asyncProperty(queries, async ({ query }) => {
      const answer = await ask(query, 'shop');
      // Two series of one pod, of a query that joins by pod alone: refused by Prometheus, and that is no leak.
      if (answer.kind === 'error' && answer.cause === 'bad-query') return;
      const namespaces = namespacesIn(answer);
      seen += namespaces.length;
      expect(namespaces.filter((namespace) => namespace !== 'shop')).toEqual([]);
    });
    await fc.assert(property, { numRuns: 300, seed: 1 });
    expect(seen).toBeGreaterThan(200);
  });
});
