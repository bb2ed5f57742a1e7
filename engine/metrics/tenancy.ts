/** What a source makes of the namespace that asks: who may, and of whose metrics. For sources that many share. */
import { type Enforced, enforceLabel } from '../policy/promql/enforce.ts';
import type { PrometheusSettings } from './config.ts';
import type { RangeReader } from './range.ts';
import type { MetricSource, QueryErrorCause } from './source.ts';

/** How each query is bound to the namespace of its policy; at least one of `header` and `label`. */
export interface Tenancy {
  /** Header that is sent with the tenant. */
  readonly header?: string;
  /** Label that every selector of every query must bear the tenant in. */
  readonly label?: string;
  /** The tenant, where `{namespace}` stands for the namespace. */
  readonly value: string;
}

/** Holds a query to a label; `enforceLabel` does. */
export type Enforce = (query: string, label: string, value: string) => Enforced;

/**
 * A source as `namespace` may use it.
 * @param namespace undefined: whoever runs us asks, and no policy
 * @param enforce one that remembers, where the same is asked again and again
 */
export function boundTo(
  namespace: string | undefined,
  settings: PrometheusSettings,
  name: string,
  source: MetricSource,
  enforce: Enforce = enforceLabel,
): MetricSource {
  if (namespace === undefined) return source;
  return {
    ...source,
    async query(request, signal) {
      const bound = bind(namespace, settings, name, request.query, enforce);
      return bound.kind === 'error' ? bound : source.query({ ...request, ...bound.question }, signal);
    },
  };
}

/** The same for questions about the past. */
export function readerBoundTo(
  namespace: string,
  settings: PrometheusSettings,
  name: string,
  reader: RangeReader,
): RangeReader {
  return {
    ...reader,
    async read(request, signal) {
      const bound = bind(namespace, settings, name, request.query, enforceLabel);
      return bound.kind === 'error' ? bound : reader.read({ ...request, ...bound.question }, signal);
    },
  };
}

type Bound =
  | { readonly kind: 'question'; readonly question: { readonly query: string; readonly tenant?: string } }
  | { readonly kind: 'error'; readonly cause: QueryErrorCause; readonly message: string };

function bind(namespace: string, settings: PrometheusSettings, name: string, query: string, enforce: Enforce): Bound {
  if (!isFor(settings, namespace)) {
    return { kind: 'error', cause: 'unknown-source', message: notFor(name, namespace) };
  }
  const { tenant } = settings;
  if (tenant === undefined) return { kind: 'question', question: { query } };
  const { header, label } = tenant;
  const value = tenant.value.replaceAll('{namespace}', namespace);
  const enforced = label === undefined ? ({ kind: 'query', query } as const) : enforce(query, label, value);
  if (enforced.kind === 'refused') {
    const message = `metric source ${name}: the query cannot be held to ${label}: ${enforced.reason}`;
    return { kind: 'error', cause: 'bad-query', message };
  }
  return { kind: 'question', question: { query: enforced.query, ...(header === undefined ? {} : { tenant: value }) } };
}

/** Whether policies of the namespace may use the source. */
export function isFor({ allowNamespaces }: PrometheusSettings, namespace: string): boolean {
  return allowNamespaces?.some((pattern) => fits(pattern, namespace)) !== false;
}

export function notFor(name: string, namespace: string): string {
  return `metric source ${name} is not for namespace ${namespace}`;
}

/** `*` stands for any text. */
function fits(pattern: string, namespace: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return namespace === pattern;
  return namespace.length >= pattern.length - 1 && namespace.startsWith(before) && namespace.endsWith(after);
}
