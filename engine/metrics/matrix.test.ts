import { describe, expect, it } from 'vitest';
import { readRangeAnswer } from './matrix.ts';

function read(result: unknown, { resultType = 'matrix', maxPoints = 100 } = {}) {
  const body = JSON.stringify({ status: 'success', data: { resultType, result } });
  return readRangeAnswer({ status: 200, contentType: 'application/json', body }, { maxSeries: 2, maxPoints });
}

describe('the answer to a range query', () => {
  it('gives each series its points, with values that are typed', () => {
    const values = [
      [1.5, '2'],
      [2.5, 'NaN'],
      [3.5, '-Inf'],
    ];
    expect(read([{ metric: { pod: 'a' }, values, histograms: [[4.5, {}]] }])).toEqual({
      kind: 'matrix',
      series: [
        {
          labels: { pod: 'a' },
          points: [
            { atMs: 1500, value: { kind: 'number', value: 2 } },
            { atMs: 2500, value: { kind: 'nan' } },
            { atMs: 3500, value: { kind: 'infinite', sign: -1 } },
            { atMs: 4500, value: { kind: 'histogram' } },
          ],
        },
      ],
    });
  });

  it.each([
    ['something else', [], { resultType: 'vector' }, 'bad-answer'],
    ['a series that is none', [{ metric: { pod: 'a' }, values: [[1]] }], {}, 'bad-answer'],
    ['a series twice', [{ metric: { pod: 'a' } }, { metric: { pod: 'a' } }], {}, 'bad-answer'],
    ['too many series', ['a', 'b', 'c'].map((pod) => ({ metric: { pod } })), {}, 'too-large'],
    ['too many points', [{ metric: {}, values: Array(200).fill([1, '1']) }], { maxPoints: 10 }, 'too-large'],
  ])('is refused when it is %s', (_, result, more, cause) => {
    expect(read(result, more)).toMatchObject({ kind: 'failure', cause });
  });
});
