/** The one form in which a question is put to a metric source: by POST, whatever its length. */
import type { ReadyConnection } from './credentials.ts';
import type { HttpRequest } from './http.ts';
import type { PrometheusSettings } from './config.ts';

export function formRequest(
  settings: Pick<PrometheusSettings, 'headers'>,
  connection: ReadyConnection,
  url: string,
  parameters: URLSearchParams,
  signal: AbortSignal,
): HttpRequest {
  return {
    method: 'POST',
    url,
    headers: {
      ...settings.headers,
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
