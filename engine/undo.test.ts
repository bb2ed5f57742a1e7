import { expect, it } from 'vitest';
import type { Problem } from './problem.ts';
import { createUndo } from './undo.ts';

it('ends what was begun, last first, one after the other, and goes on when one fails', async () => {
  const ended: string[] = [];
  const problems: Problem[] = [];
  const undo = createUndo();
  undo.add(() => void ended.push('log'));
  undo.add(async () => {
    await Promise.resolve();
    ended.push('store');
  });
  undo.add(() => Promise.reject(new Error('listener')));
  undo.add(() => {
    throw new Error('streams');
  });
  await undo.run((problem) => problems.push(problem));
  expect(ended).toEqual(['store', 'log']);
  expect(problems).toMatchObject([
    { code: 'KV0001', message: expect.stringContaining('streams') },
    { code: 'KV0001', message: expect.stringContaining('listener') },
  ]);
});
