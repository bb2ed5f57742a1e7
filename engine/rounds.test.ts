import { expect, it } from 'vitest';
import { createManualClock, settle } from '../test/support/manual-clock.ts';
import type { EpochMs } from './model.ts';
import type { Problem } from './problem.ts';
import { createRounds } from './rounds.ts';

function world() {
  const clock = createManualClock();
  const startMs = clock.now();
  const stopping = new AbortController();
  const at: number[] = [];
  const problems: Problem[] = [];
  let next: () => EpochMs | undefined = () => undefined;
  const rounds = createRounds({
    clock,
    pauseMs: 100,
    longestMs: 1000,
    round: async () => {
      at.push(clock.now() - startMs);
      return next();
    },
    doing: 'testing',
    onProblem: (problem) => problems.push(problem),
  });
  const ended = rounds.run(stopping.signal);
  return {
    clock,
    stopping,
    at,
    problems,
    rounds,
    ended,
    answer: (given: typeof next) => {
      next = given;
    },
  };
}

it('comes after a while by itself, sooner when it is woken, and never twice within the pause', async () => {
  const { clock, at, rounds, stopping, ended } = world();
  await clock.advance(1500);
  expect(at).toEqual([0, 1100]);
  rounds.wake();
  rounds.wake();
  await clock.advance(50);
  expect(at).toEqual([0, 1100, 1500]);
  rounds.wake();
  await clock.advance(49);
  expect(at).toHaveLength(3);
  await clock.advance(1);
  expect(at).toEqual([0, 1100, 1500, 1600]);
  stopping.abort();
  await ended;
  expect(clock.pending).toBe(0);
});

it('comes when the round itself says', async () => {
  const { clock, at, answer, stopping, ended } = world();
  answer(() => clock.now() + 300);
  await clock.advance(1100);
  expect(at).toEqual([0, 1100]);
  await clock.advance(700);
  expect(at).toEqual([0, 1100, 1400, 1700]);
  stopping.abort();
  await ended;
});

it('a round that fails is told of, and is not the last', async () => {
  const { clock, at, answer, problems, stopping, ended } = world();
  answer(() => {
    throw new Error('boom');
  });
  await clock.advance(2200);
  await settle();
  expect([at.length, problems.map(({ code }) => code)]).toEqual([3, ['KV0001', 'KV0001']]);
  stopping.abort();
  await ended;
});
