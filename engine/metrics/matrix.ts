/** The answer of the Prometheus HTTP API to a range query, read with the same suspicion as that to an instant one. Pure. */
import { isRecord } from '../is-record.ts';
import type { EpochMs } from '../model.ts';
import { isLabels, labelsKey, readPoint, sameTwice } from './answer.ts';
import { type ApiFailure, failure, type HttpAnswer, readEnvelope } from './envelope.ts';
import type { SampleValue } from './source.ts';

export interface RangeSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** In the order of the answer. */
  readonly points: readonly RangePoint[];
}

export interface RangePoint {
  readonly atMs: EpochMs;
  readonly value: SampleValue;
}

export type RangeAnswer = { readonly kind: 'matrix'; readonly series: readonly RangeSeries[] } | ApiFailure;

export interface RangeLimits {
  readonly maxSeries: number;
  /** Of all series together. */
  readonly maxPoints: number;
}

export function readRangeAnswer(http: HttpAnswer, { maxSeries, maxPoints }: RangeLimits): RangeAnswer {
  // A series is three containers and one more for each point.
  const answer = readEnvelope(http, maxPoints + 4 * maxSeries + 100);
  if (answer.kind === 'failure') return answer;
  const { resultType, result } = answer;
  if (resultType !== 'matrix' || !Array.isArray(result))
    return failure('bad-answer', 'not the answer to a range query');
  if (result.length > maxSeries) {
    return failure('too-large', `${result.length} series, at most ${maxSeries} are read; aggregate by backend`);
  }
  const series: RangeSeries[] = [];
  const seen = new Set<string>();
  for (const element of result) {
    const read = readSeries(element);
    if (read === undefined) return failure('bad-answer', 'a series that is not a metric with values');
    const key = labelsKey(read.labels);
    if (seen.has(key)) return failure('bad-answer', sameTwice);
    seen.add(key);
    series.push(read);
  }
  return { kind: 'matrix', series };
}

function readSeries(element: unknown): RangeSeries | undefined {
  if (!isRecord(element) || !isLabels(element['metric'])) return undefined;
  const { metric: labels, values = [], histograms = [] } = element;
  if (!Array.isArray(values) || !Array.isArray(histograms)) return undefined;
  const points: RangePoint[] = [];
  for (const [list, isHistogram] of [
    [values, false],
    [histograms, true],
  ] as const) {
    for (const each of list) {
      const point = readPoint(each, isHistogram);
      if (point === undefined) return undefined;
      points.push(point);
    }
  }
  return { labels, points };
}
