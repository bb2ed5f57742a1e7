import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { type PrometheusConfig, prometheusConfigSchema } from './config.ts';
import { prometheusSettings } from './settings.ts';

const field = 'metricSources.default.prometheus';

function settings(config: Partial<PrometheusConfig>) {
  const result = prometheusSettings({ url: 'http://127.0.0.1:9090', ...config }, field);
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  return result;
}

function problems(config: Partial<PrometheusConfig>) {
  const result = prometheusSettings({ url: 'http://127.0.0.1:9090', ...config }, field);
  return result.kind === 'invalid' ? result.problems : result.warnings;
}

describe('settings', () => {
  it('have a default for everything but the URL', () => {
    expect(settings({}).settings).toEqual({
      url: 'http://127.0.0.1:9090',
      timeoutMs: 5000,
      queryOffsetMs: 0,
      concurrency: 10,
      headers: {},
      parameters: {},
    });
  });

  it('keep the base path, without slashes too many', () => {
    for (const url of ['https://mimir/prometheus', 'https://mimir//prometheus/', 'https://mimir/prometheus//']) {
      expect(settings({ url }).settings.url).toBe('https://mimir/prometheus');
    }
    expect(settings({ url: 'http://h:9090/' }).settings.url).toBe('http://h:9090');
  });

  it('take durations as everywhere else', () => {
    expect(settings({ timeout: 3, queryOffset: '1m30s' }).settings).toMatchObject({
      timeoutMs: 3000,
      queryOffsetMs: 90_000,
    });
  });
});

describe('settings for tenants', () => {
  it('take the namespace as it is, unless they say how', () => {
    expect(settings({ tenant: { header: 'X-Scope-OrgID' } }).settings.tenant).toEqual({
      header: 'X-Scope-OrgID',
      value: '{namespace}',
    });
    expect(settings({ tenant: { label: 'team', value: 'team-{namespace}' } }).settings.tenant).toEqual({
      label: 'team',
      value: 'team-{namespace}',
    });
  });

  it.each<[title: string, config: Omit<PrometheusConfig, 'url'>, code: string, path: string]>([
    ['that bind nothing', { tenant: {} }, 'KV0850', 'tenant'],
    ['that bind the name of metrics', { tenant: { label: '__name__' } }, 'KV0850', 'tenant.label'],
    ['with a header that is a secret', { tenant: { header: 'Cookie' } }, 'KV0304', 'tenant.header'],
    [
      'with a header that all have',
      { tenant: { header: 'X-Scope-OrgID' }, headers: { 'x-scope-orgid': 'all' } },
      'KV0850',
      'headers.x-scope-orgid',
    ],
  ])('are refused %s', (_, config, code, path) => {
    expect(problems(config)).toMatchObject([{ code, severity: 'error', field: `${field}.${path}` }]);
  });
});

describe('settings are refused', () => {
  it('with credentials in the URL, which are not repeated', () => {
    const [problem] = problems({ url: 'https://admin:hunter2@prometheus/' });
    expect(problem).toMatchObject({ code: 'KV0302', severity: 'error', field: `${field}.url` });
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|admin/);
    expect(JSON.stringify(problems({ url: 'https//admin:hunter2@prometheus/' }))).not.toContain('hunter2');
  });

  it.each([
    'prometheus:9090',
    '127.0.0.1',
    'ftp://h/',
    'http://h/?a=b',
    'http://h/#x',
    'http://h/api/v1/query',
    'http://h/api/v1/',
  ])('with the URL %s', (url) => {
    expect(problems({ url })).toMatchObject([{ code: 'KV0303', severity: 'error' }]);
  });

  it.each([0, '50ms', '2m', 'soon', '-1s'])('with the timeout %j', (timeout) => {
    expect(problems({ timeout })).toMatchObject([{ code: 'KV0301', field: `${field}.timeout` }]);
  });

  it.each([
    { Authorization: 'Bearer x' },
    { cookie: 'x' },
    { 'Content-Length': '1' },
    { 'X-Scope-OrgID': 'a\r\nX: y' },
  ])('with the headers %j', (headers) => {
    expect(problems({ headers: { ...headers } })).toMatchObject([{ code: 'KV0304', severity: 'error' }]);
  });

  it.each(['query', 'time', 'timeout', 'limit'])('with the parameter %s', (name) => {
    expect(problems({ parameters: { [name]: '1' } })).toMatchObject([{ code: 'KV0305' }]);
  });

  it('with two ways to authenticate, or none', () => {
    const basic = { username: 'kv', passwordFile: '/p' };
    expect(problems({ auth: { basic, bearerFile: '/t' } })).toMatchObject([{ code: 'KV0306' }]);
    expect(problems({ auth: {} })).toMatchObject([{ code: 'KV0306' }]);
  });

  it('with half a client certificate, or TLS for plain http', () => {
    expect(problems({ url: 'https://h', tls: { certFile: '/c' } })).toMatchObject([{ code: 'KV0307' }]);
    expect(problems({ tls: { caFile: '/c' } })).toMatchObject([{ code: 'KV0307' }]);
  });
});

describe('settings are accepted with a warning', () => {
  it('when credentials cross the network in plain text, but not on loopback', () => {
    const auth = { bearerFile: '/t' };
    expect(problems({ url: 'http://prometheus:9090', auth })).toMatchObject([{ code: 'KV0308', severity: 'warning' }]);
    for (const url of ['http://127.0.0.1:9090', 'http://[::1]:9090', 'http://localhost:9090', 'https://prometheus']) {
      expect(problems({ url, auth })).toEqual([]);
    }
  });

  it('when any certificate is believed', () => {
    expect(problems({ url: 'https://h', tls: { insecureSkipVerify: true } })).toMatchObject([
      { code: 'KV0308', severity: 'warning' },
    ]);
  });
});

describe('the schema', () => {
  it('accepts the whole of it, and no unknown field', () => {
    const config = {
      url: 'https://mimir/prometheus',
      timeout: '2s',
      queryOffset: 15,
      concurrency: 4,
      headers: { 'X-Scope-OrgID': 'shop|bank' },
      parameters: { partial_response: 'false', dedup: 'true' },
      auth: { basic: { username: 'kv', passwordFile: '/p' } },
      tls: { caFile: '/ca', certFile: '/c', keyFile: '/k', serverName: 'mimir', insecureSkipVerify: false },
    };
    expect(Value.Check(prometheusConfigSchema, config)).toBe(true);
    expect(Value.Check(prometheusConfigSchema, { url: 'http://h', token: 'x' })).toBe(false);
    expect(Value.Check(prometheusConfigSchema, { url: 'http://h', concurrency: 0 })).toBe(false);
    expect(Value.Check(prometheusConfigSchema, {})).toBe(false);
  });
});
