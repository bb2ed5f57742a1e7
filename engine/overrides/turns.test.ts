import { expect, it } from 'vitest';
import { inTurns } from './turns.ts';

it('each group has its turn, and within it the order stays', () => {
  const items = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2'];
  expect(inTurns(items, ([group = '']) => group)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
  expect(inTurns([], String)).toEqual([]);
});
