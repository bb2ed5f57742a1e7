import { expect, it } from 'vitest';
import { parseJson } from './json.ts';

const limits = { maxDepth: 3, maxContainers: 4 };

it('gives the value of JSON within the limits', () => {
  expect(parseJson('{"a":[[1,2],"x"],"b":{}}', limits)).toEqual({ kind: 'value', value: { a: [[1, 2], 'x'], b: {} } });
});

it('refuses what is nested too deep or has too many elements', () => {
  expect(parseJson('[[[[]]]]', { ...limits, maxContainers: 100 })).toMatchObject({ kind: 'too-large' });
  expect(parseJson('[[],[],[],[]]', limits)).toMatchObject({ kind: 'too-large' });
});

it('does not count brackets inside strings, escaped quotes included', () => {
  const text = '["[[[[[[", "\\"[[[[[[", "\\\\"]';
  expect(parseJson(text, limits)).toEqual({ kind: 'value', value: ['[[[[[[', '"[[[[[[', '\\'] });
});

it('says of anything else that it is invalid', () => {
  for (const text of ['', '{', '[1,]', 'NaN', '"', ']]]]]'])
    expect(parseJson(text, limits)).toEqual({ kind: 'invalid' });
});
