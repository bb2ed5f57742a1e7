/**
 * The port to whatever holds the metrics. One method: ask a query at a time. It never throws: an answer that cannot be
 * used is an answer too, because "no data" and "the source is broken" must be told apart and neither may eject anybody.
 */
import type { EpochMs } from '../model.ts';

/** Values are typed on arrival: NaN compared with a bound is silently "healthy", and that hides faults. */
export type SampleValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'nan' }
  | { readonly kind: 'infinite'; readonly sign: 1 | -1 }
  | { readonly kind: 'histogram' };

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: SampleValue;
}

export type QueryAnswer =
  | {
      readonly kind: 'samples';
      readonly samples: readonly Sample[];
      /** The evaluation time that was asked for, on the source's clock. */
      readonly evaluatedAtMs: EpochMs;
      /** The same moment on our clock: what step begins are compared with. */
      readonly evaluatedAtLocalMs: EpochMs;
      /** PromQL annotations that do not make the data partial. */
      readonly notes: readonly string[];
    }
  /** The source has lost (or not yet gathered) the history its queries look back on: nothing is judged until then. */
  | { readonly kind: 'warming'; readonly untilMs: EpochMs; readonly message: string }
  | { readonly kind: 'error'; readonly cause: QueryErrorCause; readonly message: string };

export type QueryErrorCause =
  | 'unreachable'
  | 'timeout'
  | 'unauthorized'
  | 'throttled'
  | 'redirected'
  | 'bad-query'
  | 'bad-answer'
  | 'too-large'
  | 'partial'
  | 'clock-skew'
  | 'server-error'
  | 'backoff'
  | 'unknown-source';

export interface QueryRequest {
  readonly query: string;
  /** The moment on our clock to evaluate at; the source shifts it to its own clock and by its queryOffset. */
  readonly atMs: EpochMs;
  /** Budget for the whole call, queueing included, in milliseconds. */
  readonly timeoutMs: number;
  /** How far back the query looks, for the `warming` rule. */
  readonly lookbackMs: number;
  /** Value of the tenant header; set where a source binds its queries to namespaces, and nowhere else. */
  readonly tenant?: string;
}

export interface MetricSource {
  query(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer>;
  /** For `/readyz` and `/metrics`. */
  health(): MetricSourceHealth;
}

export interface MetricSourceHealth {
  readonly name: string;
  readonly lastSuccessMs?: EpochMs;
  /** Absent while the last answer was none, whatever the clocks say of when that was. */
  readonly lastError?: { readonly atMs: EpochMs; readonly cause: QueryErrorCause; readonly message: string };
  /** Source clock minus ours, in milliseconds; 0 while within the resolution of the Date header. */
  readonly skewMs: number;
}
