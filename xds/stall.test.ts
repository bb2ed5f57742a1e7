import { expect, test } from 'vitest';
import { createManualClock } from '../test/support/manual-clock.ts';
import { createStallGuard } from './stall.ts';

function world() {
  const clock = createManualClock();
  const guard = createStallGuard(clock, 100);
  const stalled: string[] = [];
  const begin = (name: string): (() => void) => {
    const wait = { untilMs: 0, onStall: () => stalled.push(name) };
    guard.begin(wait);
    return () => guard.end(wait);
  };
  return { clock, guard, stalled, begin };
}

test('what does not end in time has stalled, once', async () => {
  const { clock, begin, stalled } = world();
  begin('a');
  await clock.advance(60);
  begin('b');
  await clock.advance(39);
  expect(stalled).toEqual([]);
  await clock.advance(1);
  expect(stalled).toEqual(['a']);
  await clock.advance(60);
  expect(stalled).toEqual(['a', 'b']);
  await clock.advance(1000);
  expect(stalled).toEqual(['a', 'b']);
});

test('what ends in time has not', async () => {
  const { clock, begin, stalled } = world();
  const endA = begin('a');
  begin('b');
  endA();
  await clock.advance(100);
  expect(stalled).toEqual(['b']);
});

test('a wait that begins after all others ended is guarded too', async () => {
  const { clock, begin, stalled } = world();
  begin('a')();
  await clock.advance(500);
  begin('b');
  await clock.advance(100);
  expect(stalled).toEqual(['b']);
});

test('nothing stalls after the stop', async () => {
  const { clock, guard, begin, stalled } = world();
  begin('a');
  guard.stop();
  await clock.advance(1000);
  expect(stalled).toEqual([]);
});
