import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breakerOf, deviationOf, policyOf } from '../../../test/support/fixtures.ts';
import { type History, type HistoryServer, startHistoryServer } from '../../../test/support/history-server.ts';
import { systemClock } from '../../clock.ts';
import { prometheusSettings } from '../../metrics/settings.ts';
import type { Breaker, Detector } from '../../policy/policy.ts';
import { ProblemError } from '../../problem.ts';
import { defaultTiming } from '../../rotation/context.ts';
import { suggest, type Suggested } from './suggest.ts';
import type { Candidate, Incident, Suggestion } from './suggestion.ts';

const startMs = Date.UTC(2026, 0, 1);
const minute = 60_000;
const lengthMinutes = 60;
const periodMs = 5000;
let server: HistoryServer;

beforeEach(async () => {
  server = await startHistoryServer(startMs, 10);
});

afterEach(() => server.close());

async function suggested(
  detector: Detector,
  history: History,
  incidents: readonly Incident[] = [],
  change: Partial<Breaker> = {},
): Promise<Suggested & { readonly first: Suggestion }> {
  server.history = history;
  const result = prometheusSettings({ url: server.url }, 'test');
  if (result.kind === 'invalid') throw new Error('no settings');
  const breaker = breakerOf({ name: 'it', evaluationPeriodMs: periodMs, detector, ...change });
  const outcome = await suggest({
    run: { policies: [policyOf({ settle: 3, breakers: [breaker] })], fleets: new Map() },
    incidents,
    period: { fromMs: startMs, untilMs: startMs + lengthMinutes * minute },
    settings: () => result.settings,
    timing: defaultTiming,
    maxEjectionsPerMinute: 10,
    clock: systemClock,
    signal: AbortSignal.timeout(60_000),
    onProgress: () => undefined,
  });
  const [first] = outcome.suggestions;
  if (first === undefined) throw new Error('no suggestion');
  return { ...outcome, first };
}

function at(suggestion: Suggestion, value: number): Candidate {
  const found = suggestion.candidates.find((candidate) => candidate.value === value);
  if (found === undefined) throw new Error(`${value} was not tried`);
  return found;
}

/** Which evaluation of the minute it is, whatever the phase of the breaker. */
function turn(minutes: number): number {
  return Math.floor((minutes % 1) * (minute / periodMs) + 1e-6);
}

/** p1 is 12 % above its peers for two evaluations running each minute, and p2 35 % for one. */
function noisy(pod: string, minutes: number): number {
  if (pod === 'p1' && turn(minutes) < 2) return 112;
  return pod === 'p2' && turn(minutes) === 6 ? 135 : 100;
}

describe('for a deviation', () => {
  it('gives the strictest bound that the noise of a healthy fleet does not confirm', async () => {
    const { first } = await suggested(deviationOf({ maxDeviationPercent: 5 }), noisy);
    // 12 % is confirmed by 2 of 3; 35 % never is, because it comes alone.
    expect(first).toMatchObject({ field: 'maxDeviationPercent', current: 5, suggested: 15 });
    const strict = at(first, 10);
    expect(strict.confirmed[0]?.rate).toBeCloseTo(1 / 12, 2);
    expect(strict.flaggedWindows / first.windows).toBeCloseTo(3 / 12, 2);
    expect(strict.confirmed[0]?.alarms.length).toBeGreaterThan(lengthMinutes - 3);
    expect(strict.confirmed[0]?.alarms[0]).toMatchObject({ backend: 'p1', value: 112 });
    const chosen = at(first, 15);
    expect(chosen.confirmed[0]).toMatchObject({ windows: 0, rate: 0, alarms: [] });
    expect(chosen.flaggedWindows / first.windows).toBeCloseTo(1 / 12, 2);
  });

  it('is stricter when more evaluations have to agree', async () => {
    const { first } = await suggested(deviationOf({ maxDeviationPercent: 5 }), noisy);
    expect(first.byConfirm.map(({ confirm, suggested: value }) => [confirm.atLeast, confirm.of, value])).toEqual([
      [2, 3, 15],
      // Never more than two of five, nor of eight.
      [3, 5, 1],
      [5, 8, 1],
    ]);
  });

  it('replays the policy with it: who would no longer be out', async () => {
    const { simulation, against } = await suggested(deviationOf({ maxDeviationPercent: 5 }), noisy);
    expect(simulation.report.services[0]?.totals.ejections).toBeGreaterThan(0);
    expect(against?.report.services[0]?.totals.ejections).toBe(0);
  });

  it('says how much such a history can prove', async () => {
    const { first } = await suggested(deviationOf({ maxDeviationPercent: 5 }), noisy, [], { lookbackMs: 60_000 });
    // Twelve windows of a minute each overlap: one of them is independent.
    expect(first.independentWindows).toBe(Math.floor(first.windows / 12));
    expect(first.provenOneIn).toBe(Math.floor(first.independentWindows / 3));
    expect(first.enoughHistoryMs).toBe(3000 * minute);
  });
});

describe('a fault in the history', () => {
  /** p3 is at half of its peers for five minutes. */
  const faulty: History = (pod, minutes) => (pod === 'p3' && minutes >= 20 && minutes < 25 ? 50 : noisy(pod, minutes));
  const incident = { fromMs: startMs + 20 * minute, untilMs: startMs + 25 * minute };

  it('makes the bound lax while it is taken to be healthy', async () => {
    const { first } = await suggested(deviationOf(), faulty);
    expect(first.suggested).toBe(50);
  });

  it('is a hit and no false alarm once it is named', async () => {
    const { first, against } = await suggested(deviationOf(), faulty, [incident]);
    expect(first.suggested).toBe(15);
    const [hit] = at(first, 15).confirmed[0]?.incidents ?? [];
    expect(hit).toMatchObject({ from: '2026-01-01T00:20:00.000Z', found: ['p3'] });
    expect(hit?.afterMs).toBeLessThanOrEqual(2 * periodMs);
    expect(at(first, 75).confirmed[0]?.incidents).toEqual([{ from: '2026-01-01T00:20:00.000Z', found: [] }]);
    expect(against?.report.services[0]?.episodes.map(({ backend }) => backend)).toEqual(['p3']);
  });

  it('has to lie within the history', async () => {
    const late = { fromMs: incident.fromMs + 60 * minute, untilMs: incident.untilMs + 60 * minute };
    await expect(suggested(deviationOf(), faulty, [late])).rejects.toThrow(/KV0177 the incident from .* lies outside/);
  });
});

describe('a fleet that moves as a whole', () => {
  it('is a false alarm too, or the strictest bound of all would look the best', async () => {
    // Half a percent a minute on all pods but one, which stays: the baseline cannot follow a fleet that disagrees.
    const drifting: History = (pod, minutes) => (pod === 'p0' ? 100 : 100 + minutes / 2);
    const { first } = await suggested(deviationOf({ maxDeviationPercent: 100 }), drifting);
    expect(at(first, 1).fleetWideWindows).toBeGreaterThan(0);
    expect(at(first, 1).confirmed[0]?.rate).toBeGreaterThan(first.targetRate);
    // With 20 allowed, it follows until the one that stays is 10 % off, at 110; the fleet ends 18 % above that.
    expect(first.suggested).toBe(20);
  });
});

describe('for the other detectors', () => {
  it('a threshold: above what was there, to two digits', async () => {
    const depth: Detector = { kind: 'threshold', query: 'depth', operator: '>', value: 1 };
    const { first } = await suggested(depth, (pod, minutes) => 10 + (turn(minutes) < 3 ? Number(pod.slice(1)) : 0));
    expect(first).toMatchObject({ field: 'value', suggested: 19 });
  });

  it('a threshold from below: the highest under what was there', async () => {
    const rate: Detector = { kind: 'threshold', query: 'rate', operator: '<', value: 500 };
    const { first } = await suggested(rate, (pod, minutes) => 100 - (turn(minutes) < 3 ? Number(pod.slice(1)) : 0));
    expect(first.suggested).toBe(91);
    expect(first.candidates[0]?.value).toBe(500);
  });

  it('an outlier: its ratio', async () => {
    const latency: Detector = { kind: 'outlier', query: 'latency', direction: 'Above', minRatio: 1.05 };
    const slow: History = (pod, minutes) => (pod === 'p4' && turn(minutes) < 4 ? 140 : 100);
    expect((await suggested(latency, slow)).first).toMatchObject({ field: 'minRatio', suggested: 1.5 });
  });

  it('a ratio: its sensitivity, and minBad for orientation', async () => {
    const errors: Detector = {
      kind: 'ratio',
      bad: 'bad',
      total: 'total',
      minRequests: 30,
      minBad: 5,
      sensitivity: 0.001,
    };
    // 4 % where the others have 1 %: what pods may differ by decides.
    const uneven: History = (pod, _, query) => (query === 'total' ? 1000 : pod === 'p5' ? 40 : 10);
    const { suggestions } = await suggested(errors, uneven);
    const [sensitivity, minBad] = suggestions;
    expect(sensitivity).toMatchObject({ field: 'sensitivity' });
    expect(sensitivity?.suggested).toBeGreaterThan(0.001);
    expect(minBad).toMatchObject({ field: 'minBad', suggested: 50 });
  });

  it('nothing for an equality', async () => {
    const state: Detector = { kind: 'threshold', query: 'state', operator: '!=', value: 1 };
    const error: unknown = await suggested(state, () => 1).catch((reason: unknown) => reason);
    expect(error instanceof ProblemError && error.message).toMatch(
      /^error KV0176 no breaker of the policies has a bound/,
    );
  });
});

describe('data that is missing', () => {
  it('is neither a false alarm nor a window without one', async () => {
    // An hour of which a third is silent.
    const { first } = await suggested(deviationOf({ maxDeviationPercent: 5 }), (pod, minutes) =>
      minutes >= 20 && minutes < 40 ? undefined : noisy(pod, minutes),
    );
    expect(first.suggested).toBe(15);
    expect(at(first, 15).backendWindows).toBe(10 * first.windows);
    expect(first.windows).toBeLessThan((lengthMinutes * minute * 0.7) / periodMs);
  });

  it('gives no suggestion when nothing can be judged', async () => {
    const { first, against } = await suggested(deviationOf(), (pod) => (pod === 'p0' ? 100 : undefined));
    expect(first.suggested).toBeUndefined();
    expect(against).toBeUndefined();
  });
});
