/** The answers to one question about the past, a number a moment: hours of a hundred series fit into memory. */
import { labelsKey } from '../metrics/answer.ts';
import type { RangeSeries } from '../metrics/matrix.ts';
import type { Sample, SampleValue } from '../metrics/source.ts';
import type { EpochMs } from '../model.ts';
import type { Question } from './questions.ts';

export interface Recording extends Question {
  /** By their labels. */
  readonly series: ReadonlyMap<string, RecordedSeries>;
}

export interface RecordedSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** At each moment what `values` has, or why it has none. */
  readonly kinds: Uint8Array;
  readonly values: Float64Array;
}

const absent = 0;
const number = 1;
const nan = 2;
const infinite = 3;
const histogram = 4;

export interface Recorder {
  add(series: readonly RangeSeries[]): void;
  readonly recording: Recording;
}

export function createRecorder(question: Question): Recorder {
  const { startMs, stepMs, count } = question;
  const series = new Map<string, RecordedSeries>();
  return {
    recording: { ...question, series },
    add(found) {
      for (const { labels, points } of found) {
        const key = labelsKey(labels);
        const recorded = series.get(key) ?? { labels, kinds: new Uint8Array(count), values: new Float64Array(count) };
        series.set(key, recorded);
        for (const { atMs, value } of points) {
          // A source that aligns steps by itself answers for a moment before the one asked for: never for a later one.
          const index = Math.ceil((atMs - startMs - 1) / stepMs);
          if (index < 0 || index >= count) continue;
          const [kind, plain] = encode(value);
          recorded.kinds[index] = kind;
          recorded.values[index] = plain;
        }
      }
    },
  };
}

/** Samples at the moment `atMs`; undefined when it is not one of those that were asked for. */
export function samplesAt(recording: Recording, atMs: EpochMs): readonly Sample[] | undefined {
  const index = (atMs - recording.startMs) / recording.stepMs;
  if (!Number.isInteger(index) || index < 0 || index >= recording.count) return undefined;
  const samples: Sample[] = [];
  for (const { labels, kinds, values } of recording.series.values()) {
    const value = decode(kinds[index] ?? absent, values[index] ?? 0);
    if (value !== undefined) samples.push({ labels, value });
  }
  return samples;
}

/** Moments of the first and the last sample of a series, or undefined when it has none. */
export function spanOf({ startMs, stepMs }: Question, { kinds }: RecordedSeries): Span | undefined {
  const first = kinds.findIndex((kind) => kind !== absent);
  if (first < 0) return undefined;
  const last = kinds.findLastIndex((kind) => kind !== absent);
  return { firstMs: startMs + first * stepMs, lastMs: startMs + last * stepMs };
}

/** Every plain number of a recording. Of very many, each so-manieth and the two ends. */
export function numbersIn({ series, count }: Recording): readonly number[] {
  const stride = Math.max(1, Math.ceil((series.size * count) / numbersKept));
  const kept: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  let seen = 0;
  for (const { kinds, values } of series.values()) {
    for (let index = 0; index < count; index++) {
      const value = values[index];
      if (kinds[index] !== number || value === undefined) continue;
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
      if (seen++ % stride === 0) kept.push(value);
    }
  }
  return seen === 0 ? [] : [...kept, lowest, highest];
}

const numbersKept = 200_000;

export interface Span {
  readonly firstMs: EpochMs;
  readonly lastMs: EpochMs;
}

function encode(value: SampleValue): readonly [kind: number, plain: number] {
  switch (value.kind) {
    case 'number':
      return [number, value.value];
    case 'nan':
      return [nan, 0];
    case 'infinite':
      return [infinite, value.sign];
    case 'histogram':
      return [histogram, 0];
  }
}

function decode(kind: number, plain: number): SampleValue | undefined {
  switch (kind) {
    case number:
      return { kind: 'number', value: plain };
    case nan:
      return { kind: 'nan' };
    case infinite:
      return { kind: 'infinite', sign: plain < 0 ? -1 : 1 };
    case histogram:
      return { kind: 'histogram' };
    default:
      return undefined;
  }
}
