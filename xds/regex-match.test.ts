import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { createManualClock } from '../test/support/manual-clock.ts';
import { matchRegexes } from './regex-match.ts';

test('what any of them matches', async () => {
  const texts = ['edge-1', 'edge-x', 'sidecar'];
  expect(await matchRegexes([/^edge-\d$/u, /^s/u], texts, createManualClock())).toEqual(['edge-1', 'sidecar']);
});

test('one that takes for ever is given up, and nobody waits for it', async () => {
  const clock = createManualClock();
  const matching = matchRegexes([/^(?:(a+)+b)$/u], ['a'.repeat(60)], clock);
  const outcome = matching.catch((error: unknown) => error);
  await clock.advance(3000);
  expect(await outcome).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('simpler'),
  });
});
