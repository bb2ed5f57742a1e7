import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import type { MetricSource, QueryAnswer, QueryRequest } from './source.ts';
import { createWarmingSource, prometheusWitness } from './warming.ts';

const never = new AbortController().signal;
const lookbackMs = 60_000;
const unreachable: QueryAnswer = { kind: 'error', cause: 'unreachable', message: 'down' };

/** A store: what it knows, since when. */
interface Store {
  /** Since when the queried series exist; absent: not at all. */
  seriesSinceMs?: number;
  /** Since when the store gathers anything at all; absent: it has no `up`. */
  gathersSinceMs?: number;
  /** Overrides the answer, or takes its time. */
  answer?: (request: QueryRequest) => QueryAnswer | undefined | Promise<void>;
}

let clock: ManualClock;
let store: Store;
let asked: QueryRequest[];
let source: MetricSource;

beforeEach(() => {
  clock = createManualClock(1_000_000_000);
  store = {};
  asked = [];
  source = createWarmingSource({ query: answerOf, health: () => ({ name: 'x', skewMs: 0 }) }, { clock, witness });
});

function witness(): string {
  return 'witness';
}

async function answerOf(request: QueryRequest): Promise<QueryAnswer> {
  asked.push(request);
  const special = await store.answer?.(request);
  if (special) return special;
  const sinceMs = request.query === 'witness' ? store.gathersSinceMs : store.seriesSinceMs;
  const has = sinceMs !== undefined && sinceMs <= request.atMs;
  return {
    kind: 'samples',
    samples: has ? [{ labels: { pod: 'a' }, value: { kind: 'number', value: 1 } }] : [],
    evaluatedAtMs: request.atMs,
    evaluatedAtLocalMs: request.atMs,
    notes: [],
  };
}

async function ask(query = 'price'): Promise<string> {
  const answer = await source.query({ query, atMs: clock.now(), timeoutMs: 1000, lookbackMs }, never);
  if (answer.kind === 'warming') return `warming for ${answer.untilMs - clock.now()}`;
  return answer.kind === 'samples' ? `${answer.samples.length} samples` : answer.cause;
}

describe('a source with history', () => {
  it('is asked once more for a query that it answers for the first time, and then never again', async () => {
    store = { seriesSinceMs: 0 };
    expect(await ask()).toBe('1 samples');
    expect(asked.map(({ atMs }) => atMs - clock.now())).toEqual([0, -lookbackMs]);
    await clock.advance(5000);
    expect(await ask()).toBe('1 samples');
    expect(asked).toHaveLength(3);
  });

  it('goes through at once after an outage', async () => {
    store = { seriesSinceMs: 0 };
    await ask();
    store.answer = () => unreachable;
    expect(await ask()).toBe('unreachable');
    store = { seriesSinceMs: 0 };
    expect(await ask()).toBe('1 samples');
  });

  it('goes through at once when a series appears that did not exist while all was well', async () => {
    store = { gathersSinceMs: 0 };
    expect(await ask('errors')).toBe('0 samples');
    await clock.advance(5000);
    store.seriesSinceMs = clock.now();
    expect(await ask('errors')).toBe('1 samples');
    expect(asked.map(({ query }) => query)).toEqual(['errors', 'errors', 'errors', 'witness']);
  });
});

describe('a source without history', () => {
  it('is warming until the window has passed', async () => {
    store = { seriesSinceMs: clock.now(), gathersSinceMs: clock.now() };
    expect(await ask()).toBe('warming for 60000');
    await clock.advance(59_999);
    expect(await ask()).toBe('warming for 1');
    await clock.advance(1);
    expect(await ask()).toBe('1 samples');
    expect(asked).toHaveLength(5);
  });

  it.each<[string, Store]>([
    ['an error', { answer: () => unreachable }],
    ['an empty answer', {}],
  ])('is warming again when it lost its history, of which %s was seen', async (_, gap) => {
    store = { seriesSinceMs: 0 };
    expect(await ask()).toBe('1 samples');
    store = gap;
    await ask();
    store = { seriesSinceMs: clock.now(), gathersSinceMs: clock.now() };
    expect(await ask()).toBe('warming for 60000');
  });

  it('starts anew when it loses its data while warming', async () => {
    store = { seriesSinceMs: clock.now() };
    expect(await ask()).toBe('warming for 60000');
    await clock.advance(50_000);
    store = {};
    expect(await ask()).toBe('0 samples');
    store = { seriesSinceMs: clock.now() };
    expect(await ask()).toBe('warming for 60000');
  });

  it('has to wait for a quiet query too when nothing vouches for it', async () => {
    store = {};
    expect(await ask()).toBe('0 samples');
    store.seriesSinceMs = clock.now();
    expect(await ask()).toBe('warming for 60000');
  });

  it('keeps queries apart', async () => {
    store = { seriesSinceMs: 0 };
    expect(await ask('a')).toBe('1 samples');
    store = { seriesSinceMs: clock.now() };
    expect(await ask('b')).toBe('warming for 60000');
    expect(await ask('a')).toBe('1 samples');
  });
});

describe('a check that fails', () => {
  const refusesThePast = ({ atMs }: QueryRequest): QueryAnswer | undefined =>
    atMs < clock.now() ? { kind: 'error', cause: 'bad-query', message: 'too old' } : undefined;

  it('is repeated with the next query', async () => {
    store = { seriesSinceMs: 0, answer: refusesThePast };
    expect(await ask()).toBe('warming for 60000');
    await clock.advance(5000);
    store = { seriesSinceMs: 0 };
    expect(await ask()).toBe('1 samples');
  });

  it('is moot when the window has passed: nobody is warming for ever', async () => {
    store = { seriesSinceMs: 0, answer: refusesThePast };
    expect(await ask()).toBe('warming for 60000');
    await clock.advance(30_000);
    expect(await ask()).toBe('warming for 30000');
    await clock.advance(30_000);
    expect(await ask()).toBe('1 samples');
  });

  it('says why', async () => {
    store = { seriesSinceMs: 0, answer: refusesThePast };
    const answer = await source.query({ query: 'price', atMs: clock.now(), timeoutMs: 1000, lookbackMs }, never);
    expect(answer).toMatchObject({ message: expect.stringContaining('too old') });
  });

  it('has only the time that the query left', async () => {
    store = { seriesSinceMs: 0, answer: () => clock.advance(asked.length === 1 ? 400 : 0) };
    await ask();
    expect(asked.map(({ timeoutMs }) => timeoutMs)).toEqual([1000, 600]);

    asked = [];
    store = { seriesSinceMs: 0, answer: () => clock.advance(1000) };
    await ask('slow');
    expect(asked).toHaveLength(1);
  });
});

it('a query that does not look back needs no history', async () => {
  store = { seriesSinceMs: clock.now() };
  const answer = await source.query({ query: 'vector(1)', atMs: clock.now(), timeoutMs: 1000, lookbackMs: 0 }, never);
  expect(answer.kind).toBe('samples');
  expect(asked).toHaveLength(1);
});

it('the witness of a Prometheus is anything scraped just before the window', () => {
  expect(prometheusWitness(4000)).toBe('count(count_over_time(up[4000ms]))');
  expect(prometheusWitness(3_600_000)).toBe('count(count_over_time(up[300000ms]))');
});
