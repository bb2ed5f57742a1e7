import { describe, expect, it } from 'vitest';
import type { RangeReader, RangeRequest } from '../metrics/range.ts';
import { fetchHistory } from './fetch.ts';
import { samplesAt } from './recording.ts';

const question = { source: 'default', query: 'up', startMs: 7, stepMs: 1000, count: 5000 };

/** The value of a moment is its time. Pieces of more than `most` moments are too large. */
function reader(most: number, asked: RangeRequest[]): RangeReader {
  return {
    async read(request) {
      asked.push(request);
      const { startMs, stepMs, count } = request;
      if (count > most) return { kind: 'error', cause: 'too-large', message: 'too large' };
      const points = Array.from({ length: count }, (_, index) => {
        const atMs = startMs + index * stepMs;
        return { atMs, value: { kind: 'number', value: atMs } as const };
      });
      return { kind: 'series', series: [{ labels: { pod: 'a' }, points }] };
    },
    close: () => undefined,
  };
}

async function fetched(most: number) {
  const asked: RangeRequest[] = [];
  const progress: number[] = [];
  const [recording] = await fetchHistory({
    questions: [question],
    reader: (name) => (name === 'default' ? reader(most, asked) : undefined),
    signal: AbortSignal.timeout(10_000),
    onProgress: (done, total) => progress.push(done / total),
  });
  if (recording === undefined) throw new Error('no recording');
  return { recording, asked, progress };
}

describe('the history of a query', () => {
  it.each([
    ['in pieces', 11_000],
    ['and in smaller ones where a piece is too large', 300],
  ])('is fetched %s, and each moment is where it belongs', async (_, most) => {
    const { recording, asked, progress } = await fetched(most);
    expect(asked.every(({ count }) => count <= 2000)).toBe(true);
    expect(progress.at(-1)).toBe(1);
    for (let index = 0; index < question.count; index++) {
      const atMs = question.startMs + index * question.stepMs;
      expect(samplesAt(recording, atMs)).toEqual([{ labels: { pod: 'a' }, value: { kind: 'number', value: atMs } }]);
    }
    expect(samplesAt(recording, question.startMs + 1)).toBeUndefined();
    expect(samplesAt(recording, question.startMs + question.count * question.stepMs)).toBeUndefined();
  });

  it('cannot be had of a source that is not there, or of which one moment is too much', async () => {
    await expect(
      fetchHistory({
        questions: [question],
        reader: () => undefined,
        signal: AbortSignal.timeout(10_000),
        onProgress: () => undefined,
      }),
    ).rejects.toThrow('KV0744');
    await expect(fetched(0)).rejects.toThrow('KV0744');
  });
});
