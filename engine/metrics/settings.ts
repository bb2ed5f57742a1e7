/** From the serving config to settings: what a schema cannot say, said by name and with a remedy. */
import type { DurationText } from '../policy/duration.ts';
import { parseDurationMs } from '../policy/duration.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import type { PrometheusAuth, PrometheusConfig, PrometheusSettings, PrometheusTls } from './config.ts';
import type { Tenancy } from './tenancy.ts';

export type SettingsResult =
  | { readonly kind: 'settings'; readonly settings: PrometheusSettings; readonly warnings: readonly Problem[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Names that we set ourselves, or that change the meaning of the request. */
const reservedHeaders = new Set(
  'accept accept-encoding connection content-encoding content-length content-type expect keep-alive te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);
const secretHeaders = new Set(['authorization', 'proxy-authorization', 'cookie']);
/** `limit` among them: it cuts a vector short, and the series that are lost may be the healthy peers. */
const reservedParameters = new Set(['query', 'time', 'timeout', 'limit', 'start', 'end', 'step']);

/** `field` is where the config stands, such as `metricSources.default.prometheus`. */
export function prometheusSettings(config: PrometheusConfig, field: string): SettingsResult {
  const problems: Problem[] = [];
  const report = (
    code: ProblemCode,
    path: string,
    message: string,
    remedy?: string,
    severity: Problem['severity'] = 'error',
  ): void => {
    problems.push({ code, severity, field: `${field}.${path}`, message, ...(remedy !== undefined && { remedy }) });
  };
  const durationMs = (
    path: string,
    text: DurationText | undefined,
    bounds: { min: number; max: number; default: number },
  ): number => {
    if (text === undefined) return bounds.default;
    const ms = parseDurationMs(text);
    if (ms !== undefined && ms >= bounds.min && ms <= bounds.max) return ms;
    report('KV0301', path, `must be a duration from ${bounds.min} ms to ${bounds.max} ms, such as 5s or 500ms`);
    return bounds.default;
  };

  const url = baseUrl(config.url, report);
  const headers = checkedHeaders(config.headers ?? {}, report);
  for (const name of Object.keys(config.parameters ?? {})) {
    if (reservedParameters.has(name))
      report(
        'KV0305',
        `parameters.${name}`,
        'this parameter is set by Kubervisor, or would cut answers short',
        'leave it out',
      );
  }
  const tenant = checkedTenant(config, report);
  const auth = checkedAuth(config, report);
  const tls = checkedTls(config, url, report);
  if (auth !== undefined && url?.protocol === 'http:' && !isLoopback(url.hostname)) {
    report('KV0308', 'auth', 'credentials go over the network in plain text', 'use an https URL', 'warning');
  }
  const settings: PrometheusSettings = {
    url: url === undefined ? '' : `${url.origin}${url.pathname.replace(/\/$/, '')}`,
    timeoutMs: durationMs('timeout', config.timeout, { min: 100, max: 60_000, default: 5000 }),
    queryOffsetMs: durationMs('queryOffset', config.queryOffset, { min: 0, max: 600_000, default: 0 }),
    concurrency: config.concurrency ?? 10,
    headers,
    parameters: config.parameters ?? {},
    ...(tenant !== undefined && { tenant }),
    ...(config.allowNamespaces !== undefined && { allowNamespaces: config.allowNamespaces }),
    ...(auth !== undefined && { auth }),
    ...(tls !== undefined && { tls }),
  };
  const invalid = problems.some(({ severity }) => severity === 'error');
  return invalid ? { kind: 'invalid', problems } : { kind: 'settings', settings, warnings: problems };
}

type Report = (
  code: ProblemCode,
  path: string,
  message: string,
  remedy?: string,
  severity?: Problem['severity'],
) => void;

/** The URL is never part of a message: what is wrong with it may be that it holds a password. */
function baseUrl(text: string, report: Report): URL | undefined {
  if (!URL.canParse(text)) {
    report('KV0303', 'url', 'is not a URL', 'write it as http://host:port or https://host/path');
    return undefined;
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    report(
      'KV0302',
      'url',
      'holds credentials, which would end up in logs',
      'use auth.basic with a passwordFile, or auth.bearerFile',
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    report('KV0303', 'url', 'must start with http:// or https://');
  if (url.search !== '' || url.hash !== '') report('KV0303', 'url', 'has a query or a fragment', 'use parameters');
  // A double slash makes servers answer 301 to the clean path, and a POST that follows a 301 becomes a GET.
  url.pathname = url.pathname.replace(/\/{2,}/g, '/');
  if (/\/api\/v1(\/query)?\/?$/.test(url.pathname))
    report('KV0303', 'url', 'ends in the path of the query API, which is added', 'leave /api/v1/query out');
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127[.]/.test(hostname);
}

function checkedHeaders(headers: Readonly<Record<string, string>>, report: Report): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    checkHeaderName(name, `headers.${name}`, report);
    if (/[^\x20-\x7e]/.test(value)) report('KV0304', `headers.${name}`, 'must be printable ASCII on one line');
  }
  return headers;
}

function checkHeaderName(name: string, path: string, report: Report): void {
  const lower = name.toLowerCase();
  if (secretHeaders.has(lower)) {
    const remedy = 'use auth.bearerFile or auth.basic';
    report('KV0304', path, 'is a secret, and the config is not the place for one', remedy);
  } else if (reservedHeaders.has(lower)) {
    report('KV0304', path, 'is set by Kubervisor', 'leave it out');
  }
}

function checkedTenant({ tenant, headers = {} }: PrometheusConfig, report: Report): Tenancy | undefined {
  if (tenant === undefined) return undefined;
  const { header, label, value = '{namespace}' } = tenant;
  if (header === undefined && label === undefined) {
    report('KV0850', 'tenant', 'binds nothing', 'set header, label or both');
  }
  if (label === '__name__')
    report('KV0850', 'tenant.label', 'is the name of the metric', 'give the label of the tenant');
  if (header !== undefined) {
    checkHeaderName(header, 'tenant.header', report);
    const twice = Object.keys(headers).find((name) => name.toLowerCase() === header.toLowerCase());
    // Of two headers of one name some servers take the first, some the last.
    if (twice !== undefined) report('KV0850', `headers.${twice}`, 'is the header of the tenant', 'leave it out');
  }
  return { ...(header === undefined ? {} : { header }), ...(label === undefined ? {} : { label }), value };
}

function checkedAuth({ auth }: PrometheusConfig, report: Report): PrometheusAuth | undefined {
  if (auth === undefined) return undefined;
  const { basic, bearerFile } = auth;
  if ((basic === undefined) === (bearerFile === undefined)) {
    report('KV0306', 'auth', 'must have exactly one of basic and bearerFile');
    return undefined;
  }
  if (basic !== undefined) return { kind: 'basic', ...basic };
  return bearerFile === undefined ? undefined : { kind: 'bearer', file: bearerFile };
}

function checkedTls({ tls }: PrometheusConfig, url: URL | undefined, report: Report): PrometheusTls | undefined {
  if (tls === undefined) return undefined;
  if (url?.protocol === 'http:')
    report('KV0307', 'tls', 'has no effect on an http URL', 'use an https URL, or leave tls out');
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    report('KV0307', 'tls', 'certFile and keyFile belong together', 'give both, or neither');
  }
  if (tls.insecureSkipVerify === true) {
    report(
      'KV0308',
      'tls.insecureSkipVerify',
      'anybody on the way can answer instead of the source',
      'use caFile',
      'warning',
    );
  }
  return tls;
}
