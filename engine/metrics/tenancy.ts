/** What a source makes of the namespace that asks: who may, and of whose metrics. For sources that many share. */
import { enforceLabel } from '../policy/promql/enforce.ts';
import type { PrometheusSettings } from './config.ts';
import type { MetricSource, QueryAnswer, QueryRequest } from './source.ts';

/** How each query is bound to the namespace of its policy; at least one of `header` and `label`. */
export interface Tenancy {
  /** Header that is sent with the tenant. */
  readonly header?: string;
  /** Label that every selector of every query must bear the tenant in. */
  readonly label?: string;
  /** The tenant, where `{namespace}` stands for the namespace. */
  readonly value: string;
}

/** What is asked, as `namespace` may ask it. @param namespace undefined: whoever runs us asks, and no policy */
export function boundTo(
  namespace: string | undefined,
  { tenant, allowNamespaces }: PrometheusSettings,
  name: string,
  source: MetricSource,
): MetricSource {
  if (namespace === undefined) return source;
  if (allowNamespaces?.some((pattern) => fits(pattern, namespace)) === false) {
    return answering(source, 'unknown-source', `metric source ${name} is not for namespace ${namespace}`);
  }
  if (tenant === undefined) return source;
  const { header, label } = tenant;
  const value = tenant.value.replaceAll('{namespace}', namespace);
  return {
    ...source,
    async query(request, signal) {
      const asTenant: QueryRequest = header === undefined ? request : { ...request, tenant: value };
      if (label === undefined) return source.query(asTenant, signal);
      const enforced = enforceLabel(request.query, label, value);
      if (enforced.kind === 'query') return source.query({ ...asTenant, query: enforced.query }, signal);
      const message = `metric source ${name}: the query cannot be held to ${label}: ${enforced.reason}`;
      return { kind: 'error', cause: 'bad-query', message };
    },
  };
}

/** `*` stands for any text. */
function fits(pattern: string, namespace: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return namespace === pattern;
  return namespace.length >= pattern.length - 1 && namespace.startsWith(before) && namespace.endsWith(after);
}

function answering(
  source: MetricSource,
  cause: Extract<QueryAnswer, { kind: 'error' }>['cause'],
  message: string,
): MetricSource {
  return { ...source, query: async () => ({ kind: 'error', cause, message }) };
}
