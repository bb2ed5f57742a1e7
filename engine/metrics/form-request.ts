/** The one form in which a question is put to a metric source: by POST, whatever its length. */
import type { ReadyConnection } from './credentials.ts';
import type { HttpRequest } from './http.ts';
import type { PrometheusSettings } from './config.ts';

export function formRequest(
  { headers, tenant: tenancy }: Pick<PrometheusSettings, 'headers' | 'tenant'>,
  connection: ReadyConnection,
  url: string,
  parameters: URLSearchParams,
  signal: AbortSignal,
  tenant?: string,
): HttpRequest {
  const header = tenancy?.header;
  return {
    method: 'POST',
    url,
    headers: {
      ...headers,
      ...(header === undefined || tenant === undefined ? {} : { [header]: tenant }),
      ...connection.headers,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'kubervisor',
    },
    body: parameters.toString(),
    agent: connection.agent,
    signal,
  };
}
