import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import { createSharedSource } from './shared.ts';
import type { MetricSource, QueryAnswer, QueryRequest } from './source.ts';

const never = new AbortController().signal;

interface Call {
  readonly request: QueryRequest;
  readonly signal: AbortSignal;
  readonly answer: (answer: QueryAnswer) => void;
}

let clock: ManualClock;
let calls: Call[];
let source: MetricSource;

beforeEach(() => {
  clock = createManualClock(1_700_000_000_000);
  calls = [];
  const inner: MetricSource = {
    query: (request, signal) => new Promise((answer) => calls.push({ request, signal, answer })),
    health: () => ({ name: 'x', skewMs: 0 }),
  };
  source = createSharedSource(inner, clock);
});

function ask(request: Partial<QueryRequest> = {}, signal = never): Promise<QueryAnswer> {
  return source.query({ query: 'price', atMs: 1000, timeoutMs: 500, lookbackMs: 60_000, ...request }, signal);
}

const some: QueryAnswer = { kind: 'samples', samples: [], evaluatedAtMs: 1000, evaluatedAtLocalMs: 1000, notes: [] };

describe('equal requests', () => {
  it('that are under way together are one', async () => {
    const answers = [ask(), ask(), ask()];
    expect(calls).toHaveLength(1);
    calls[0]?.answer(some);
    for (const answer of answers) expect(await answer).toBe(some);
  });

  it('find the answer that was just given, an error as well', async () => {
    for (const given of [some, { kind: 'error', cause: 'unreachable', message: '' } as const]) {
      const atMs = calls.length;
      const first = ask({ atMs });
      calls.at(-1)?.answer(given);
      await first;
      await clock.advance(999);
      expect(await ask({ atMs })).toBe(given);
      expect(calls).toHaveLength(atMs + 1);
    }
  });

  it('are asked anew after a second', async () => {
    const first = ask();
    calls[0]?.answer(some);
    await first;
    await clock.advance(1000);
    void ask();
    expect(calls).toHaveLength(2);
  });
});

it('requests that differ in anything are different: an answer is never older than what was asked for', () => {
  const signals = [
    ask(),
    ask({ atMs: 1001 }),
    ask({ query: 'other' }),
    ask({ lookbackMs: 1 }),
    ask({ timeoutMs: 499 }),
  ];
  expect(calls).toHaveLength(signals.length);
});

describe('an abort', () => {
  it('of one caller leaves the others their answer', async () => {
    const caller = new AbortController();
    const given = ask({}, caller.signal);
    const other = ask();
    caller.abort();
    expect(await given).toMatchObject({ kind: 'error', message: 'cancelled' });
    expect(calls[0]?.signal.aborted).toBe(false);
    calls[0]?.answer(some);
    expect(await other).toBe(some);
  });

  it('of all callers cancels the query, and whoever comes next starts a new one', async () => {
    const callers = [new AbortController(), new AbortController()];
    const answers = callers.map(({ signal }) => ask({}, signal));
    for (const caller of callers) caller.abort();
    await Promise.all(answers);
    expect(calls[0]?.signal.aborted).toBe(true);
    const next = ask();
    expect(calls).toHaveLength(2);
    calls[1]?.answer(some);
    expect(await next).toBe(some);
  });

  it('before the call asks nothing', async () => {
    expect(await ask({}, AbortSignal.abort())).toMatchObject({ message: 'cancelled' });
    expect(calls).toEqual([]);
  });
});
