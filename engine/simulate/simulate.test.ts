import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breakerOf, policyOf } from '../../test/support/fixtures.ts';
import { type History, type HistoryServer, startHistoryServer } from '../../test/support/history-server.ts';
import { systemClock } from '../clock.ts';
import type { PrometheusConfig } from '../metrics/config.ts';
import { serviceKey } from '../model.ts';
import { prometheusSettings } from '../metrics/settings.ts';
import type { Detector } from '../policy/policy.ts';
import { ProblemError } from '../problem.ts';
import { defaultTiming } from '../rotation/context.ts';
import { compare } from './compare.ts';
import { simulate, type Simulation } from './simulate.ts';

const startMs = Date.UTC(2026, 0, 1);
const minute = 60_000;
const period = { fromMs: startMs, untilMs: startMs + 20 * minute };

let server: HistoryServer;

beforeEach(async () => {
  server = await startHistoryServer(startMs, 10);
});

afterEach(() => server.close());

const depth = (value: number, longQuery?: string): Detector => ({
  kind: 'threshold',
  query: 'depth',
  ...(longQuery === undefined ? {} : { longQuery }),
  operator: '>',
  value,
});

const run = (...bounds: readonly number[]) => runAll(bounds.map((bound) => depth(bound)));

async function runAll(
  detectors: readonly Detector[],
  source: Omit<PrometheusConfig, 'url'> = {},
  namespaces: readonly string[] = ['shop'],
): Promise<readonly Simulation[]> {
  const result = prometheusSettings({ ...source, url: server.url }, 'test');
  if (result.kind === 'invalid') throw new Error('no settings');
  return simulate({
    runs: detectors.map((detector) => ({
      policies: namespaces.map((namespace) =>
        policyOf({
          service: serviceKey(namespace, 'pricer'),
          settle: 3,
          breakers: [breakerOf({ name: 'depth', detector })],
        }),
      ),
      fleets: new Map(),
    })),
    period,
    settings: () => result.settings,
    timing: defaultTiming,
    maxEjectionsPerMinute: 10,
    clock: systemClock,
    signal: AbortSignal.timeout(30_000),
    onProgress: () => undefined,
  });
}

async function one(given: History): Promise<Simulation['report']['services'][number]> {
  server.history = given;
  const [simulation] = await run(100);
  const service = simulation?.report.services[0];
  if (service === undefined) throw new Error('no report');
  return service;
}

/** p3 is bad from the first minute given to before the second. */
function bad(from: number, until: number): History {
  return (pod, at) => (pod === 'p3' && at >= from && at < until ? 500 : 10);
}

describe('a simulation', () => {
  it('leaves a healthy fleet alone', async () => {
    const { totals, backends, breakers } = await one(bad(99, 99));
    expect(totals).toEqual({ ejections: 0, failedReturns: 0, flaps: 0, outMs: 0, held: {}, stillOut: 0 });
    expect(backends).toHaveLength(10);
    expect(breakers[0]?.evaluations).toBeGreaterThan(200);
  });

  it('asks as the namespace of the policy where the source is bound to it, and of one namespace only', async () => {
    const asked = new Set<string>();
    server.history = (pod, at, query) => {
      asked.add(query);
      return bad(3, 6)(pod, at, query);
    };
    const tenant = { label: 'namespace' };
    const [simulation] = await runAll([depth(100)], { tenant });
    expect(simulation?.report.services[0]?.totals.ejections).toBeGreaterThan(0);
    expect([...asked].filter((query) => query.startsWith('depth'))).toEqual(['depth{namespace="shop"}']);
    const two = runAll([depth(100)], { tenant }, ['shop', 'bank']);
    await expect(two).rejects.toMatchObject({ problem: { code: 'KV0851' } });
    await expect(runAll([depth(100)], {}, ['shop', 'bank'])).resolves.toHaveLength(1);
    await expect(runAll([depth(100)], { allowNamespaces: ['bank'] })).rejects.toMatchObject({
      problem: { code: 'KV0744', message: expect.stringMatching(/default is not for namespace shop/) },
    });
  });

  it('asks the past for both windows of a threshold', async () => {
    const short = bad(3, 6);
    // The long window gets there two minutes later.
    server.history = (pod, at, query) => short(pod, query === 'long' ? at - 2 : at, query);
    const [simulation] = await runAll([depth(100, 'long')]);
    const [episode] = simulation?.report.services[0]?.episodes ?? [];
    expect(episode).toMatchObject({ backend: 'p3', reason: 'value 500 > 100, and 500 over the long window' });
    expect((Date.parse(episode?.from ?? '') - startMs) / minute).toBeGreaterThan(5);
  });

  it('says who would have been out, from when, and that it failed to come back until it was well', async () => {
    const { episodes } = await one(bad(3, 6));
    expect(episodes).toHaveLength(1);
    const [episode] = episodes;
    expect(episode).toMatchObject({ backend: 'p3', breaker: 'depth', value: 500, bound: 100, ended: 'recovered' });
    expect(episode?.failedReturns).toBeGreaterThan(0);
    const [from = 0, until = 0] = [episode?.from, episode?.until].map(
      (time) => (Date.parse(time ?? '') - startMs) / minute,
    );
    // Two evaluations of 5 s confirm; after the sixth minute it takes a probe and its ramp.
    expect(from).toBeGreaterThan(3);
    expect(from).toBeLessThan(3.5);
    expect(until).toBeGreaterThan(6);
    expect(episode?.states.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['ejected', 'probing', 'ramping']),
    );
  });

  it('is still out where the history ends', async () => {
    const { totals, episodes } = await one(bad(18, 99));
    expect(totals.stillOut).toBe(1);
    expect(episodes[0]).toMatchObject({ ended: 'still-out' });
    expect(episodes[0]).not.toHaveProperty('until');
  });

  it('says what the budget and the guards refused', async () => {
    const { totals, held } = await one((_, at) => (at >= 5 && at < 8 ? 500 : 10));
    expect(totals.ejections).toBe(0);
    expect(new Set(held.map(({ cause }) => cause))).toEqual(new Set(['hold-above']));
    expect(held).toHaveLength(10);
  });

  it('says who could not be judged, and takes nobody out for it', async () => {
    const { totals, breakers } = await one((pod, at) => (pod === 'p7' && at >= 5 && at < 7 ? undefined : 10));
    expect(totals.ejections).toBe(0);
    expect(breakers[0]?.noData).toEqual([
      { backend: 'p7', evaluations: 24, reasons: [{ reason: 'no sample', count: 24 }] },
    ]);
  });

  it('has a backend in the fleet from its first sample to its last', async () => {
    // Before and after it is nobody whose data is missing.
    const { breakers, backends } = await one((pod, at) =>
      (pod === 'p1' && at > 9) || (pod === 'p2' && at < 12) ? undefined : 10,
    );
    expect(backends).toHaveLength(10);
    expect(breakers[0]?.noData).toEqual([]);
  });

  it('begins with the data', async () => {
    server.history = (_, at) => (at < 10 ? undefined : 10);
    const [simulation] = await run(100);
    const from = Date.parse(simulation?.report.from ?? '');
    expect(from).toBeGreaterThan(startMs + 9 * minute);
    expect(from).toBeLessThanOrEqual(startMs + 10.1 * minute);
  });

  it('compares two policies over the same history', async () => {
    server.history = bad(3, 6);
    const [strict, lax] = await run(100, 1000);
    if (strict === undefined || lax === undefined) throw new Error('two runs');
    const [comparison] = compare(strict.report, lax.report);
    expect(comparison?.onlyOne.map(({ backend }) => backend)).toEqual(['p3']);
    expect(comparison?.onlyOther).toEqual([]);
  });
});

describe('what cannot be simulated', () => {
  const problem = async (): Promise<string> => {
    const error: unknown = await run(100).catch((reason: unknown) => reason);
    if (!(error instanceof ProblemError)) throw new Error(`no problem: ${String(error)}`);
    return error.message;
  };

  it('is a history without data', async () => {
    server.history = () => undefined;
    expect(await problem()).toMatch(/^error KV0747 no query .* finds a series/);
  });

  it('is a query that the source refuses, in its own words', async () => {
    server.refusal = 'parse error: unexpected end';
    expect(await problem()).toMatch(
      /^error KV0744 the history of `depth` cannot be had: .*parse error: unexpected end/,
    );
  });

  it('is a source that does not answer', async () => {
    await server.close();
    expect(await problem()).toMatch(/^error KV0744 .*ECONNREFUSED/);
  });
});
