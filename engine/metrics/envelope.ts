/** What the answers of the Prometheus HTTP API have in common, whatever was asked: failures, warnings, the data. Pure. */
import { isRecord } from '../is-record.ts';
import { parseJson } from './json.ts';
import type { QueryErrorCause } from './source.ts';
import { oneLine } from './text.ts';

export interface ApiData {
  readonly kind: 'data';
  /** `vector`, `matrix`, `scalar`, `string`, or what else a peer may say. */
  readonly resultType: unknown;
  readonly result: unknown;
  /** PromQL annotations that do not make the data partial. */
  readonly notes: readonly string[];
}

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

/** @param maxContainers arrays and objects that the whole answer may have. */
export function readEnvelope(http: HttpAnswer, maxContainers: number): ApiData | ApiFailure {
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
  const json = parseJson(http.body, { maxDepth, maxContainers });
  if (json.kind === 'too-large') return failure('too-large', `the answer is ${json.message}`);
  const envelope = json.kind === 'value' && isRecord(json.value) ? json.value : undefined;
  if (http.status >= 200 && http.status < 300) {
    if (envelope === undefined) return failure('bad-answer', `${described(http)} where JSON was expected`);
    if (envelope['status'] === 'success') return readSuccess(envelope);
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

function readSuccess(envelope: Readonly<Record<string, unknown>>): ApiData | ApiFailure {
  const { data, isPartial } = envelope;
  if (isPartial === true) return failure('partial', 'the source says that parts of its data did not answer');
  const annotations = [...texts(envelope['warnings']), ...texts(envelope['infos'])];
  const lost = annotations.find((text) => !isQueryNote(text));
  if (lost !== undefined) return failure('partial', `storage warning: ${lost}`);
  if (!isRecord(data)) return failure('bad-answer', 'no data in the answer');
  return {
    kind: 'data',
    resultType: data['resultType'],
    result: data['result'],
    notes: annotations.slice(0, maxNotes),
  };
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

export function failure(cause: QueryErrorCause, message: string, backOff = false): ApiFailure {
  return { kind: 'failure', cause, message, backOff };
}
