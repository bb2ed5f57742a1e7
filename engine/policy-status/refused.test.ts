import { expect, it } from 'vitest';
import { newlyInvalid } from './refused.ts';

const accepted = (status: string, reason: string, message: string) => ({
  conditions: [{ type: 'Accepted', status, reason, message }],
});

it('is news when it becomes so, or becomes so in another way, and no other time', () => {
  const bad = accepted('False', 'Invalid', 'KV0104 the query');
  expect(newlyInvalid({}, bad)).toBe('KV0104 the query');
  expect(newlyInvalid(accepted('True', 'Accepted', 'x'), bad)).toBe('KV0104 the query');
  expect(newlyInvalid(accepted('False', 'Invalid', 'KV0103 another'), bad)).toBe('KV0104 the query');
  expect(newlyInvalid(bad, bad)).toBeUndefined();
  expect(newlyInvalid(bad, accepted('True', 'Accepted', 'x'))).toBeUndefined();
  expect(newlyInvalid({}, accepted('False', 'Conflicted', 'x'))).toBeUndefined();
});
