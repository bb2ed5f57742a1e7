import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { createDeadline } from './deadline.ts';

let nowMs: number;
let timers: Set<{ readonly atMs: number; readonly run: () => void }>;

const clock: Clock = {
  now: () => nowMs,
  at(atMs, run) {
    const timer = { atMs, run };
    timers.add(timer);
    return () => void timers.delete(timer);
  },
};

beforeEach(() => {
  nowMs = 1000;
  timers = new Set();
});

describe('a deadline', () => {
  it('aborts when its time is up', () => {
    const deadline = createDeadline(clock, 500, new AbortController().signal);
    const [timer] = timers;
    expect(timer?.atMs).toBe(1500);
    expect([deadline.signal.aborted, deadline.expired(), deadline.remainingMs()]).toEqual([false, false, 500]);
    nowMs = 1600;
    timer?.run();
    expect([deadline.signal.aborted, deadline.expired(), deadline.remainingMs()]).toEqual([true, true, 0]);
  });

  it('aborts with its caller, which is not the same as being late', () => {
    const caller = new AbortController();
    const deadline = createDeadline(clock, 500, caller.signal);
    caller.abort();
    expect([deadline.signal.aborted, deadline.expired()]).toEqual([true, false]);
    expect(createDeadline(clock, 500, caller.signal).signal.aborted).toBe(true);
  });

  it('that is disposed of leaves nothing behind', () => {
    const caller = new AbortController();
    const deadline = createDeadline(clock, 500, caller.signal);
    deadline.dispose();
    caller.abort();
    expect(timers.size).toBe(0);
    expect(deadline.signal.aborted).toBe(false);
  });
});
