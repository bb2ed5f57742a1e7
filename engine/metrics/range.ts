/**
 * Range queries: the history of a query, for whoever looks back over hours. Nothing that decides uses them.
 *
 * Unlike an instant query of the engine, which has a period's time and is asked again, a question about the past may
 * take its time and is asked once: there is no rest after a failure, and the first failure is the answer.
 */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';
import type { PrometheusSettings } from './config.ts';
import { createCredentials } from './credentials.ts';
import { createDeadline } from './deadline.ts';
import { createHttp } from './http.ts';
import { formRequest } from './form-request.ts';
import { type RangeSeries, readRangeAnswer } from './matrix.ts';
import type { QueryErrorCause } from './source.ts';

export interface RangeRequest {
  readonly query: string;
  /** The first moment on our clock; the source's queryOffset is taken off, as for an instant query. */
  readonly startMs: EpochMs;
  readonly stepMs: number;
  /** Moments, at least 1; Prometheus refuses more than 11,000. */
  readonly count: number;
  /** As for an instant query. */
  readonly tenant?: string;
}

export type RangeResult =
  | { readonly kind: 'series'; readonly series: readonly RangeSeries[] }
  | { readonly kind: 'error'; readonly cause: QueryErrorCause; readonly message: string };

export interface RangeReader {
  /** Times of the points are those that were asked for: on our clock, the offset put back. Never throws. */
  read(request: RangeRequest, signal: AbortSignal): Promise<RangeResult>;
  close(): void;
}

const maxAnswerBytes = 64 * 1024 * 1024;
const limits = { maxSeries: 10_000, maxPoints: 2_000_000 };
const timeoutMs = 60_000;

export function createRangeReader(settings: PrometheusSettings, clock: Clock): RangeReader {
  const http = createHttp(maxAnswerBytes);
  const credentials = createCredentials(settings, clock);
  const url = `${settings.url}/api/v1/query_range`;
  const error = (cause: QueryErrorCause, message: string): RangeResult => ({
    kind: 'error',
    cause,
    message: `${url}: ${message}`,
  });

  return {
    async read({ query, startMs, stepMs, count, tenant }, signal) {
      const connection = await credentials.current();
      if (connection.kind === 'unusable') return error('unauthorized', connection.message);
      const parameters = new URLSearchParams(settings.parameters);
      const firstMs = startMs - settings.queryOffsetMs;
      parameters.set('query', query);
      parameters.set('start', seconds(firstMs));
      parameters.set('end', seconds(firstMs + (count - 1) * stepMs));
      parameters.set('step', seconds(stepMs));
      const deadline = createDeadline(clock, timeoutMs, signal);
      try {
        const outcome = await http(formRequest(settings, connection, url, parameters, deadline.signal, tenant));
        if (outcome.kind === 'failure') {
          const { cause, message, detail = message } = outcome;
          return cause === 'aborted' ? error('timeout', `no answer in ${timeoutMs / 1000} s`) : error(cause, detail);
        }
        const { status, body } = outcome;
        const answer = readRangeAnswer({ status, contentType: outcome.header('content-type'), body }, limits);
        if (answer.kind === 'failure') return error(answer.cause, answer.message);
        const series = answer.series.map(({ labels, points }) => ({
          labels,
          points: points.map(({ atMs, value }) => ({ atMs: atMs + settings.queryOffsetMs, value })),
        }));
        return { kind: 'series', series };
      } finally {
        deadline.dispose();
      }
    },
    close: () => credentials.close(),
  };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
