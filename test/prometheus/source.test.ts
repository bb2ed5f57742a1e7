/** The source against a real Prometheus: what the API really says, and what a lost history really looks like. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock as clock } from '../../engine/clock.ts';
import { createMetricSources, type MetricSources } from '../../engine/metrics/registry.ts';
import { prometheusSettings } from '../../engine/metrics/settings.ts';
import type { QueryAnswer, QueryRequest } from '../../engine/metrics/source.ts';
import { describeWith } from '../support/parts.ts';
import { scrapeConfig, startExporter, startHistogramExporter } from '../metrics/exporter.ts';
import type { LoopbackServer } from '../metrics/loopback-server.ts';
import { type Programs, usePrograms } from '../support/programs.ts';

const never = new AbortController().signal;
const patience = { timeoutMs: 30_000, everyMs: 50 };

function sourcesFor(url: string): MetricSources {
  const result = prometheusSettings({ url }, 'test');
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  return createMetricSources({ sources: new Map([['default', result.settings]]), clock, random: Math.random });
}

function ask(sources: MetricSources, query: string, request: Partial<QueryRequest> = {}): Promise<QueryAnswer> {
  return sources
    .get('default', undefined)
    .query({ query, atMs: clock.now(), timeoutMs: 5000, lookbackMs: 0, ...request }, never);
}

function keepServer(programs: Programs, server: LoopbackServer): LoopbackServer {
  programs.keep({ stop: () => server.close() });
  return server;
}

/** The label `pod` and the value of each sample. */
function valuesOf(answer: QueryAnswer): readonly (readonly [string | undefined, unknown])[] | string {
  if (answer.kind !== 'samples') return answer.message;
  return answer.samples.map(({ labels, value }) => [labels['pod'], value.kind === 'number' ? value.value : value]);
}

describeWith(['prometheus'], 'a real Prometheus', ({ prometheus: executable }) => {
  const programs = usePrograms();

  describe('that has been running', () => {
    let sources: MetricSources;

    beforeAll(async () => {
      const exporter = keepServer(
        programs,
        await startExporter(() => [
          'price{pod="a",namespace="shop"} 99.5',
          'price{pod="b",namespace="shop"} NaN',
          'price{pod="c",namespace="shop"} +Inf',
          'price{pod="d",namespace="shop"} -Inf',
        ]),
      );
      const histograms = keepServer(programs, await startHistogramExporter('latency'));
      const config = scrapeConfig(exporter, histograms);
      const { url } = await programs.prometheus({ executable, config, flags: ['--enable-feature=native-histograms'] });
      sources = sourcesFor(url);
      await eventually(async () => {
        const answer = await ask(sources, 'count(up == 1) == 2');
        return answer.kind === 'samples' && answer.samples.length > 0;
      }, patience);
    });

    afterAll(() => sources.close());

    it('gives numbers, NaN and infinities as what they are', async () => {
      const values = new Map(valuesOf(await ask(sources, 'price')) as [string, unknown][]);
      expect(values).toEqual(
        new Map<string, unknown>([
          ['a', 99.5],
          ['b', { kind: 'nan' }],
          ['c', { kind: 'infinite', sign: 1 }],
          ['d', { kind: 'infinite', sign: -1 }],
        ]),
      );
    });

    it('gives an empty vector where nothing is', async () => {
      expect(valuesOf(await ask(sources, 'no_such_metric'))).toEqual([]);
    });

    it('gives native histograms, which are typed and not taken for numbers', async () => {
      expect(valuesOf(await ask(sources, 'latency'))).toEqual([['a', { kind: 'histogram' }]]);
      expect(valuesOf(await ask(sources, 'histogram_sum(latency)'))).toEqual([['a', 4.5]]);
    });

    it('evaluates at the moment that was asked for, to the millisecond', async () => {
      const atMs = clock.now() - 123_457;
      const answer = await ask(sources, 'vector(time())', { atMs });
      expect(valuesOf(answer)).toEqual([[undefined, atMs / 1000]]);
      expect(answer).toMatchObject({ evaluatedAtMs: atMs, evaluatedAtLocalMs: atMs });
      expect(sources.health()).toMatchObject([{ skewMs: 0 }]);
    });

    it('says what is wrong with a query', async () => {
      expect(await ask(sources, 'sum(price')).toMatchObject({
        cause: 'bad-query',
        message: expect.stringContaining('parse error'),
      });
      expect(await ask(sources, 'price * on() price')).toMatchObject({
        cause: 'bad-query',
        message: expect.stringContaining('many-to-many'),
      });
      expect(await ask(sources, '1')).toMatchObject({ cause: 'bad-query', message: expect.stringContaining('scalar') });
      expect(await ask(sources, 'price[1m]')).toMatchObject({
        cause: 'bad-query',
        message: expect.stringContaining('range'),
      });
    });

    it('gives up a query that takes too long, and answers the next one', async () => {
      const heavy = 'max_over_time(rate(price[1m])[500d:10ms])';
      expect(await ask(sources, heavy, { timeoutMs: 300 })).toMatchObject({ cause: 'timeout' });
      expect(await ask(sources, 'price')).toMatchObject({ kind: 'samples' });
    });
  });

  describe('and its history', () => {
    const lookbackMs = 2000;
    const request = { lookbackMs };
    const query = 'rate(requests_total[2s])';
    let scrapes = 0;
    let failing = false;
    let exporter: LoopbackServer;
    let sources: MetricSources;
    let prometheus: Awaited<ReturnType<Programs['prometheus']>>;

    beforeAll(async () => {
      exporter = keepServer(
        programs,
        await startExporter(() => {
          scrapes += 1;
          return [`requests_total{pod="a"} ${scrapes}`, ...(failing ? ['errors_total{pod="a"} 1'] : [])];
        }),
      );
      prometheus = await programs.prometheus({ executable, config: scrapeConfig(exporter) });
      sources = sourcesFor(prometheus.url);
    });

    afterAll(() => sources.close());

    /** All that is answered until samples come. */
    async function answersUntilSamples(): Promise<readonly QueryAnswer[]> {
      const answers: QueryAnswer[] = [];
      await eventually(async () => {
        const answer = await ask(sources, query, request);
        answers.push(answer);
        return answer.kind === 'samples' && answer.samples.length > 0;
      }, patience);
      return answers;
    }

    function expectWarming(answers: readonly QueryAnswer[]): void {
      const warming = answers.filter((answer) => answer.kind === 'warming');
      expect(warming.length).toBeGreaterThan(0);
      const last = answers.at(-1);
      const evaluatedAtMs = last?.kind === 'samples' ? last.evaluatedAtMs : 0;
      expect(evaluatedAtMs).toBeGreaterThanOrEqual(Math.max(...warming.map(({ untilMs }) => untilMs)));
    }

    it('a fresh one is warming until a whole window lies behind it', async () => {
      expectWarming(await answersUntilSamples());
    });

    it('a series that appears while history is there is believed at once', async () => {
      expect(valuesOf(await ask(sources, 'errors_total', request))).toEqual([]);
      failing = true;
      const answers: QueryAnswer[] = [];
      await eventually(async () => {
        const answer = await ask(sources, 'errors_total', request);
        answers.push(answer);
        return answer.kind !== 'samples' || answer.samples.length > 0;
      }, patience);
      expect(answers.map(({ kind }) => kind)).not.toContain('warming');
    });

    it('one that was restarted with its data wiped is warming again', async () => {
      await prometheus.stop();
      expect(await ask(sources, query, request)).toMatchObject({ kind: 'error', cause: 'unreachable' });
      const port = Number(new URL(prometheus.url).port);
      prometheus = await programs.prometheus({ executable, config: scrapeConfig(exporter), port });
      expectWarming(await answersUntilSamples());
    });
  });
});
