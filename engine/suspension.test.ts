import { expect, it } from 'vitest';
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
  const answers: ((result: SaveGlobalResult) => void)[] = [];
  let retold = 0;
  const suspension = createGlobalSuspension({
    clock,
    store: {
      saveGlobal(body) {
        asked.push(body);
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
  expect(asked).toEqual([{ suspension: incident }, {}]);
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
