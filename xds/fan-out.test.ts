import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFanOut } from './fan-out.ts';
import type { Watcher } from './types.ts';

function watchersInto(served: string[], ...names: readonly string[]): readonly Watcher[] {
  return names.map((name) => ({ changed: () => undefined, flush: () => void served.push(name) }));
}

test('a slice is served at once, and one more each turn of the event loop', async () => {
  const served: string[] = [];
  createFanOut(2).wake(watchersInto(served, 'a', 'b', 'c', 'd', 'e'));
  expect(served).toEqual(['a', 'b']);
  await setImmediate();
  expect(served).toEqual(['a', 'b', 'c', 'd']);
  await setImmediate();
  expect(served).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('who is woken again while it waits keeps its place, and is served once', async () => {
  const served: string[] = [];
  const fanOut = createFanOut(1);
  const [a, b, c] = watchersInto(served, 'a', 'b', 'c') as [Watcher, Watcher, Watcher];
  fanOut.wake([a, b, c]);
  fanOut.wake([c, b, a]);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  expect(served).toEqual(['a', 'b', 'c', 'a']);
});

test('what is woken after all were served is served at once', async () => {
  const served: string[] = [];
  const fanOut = createFanOut(2);
  fanOut.wake(watchersInto(served, 'a', 'b', 'c'));
  await setImmediate();
  fanOut.wake(watchersInto(served, 'd'));
  expect(served).toEqual(['a', 'b', 'c', 'd']);
});
