import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../test/support/manual-clock.ts';
import type { Problem } from './problem.ts';
import type { JsonValue, SaveGlobalResult } from './store/store.ts';
import { createGlobalSuspension } from './suspension.ts';

const incident = { actor: 'ana', reason: 'incident', sinceMs: 1 };
const refusal: SaveGlobalResult = { kind: 'failed', problem: { code: 'KV0499', severity: 'error', message: 'no' } };

/** A store that answers when the test says so, and has what it was asked to write in the order of the answers. */
function world() {
  const clock = createManualClock();
  const stopping = new AbortController();
  const told: Problem[] = [];
  const asked: JsonValue[] = [];
  /** What each write gives way to. */
  const giveWay: (((found: JsonValue | undefined) => boolean) | undefined)[] = [];
  const answers: ((result: SaveGlobalResult) => void)[] = [];
  let retold = 0;
  const suspension = createGlobalSuspension({
    clock,
    store: {
      saveGlobal(body, givesWayTo) {
        asked.push(body);
        giveWay.push(givesWayTo);
        return new Promise((resolve) => answers.push(resolve));
      },
      retellGlobal() {
        retold += 1;
      },
    },
    observer: { problem: (problem) => told.push(problem) },
    stopping: stopping.signal,
  });
  return {
    clock,
    stopping,
    told,
    asked,
    giveWay,
    suspension,
    get retold() {
      return retold;
    },
    async answer(result: SaveGlobalResult = { kind: 'saved' }) {
      answers.shift()?.(result);
      await settle();
    },
  };
}

it('two writes are never under way at once: the older one might be the last to land', async () => {
  const { clock, asked, told, suspension, answer } = world();
  void suspension.set(incident);
  await clock.advance(6_000);
  expect([told.map(({ code }) => code), suspension.problem()?.code]).toEqual([['KV0410'], 'KV0410']);
  void suspension.set(undefined);
  await clock.advance(60_000);
  expect(asked).toEqual([{ suspension: incident }]);
  await answer();
  expect(asked).toEqual([{ suspension: incident }, { resumedMs: expect.any(Number) }]);
  await answer();
  expect([told.length, suspension.problem(), clock.pending]).toEqual([1, undefined, 0]);
});

it('a write that is refused in the end is tried again, and its problem is told once', async () => {
  const { clock, asked, told, suspension, answer } = world();
  void suspension.set(incident);
  await answer(refusal);
  await clock.advance(999);
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  await answer(refusal);
  await clock.advance(1_000);
  expect([asked.length, told.length, suspension.current()]).toEqual([3, 1, incident]);
  await answer();
  expect([suspension.problem(), clock.pending]).toEqual([undefined, 0]);
});

it('who suspends hears whether it is on record, or why not yet; the deadline is that of the store', async () => {
  const { clock, suspension, answer } = world();
  const heard: (string | undefined)[] = [];
  const set = (what: typeof incident | undefined): void =>
    void suspension.set(what).then((problem) => heard.push(problem?.code ?? 'stored'));
  set(incident);
  await answer();
  expect(heard).toEqual(['stored']);
  set(undefined);
  await answer(refusal);
  expect(heard).toEqual(['stored', 'KV0499']);
  // Tried again at once, and not told what went wrong before.
  set(incident);
  await settle();
  expect(heard).toHaveLength(2);
  await clock.advance(5_000);
  expect(heard).toEqual(['stored', 'KV0499', 'KV0410']);
  // The store has not answered, and a write waits for the one before it.
  set(undefined);
  await settle();
  expect(heard).toEqual(['stored', 'KV0499', 'KV0410', 'KV0410']);
  await answer();
  await answer();
  set(incident);
  await answer();
  expect(heard).toEqual(['stored', 'KV0499', 'KV0410', 'KV0410', 'stored']);
});

it('what others say while ours is not on record does not count; afterwards it is asked for what is on record', async () => {
  const world_ = world();
  const { suspension, answer, clock } = world_;
  void suspension.set(incident);
  suspension.follow({});
  expect(suspension.current()).toEqual(incident);
  await answer(refusal);
  suspension.follow({});
  expect([suspension.current(), world_.retold]).toEqual([incident, 0]);
  await clock.advance(1_000);
  await answer();
  expect(world_.retold).toBe(1);
  suspension.follow({});
  expect(suspension.current()).toBeUndefined();
});

describe('what could not be written down at once', () => {
  const later = { resumedMs: 1_000 };

  it('gives way to what was said after it elsewhere, and to nothing else', async () => {
    const { clock, giveWay, suspension, answer } = world();
    const heldBefore = { suspension: { ...incident, sinceMs: 2_000 } };
    suspension.load(heldBefore);
    void suspension.set(incident);
    await answer(refusal);
    await clock.advance(1_000);
    // Who reaches the store has the last word, whatever the clocks say.
    expect(giveWay[0]).toBeUndefined();
    const found = [
      later,
      { suspension: { ...incident, sinceMs: 2 } },
      { resumedMs: 0 },
      heldBefore,
      {},
      undefined,
      'x',
      { suspension: { sinceMs: 3_000 } },
    ];
    expect(found.map((global) => giveWay[1]?.(global))).toEqual([true, true, false, false, false, false, false, false]);
  });

  it('is given up then, which is told, and what is on record holds', async () => {
    const world_ = world();
    const { clock, told, suspension, answer } = world_;
    void suspension.set(incident);
    await answer(refusal);
    await clock.advance(1_000);
    await answer({ kind: 'overtaken', current: later });
    expect(told.map(({ code, message }) => [code, message])).toEqual([
      ['KV0499', 'no'],
      ['KV0842', expect.stringMatching(/suspended here by ana .* resumed/)],
    ]);
    expect([world_.retold, suspension.problem(), clock.pending]).toEqual([1, undefined, 0]);
    suspension.follow(later);
    expect(suspension.current()).toBeUndefined();
  });

  it('a resume as well: everything that was suspended since stays so', async () => {
    const { clock, told, suspension, answer } = world();
    suspension.load({ suspension: incident });
    void suspension.set(undefined);
    await answer(refusal);
    await clock.advance(1_000);
    const since = { suspension: { ...incident, sinceMs: clock.now() } };
    await answer({ kind: 'overtaken', current: since });
    expect(told.at(-1)).toMatchObject({ code: 'KV0842', message: expect.stringMatching(/resumed here .* suspended/) });
    suspension.follow(since);
    expect(suspension.current()).toEqual(since.suspension);
  });

  it('and comes to the same is not worth a word', async () => {
    const { clock, told, suspension, answer } = world();
    void suspension.set(incident);
    await answer(refusal);
    await clock.advance(1_000);
    await answer({ kind: 'overtaken', current: { suspension: { ...incident, sinceMs: 2 } } });
    expect(told.map(({ code }) => code)).toEqual(['KV0499']);
  });

  it('is written whatever is there once it is said again', async () => {
    const { clock, asked, giveWay, suspension, answer } = world();
    void suspension.set(incident);
    await answer(refusal);
    void suspension.set({ ...incident, sinceMs: clock.now() });
    expect([asked.length, giveWay]).toEqual([2, [undefined, undefined]]);
    await answer();
    expect(suspension.problem()).toBeUndefined();
  });
});
