/** The answer of the Prometheus HTTP API to an instant query, read with suspicion. Pure. */
import { isRecord } from '../is-record.ts';
import type { EpochMs } from '../model.ts';
import { type ApiData, type ApiFailure, failure, type HttpAnswer, readEnvelope } from './envelope.ts';
import type { Sample, SampleValue } from './source.ts';

export type ApiAnswer =
  | {
      readonly kind: 'vector';
      readonly samples: readonly Sample[];
      readonly notes: readonly string[];
      /** The earliest evaluation time that the samples carry; absent without samples. */
      readonly evaluatedAtMs?: EpochMs;
    }
  | ApiFailure;

export function readAnswer(http: HttpAnswer, maxSeries: number): ApiAnswer {
  // A vector of n series has 3n containers, or a few more with native histograms.
  const answer = readEnvelope(http, 4 * maxSeries + 100);
  return answer.kind === 'data' ? readResult(answer, maxSeries) : answer;
}

function readResult({ resultType, result, notes }: ApiData, maxSeries: number): ApiAnswer {
  switch (resultType) {
    case 'vector':
      break;
    case 'scalar':
    case 'string':
      return failure(
        'bad-query',
        `the query gives a ${resultType}, which has no labels that name a backend; aggregate by backend`,
      );
    case 'matrix':
      return failure(
        'bad-query',
        'the query gives a range of samples a series; use a function such as rate or avg_over_time over it',
      );
    default:
      return failure('bad-answer', 'a result type that Prometheus does not have');
  }
  if (!Array.isArray(result)) return failure('bad-answer', 'a vector that is not a list');
  if (result.length > maxSeries) {
    return failure('too-large', `${result.length} series, at most ${maxSeries} are read; aggregate by backend`);
  }
  return readVector(result, notes);
}

export const sameTwice =
  'the same series twice: replicas are not deduplicated (for Thanos, set the parameter dedup to "true")';

function readVector(elements: readonly unknown[], notes: readonly string[]): ApiAnswer {
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let evaluatedAtMs = Number.POSITIVE_INFINITY;
  for (const element of elements) {
    const sample = readElement(element);
    if (sample === undefined) return failure('bad-answer', 'a series that is not a metric with one value');
    const key = labelsKey(sample.labels);
    if (seen.has(key)) return failure('bad-answer', sameTwice);
    seen.add(key);
    samples.push({ labels: sample.labels, value: sample.value });
    evaluatedAtMs = Math.min(evaluatedAtMs, sample.atMs);
  }
  return { kind: 'vector', samples, notes, ...(samples.length > 0 && { evaluatedAtMs }) };
}

interface Element extends Sample {
  readonly atMs: EpochMs;
}

function readElement(element: unknown): Element | undefined {
  if (!isRecord(element) || !isLabels(element['metric'])) return undefined;
  const { metric: labels, value, histogram } = element;
  if (value !== undefined && histogram !== undefined) return undefined;
  const point = readPoint(value ?? histogram, histogram !== undefined);
  return point && { labels, ...point };
}

/** A moment in seconds and what was there then. */
export function readPoint(point: unknown, isHistogram: boolean): Omit<Element, 'labels'> | undefined {
  if (!Array.isArray(point) || point.length !== 2) return undefined;
  const pair: readonly unknown[] = point;
  const [seconds, content] = pair;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  const atMs = Math.round(seconds * 1000);
  if (isHistogram) return { atMs, value: { kind: 'histogram' } };
  const value = readNumber(content);
  return value && { atMs, value };
}

/** The order of labels is the server's, and the same for all series of an answer. */
export function labelsKey(labels: Readonly<Record<string, string>>): string {
  let key = '';
  for (const name in labels) key += `${name}\u0000${labels[name]}\u0000`;
  return key;
}

/** Values are strings, as JSON has no NaN and no infinity. */
function readNumber(text: unknown): SampleValue | undefined {
  if (typeof text !== 'string') return undefined;
  if (text === 'NaN') return { kind: 'nan' };
  if (text === '+Inf' || text === 'Inf') return { kind: 'infinite', sign: 1 };
  if (text === '-Inf') return { kind: 'infinite', sign: -1 };
  if (!/^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[-+]?[0-9]+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? { kind: 'number', value } : { kind: 'infinite', sign: value > 0 ? 1 : -1 };
}

export function isLabels(metric: unknown): metric is Readonly<Record<string, string>> {
  return isRecord(metric) && Object.values(metric).every((value) => typeof value === 'string');
}
