/** The answer of the Prometheus HTTP API to an instant query, read with suspicion. Pure. */
import type { EpochMs } from '../model.ts';
import { isRecord, parseJson } from './json.ts';
import type { QueryErrorCause, Sample, SampleValue } from './source.ts';
import { oneLine } from './text.ts';

export type ApiAnswer =
  | {
      readonly kind: 'vector';
      readonly samples: readonly Sample[];
      readonly notes: readonly string[];
      /** The earliest evaluation time that the samples carry; absent without samples. */
      readonly evaluatedAtMs?: EpochMs;
    }
  | ApiFailure;

export interface ApiFailure {
  readonly kind: 'failure';
  readonly cause: QueryErrorCause;
  readonly message: string;
  /** More, for whoever runs this process. */
  readonly detail?: string;
  /** The fault is the source's, not this one query's: others would meet it too, so the source is given a rest. */
  readonly backOff: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}

const maxDepth = 64;
const maxNotes = 10;
const maxTextLength = 300;

export function readAnswer(http: HttpAnswer, maxSeries: number): ApiAnswer {
  // Statuses that mean the same whatever the body, and whose body may be any proxy's.
  switch (http.status) {
    case 401:
    case 403:
      return failure('unauthorized', `HTTP ${http.status}${apiError(http)}`);
    case 429:
      return failure('throttled', `HTTP 429${apiError(http)}`, true);
  }
  if (http.status >= 300 && http.status < 400)
    return failure('redirected', `HTTP ${http.status}, and redirects are not followed`);
  // A vector of n series has 3n containers, or a few more with native histograms.
  const json = parseJson(http.body, { maxDepth, maxContainers: 4 * maxSeries + 100 });
  if (json.kind === 'too-large') return failure('too-large', `the answer is ${json.message}`);
  const envelope = json.kind === 'value' && isRecord(json.value) ? json.value : undefined;
  if (http.status >= 200 && http.status < 300) {
    if (envelope === undefined) return failure('bad-answer', `${described(http)} where JSON was expected`);
    if (envelope['status'] === 'success') return readSuccess(envelope, maxSeries);
    if (envelope['status'] !== 'error') return failure('bad-answer', 'JSON without the status of a Prometheus answer');
  }
  return readError(http, envelope);
}

function readError(http: HttpAnswer, envelope: Readonly<Record<string, unknown>> | undefined): ApiFailure {
  const text = apiError(http, envelope);
  const type = envelope?.['errorType'];
  // A timeout that the API reports is this query's: it was too heavy. Others must not be held up for it.
  if (type === 'timeout' || type === 'canceled') return failure('timeout', `the source gave up${text}`);
  if (type === 'bad_data' || type === 'execution' || http.status === 400 || http.status === 422) {
    return failure('bad-query', text === '' ? described(http) : text.slice(2));
  }
  if (http.status === 504) return failure('timeout', `${described(http)}${text}`, true);
  if (http.status >= 500 || http.status < 300) return failure('server-error', `${described(http)}${text}`, true);
  if (http.status === 404) return failure('bad-answer', 'HTTP 404: no query API below this URL');
  return failure('bad-answer', `${described(http)}${text}`);
}

function readSuccess(envelope: Readonly<Record<string, unknown>>, maxSeries: number): ApiAnswer {
  const { data, isPartial } = envelope;
  if (isPartial === true) return failure('partial', 'the source says that parts of its data did not answer');
  const annotations = [...texts(envelope['warnings']), ...texts(envelope['infos'])];
  const lost = annotations.find((text) => !isQueryNote(text));
  if (lost !== undefined) return failure('partial', `storage warning: ${lost}`);
  if (!isRecord(data)) return failure('bad-answer', 'no data in the answer');
  const { resultType, result } = data;
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
  return readVector(result, annotations.slice(0, maxNotes));
}

function readVector(elements: readonly unknown[], notes: readonly string[]): ApiAnswer {
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let evaluatedAtMs = Number.POSITIVE_INFINITY;
  for (const element of elements) {
    const sample = readElement(element);
    if (sample === undefined) return failure('bad-answer', 'a series that is not a metric with one value');
    // The order of labels is the server's, and the same for all series of an answer.
    let labels = '';
    for (const name in sample.labels) labels += `${name}\u0000${sample.labels[name]}\u0000`;
    if (seen.has(labels)) {
      return failure(
        'bad-answer',
        'the same series twice: replicas are not deduplicated (for Thanos, set the parameter dedup to "true")',
      );
    }
    seen.add(labels);
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
  const point = value ?? histogram;
  if (!Array.isArray(point) || point.length !== 2 || (value !== undefined && histogram !== undefined)) return undefined;
  const pair: readonly unknown[] = point;
  const [seconds, content] = pair;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  const atMs = Math.round(seconds * 1000);
  if (histogram !== undefined) return { labels, atMs, value: { kind: 'histogram' } };
  const read = readNumber(content);
  return read === undefined ? undefined : { labels, atMs, value: read };
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

function isLabels(metric: unknown): metric is Readonly<Record<string, string>> {
  return isRecord(metric) && Object.values(metric).every((value) => typeof value === 'string');
}

/**
 * Annotations of the query engine say how a query may be better written. Everything else in these lists comes from
 * storage and says that data is missing: the missing series may be the healthy peers.
 */
function isQueryNote(text: string): boolean {
  return text.startsWith('PromQL info:') || text.startsWith('PromQL warning:');
}

function texts(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.map((text) => oneLine(String(text), maxTextLength));
}

/** The API's own words about the query, for the person who wrote it; never the body of something that is not the API. */
function apiError(http: HttpAnswer, envelope?: Readonly<Record<string, unknown>>): string {
  const error = (envelope ?? parsedEnvelope(http))?.['error'];
  return typeof error === 'string' ? `: ${oneLine(error, maxTextLength)}` : '';
}

function parsedEnvelope(http: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
  const json = parseJson(http.body, { maxDepth, maxContainers: 100 });
  return json.kind === 'value' && isRecord(json.value) ? json.value : undefined;
}

function described(http: HttpAnswer): string {
  const type = /^[\w.+-]+\/[\w.+-]+/.exec(http.contentType ?? '')?.[0] ?? 'no content type';
  return `HTTP ${http.status} with ${type === 'application/json' ? 'JSON' : type}`;
}

function failure(cause: QueryErrorCause, message: string, backOff = false): ApiFailure {
  return { kind: 'failure', cause, message, backOff };
}
