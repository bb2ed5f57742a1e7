import { expect, test } from 'vitest';
import { createLane } from './lane.ts';

/** A write that ends when the test says so. */
function slowWrites(): { lane: ReturnType<typeof createLane<string, string>>; begun: string[]; finish: () => void } {
  const begun: string[] = [];
  let finish = (): void => {};
  const lane = createLane<string, string>((body) => {
    begun.push(body);
    return new Promise((resolve) => {
      finish = () => resolve(`wrote ${body}`);
    });
  });
  return { lane, begun, finish: () => finish() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what waits while a write is under way merges: the latest body stands for all', async () => {
  const { lane, begun, finish } = slowWrites();
  const first = lane.write('1');
  await turn();
  const merged = [lane.write('2'), lane.write('3'), lane.write('4')];
  await turn();
  expect(begun).toEqual(['1']);

  finish();
  expect(await first).toBe('wrote 1');
  await turn();
  expect(begun).toEqual(['1', '4']);

  finish();
  expect(await Promise.all(merged)).toEqual(['wrote 4', 'wrote 4', 'wrote 4']);
});

test('other work keeps its place: bodies given before it are not merged with those given after it', async () => {
  const { lane, begun, finish } = slowWrites();
  const order: string[] = [];
  const note = (text: string): void => void order.push(text);
  void lane.write('1').then(note);
  await turn();
  void lane.write('2').then(note);
  void lane.after(async () => note('removed'));
  void lane.write('3').then(note);
  for (let write = 0; write < 3; write++) {
    finish();
    await turn();
  }
  await lane.idle();
  expect(begun).toEqual(['1', '2', '3']);
  expect(order).toEqual(['wrote 1', 'wrote 2', 'removed', 'wrote 3']);
});
