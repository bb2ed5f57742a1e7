import { expect, it } from 'vitest';
import { breakerOf, policyOf } from '../../test/support/fixtures.ts';
import { questionsOf } from './questions.ts';

it('every query of a breaker is asked of the past, and each of them once', () => {
  const detector = { kind: 'threshold', query: 'short', longQuery: 'long', operator: '>', value: 5 } as const;
  const activity = { query: 'did', min: 1 };
  const breakers = [
    breakerOf({ detector, activity }),
    breakerOf({ name: 'again', detector: { ...detector, value: 9 } }),
  ];
  const asked = questionsOf([policyOf({ breakers })], { fromMs: 0, untilMs: 60_000 });
  expect(asked.map(({ query }) => query)).toEqual(['short', 'long', 'did']);
});
