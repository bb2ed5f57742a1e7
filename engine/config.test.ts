import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configSchema } from './config/schema.ts';
import { type Config, loadConfig, parseConfig } from './config.ts';
import { type Problem, ProblemError } from './problem.ts';
import { defaultTiming } from './rotation/context.ts';

const file = '/etc/kubervisor/kubervisor.yaml';
const least = 'source: {files: ./config}\n';

const servingTiming = {
  confirmVanishedMs: 1000,
  streamStallMs: 30_000,
  leaseMs: 15_000,
  renewDeadlineMs: 10_000,
  leaseRetryMs: 2000,
};

function problemsOf(text: string): readonly Problem[] {
  try {
    parseConfig(text, file);
  } catch (error) {
    if (error instanceof ProblemError) return error.problems;
    throw error;
  }
  throw new Error('the config was accepted');
}

/** `line:column code field`, and whether there is a remedy. */
function placesOf(text: string): readonly string[] {
  return problemsOf(text).map(({ line, column, code, field }) => `${line}:${column} ${code} ${field}`);
}

describe('defaults', () => {
  test('exist for everything but the source', () => {
    expect(parseConfig(least, file)).toEqual({
      file,
      xds: {
        address: { host: '127.0.0.1', port: 18_000 },
        drainMs: 0,
        limits: {
          streamsPerSecond: 2000,
          maxRequestBytes: 4_194_304,
          maxNamesPerStream: 10_000,
          maxConnections: 20_000,
          maxConnectionAgeMs: 3_600_000,
          maxConnectionAgeGraceMs: 30_000,
        },
      },
      http: { address: { host: '127.0.0.1', port: 18_080 } },
      grpcAdmin: { address: { host: '127.0.0.1', port: 18_081 } },
      source: { kind: 'files', directory: '/etc/kubervisor/config' },
      metricSources: new Map([['default', expect.objectContaining({ url: 'http://127.0.0.1:9090', timeoutMs: 5000 })]]),
      stateDirectory: '/etc/kubervisor/state',
      defaultEnforcement: 'Enforce',
      maxEjectionsPerMinute: 10,
      log: { level: 'info' },
      timing: { ...defaultTiming, ...servingTiming },
      warnings: [],
    } satisfies Config);
    expect(placesOf('')).toEqual(['1:1 KV0504 source']);
    expect(placesOf('source: {}')).toEqual(['1:1 KV0504 source']);
  });

  test('are written out in docs/serving-config.md, with every other key', async () => {
    const page = await readFile(new URL('../docs/serving-config.md', import.meta.url), 'utf8');
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block ?? '');
    const writtenOut = blocks.find((block) => block.startsWith('# Every key')) ?? '';
    expect(parseConfig(writtenOut, file)).toEqual(parseConfig(least, file));
    for (const block of blocks) expect(() => parseConfig(block, file)).not.toThrow();
    for (const key of keysOf(configSchema)) expect(page, `the key ${key}`).toMatch(new RegExp(`\\b${key}\\b`));
  });

  test('give way field by field', () => {
    const { timing, xds, log } = parseConfig(
      `${least}timing: {breachDelay: 500ms, baseWindow: 30}\nxds: {limits: {maxNamesPerStream: 5, maxConnectionAge: 0s}}\nlog: {level: debug}`,
      file,
    );
    expect(timing).toEqual({
      ...defaultTiming,
      breachDelayMs: 500,
      baseWindowMs: 30_000,
      ...servingTiming,
    });
    expect(xds.limits).toMatchObject({ streamsPerSecond: 2000, maxNamesPerStream: 5, maxConnectionAgeMs: 0 });
    expect(log.level).toBe('debug');
  });
});

test('relative paths are relative to the config, absolute ones stay', () => {
  const config = parseConfig(
    `
source: {files: ../policies}
state: /var/lib/kubervisor
log: {auditFile: audit.log}
http: {auth: {bearerFile: token}}
metricSources:
  default: {prometheus: {url: "https://p:1", auth: {basic: {username: u, passwordFile: password}}, tls: {caFile: ca.pem}}}
  other: {prometheus: {url: "https://q:1", auth: {bearerFile: /run/token}}}
`,
    file,
  );
  expect(config.source).toEqual({ kind: 'files', directory: '/etc/policies' });
  expect(config.stateDirectory).toBe('/var/lib/kubervisor');
  expect(config.log.auditFile).toBe('/etc/kubervisor/audit.log');
  expect(config.http.auth).toEqual({ kind: 'bearer', file: '/etc/kubervisor/token' });
  expect(config.metricSources.get('default')).toMatchObject({
    auth: { kind: 'basic', passwordFile: '/etc/kubervisor/password' },
    tls: { caFile: '/etc/kubervisor/ca.pem' },
  });
  expect(config.metricSources.get('other')).toMatchObject({ auth: { kind: 'bearer', file: '/run/token' } });
});

test('a cluster: that of this pod, or one of a kubeconfig', () => {
  // Nothing is done to pods unless somebody says so.
  const pods = { evict: false, label: false, deletionCost: false };
  expect(parseConfig('source: {kubernetes: {}}', file).source).toEqual({
    kind: 'kubernetes',
    namespaces: [],
    workloads: true,
    pods,
  });
  const chosen = parseConfig(
    `source: {kubernetes: {namespaces: [shop], kubeconfig: kube, context: test, workloads: false,
      pods: {evict: true, label: true}}}`,
    file,
  );
  expect(chosen.source).toEqual({
    kind: 'kubernetes',
    namespaces: ['shop'],
    kubeconfig: '/etc/kubervisor/kube',
    context: 'test',
    workloads: false,
    pods: { evict: true, label: true, deletionCost: false },
  });
});

describe('replicas', () => {
  const cluster = 'source: {kubernetes: {}}\n';

  test('of a cluster share a Lease; a process that reads files has none', () => {
    expect(parseConfig(cluster, file).replicas).toEqual({ lease: 'kubervisor' });
    const said = 'replicas: {namespace: mesh, lease: breakers, identity: first}';
    expect(parseConfig(cluster + said, file).replicas).toEqual({
      namespace: 'mesh',
      lease: 'breakers',
      identity: 'first',
    });
    expect(parseConfig(least, file)).not.toHaveProperty('replicas');
    expect(parseConfig(cluster, file).xds.drainMs).toBe(20_000);
    expect(placesOf(`${least}replicas: {}`)).toEqual(['2:1 KV0503 replicas']);
  });

  test.each([
    ['renewDeadline: 11s', 'two thirds of timing.lease (15s)'],
    ['lease: 14s', 'two thirds of timing.lease (14s)'],
    ['leaseRetry: 6s', 'half of timing.renewDeadline (10s)'],
    ['lease: 500ms', 'a duration from 1s to 10m'],
  ])('timing {%s} is refused: at most %s', (timing, most) => {
    expect(problemsOf(`${cluster}timing: {${timing}}`)).toMatchObject([
      { code: 'KV0503', message: expect.stringContaining(most) },
    ]);
  });

  test('times that are scaled alike are taken', () => {
    const { timing } = parseConfig(`${cluster}timing: {lease: 1500ms, renewDeadline: 1s, leaseRetry: 200ms}`, file);
    expect(timing).toMatchObject({ leaseMs: 1500, renewDeadlineMs: 1000, leaseRetryMs: 200 });
  });
});

describe('who may act', () => {
  const mtls = 'auth: {mtls: {caFile: ca, certFile: crt, keyFile: key}}';

  test.each(['http', 'grpcAdmin'])('%s is refused on an address that others can reach, without auth', (listener) => {
    expect(problemsOf(`${least}${listener}: {listen: "0.0.0.0:1234"}`)).toMatchObject([
      { code: 'KV0506', line: 2, field: `${listener}.listen`, remedy: expect.stringContaining(`${listener}.auth`) },
    ]);
  });

  test('auth of http protects grpcAdmin too, unless that has its own', () => {
    const both = parseConfig(`${least}http: {${mtls}}\ngrpcAdmin: {listen: "0.0.0.0:1"}`, file);
    expect(both.grpcAdmin.auth).toEqual(both.http.auth);
    expect(both.grpcAdmin.auth).toEqual({
      kind: 'mtls',
      caFile: '/etc/kubervisor/ca',
      certFile: '/etc/kubervisor/crt',
      keyFile: '/etc/kubervisor/key',
    });
    const own = parseConfig(`${least}http: {${mtls}}\ngrpcAdmin: {auth: {bearerFile: t}}`, file);
    expect(own.grpcAdmin.auth).toEqual({ kind: 'bearer', file: '/etc/kubervisor/t' });
  });

  test('tokens in plain text are a warning, on an address that others can reach', () => {
    expect(parseConfig(`${least}http: {auth: {bearerFile: t}}`, file).warnings).toEqual([]);
    const { warnings } = parseConfig(`${least}http: {listen: "10.0.0.1:1", auth: {bearerFile: t}}`, file);
    expect(warnings).toMatchObject([{ code: 'KV0512', severity: 'warning', field: 'http.listen' }]);
  });

  test('auth is one of its kinds', () => {
    expect(placesOf(`${least}http: {auth: {}}`)).toEqual(['2:8 KV0508 http.auth']);
    expect(placesOf(`${least}http: {auth: {bearerFile: t, mtls: {caFile: a, certFile: b, keyFile: c}}}`)).toEqual([
      '2:8 KV0508 http.auth',
    ]);
    expect(placesOf(`${least}http: {auth: {mtls: {caFile: a, certFile: b}}}`)).toEqual([
      '2:15 KV0504 http.auth.mtls.keyFile',
    ]);
  });

  test('xds on an address that others can reach needs the word insecure', () => {
    expect(problemsOf(`${least}xds: {listen: "[::]:18000"}`)).toMatchObject([
      { code: 'KV0507', field: 'xds.listen', remedy: expect.stringContaining('insecure: true') },
    ]);
    expect(parseConfig(`${least}xds: {listen: "[::]:18000", insecure: true}`, file).xds.address.host).toBe('::');
  });
});

test('what this version cannot do is refused by name', () => {
  expect(placesOf('source: {files: ., kubernetes: {}}')).toEqual(['1:1 KV0504 source']);
});

describe('errors name the place and what was expected', () => {
  test.each([
    ['a key that is unknown', 'http: {lisen: "a:1"}', '2:8 KV0502 http.lisen', 'did you mean listen?'],
    ['an unknown key at the top', 'prometheus: x', '2:1 KV0502 prometheus', 'known here: xds, http'],
    [
      'an unknown key of a metric source',
      'metricSources: {default: {prometheus: {url: "http://a", timout: 1s}}}',
      '2:57 KV0502 metricSources.default.prometheus.timout',
      'did you mean timeout?',
    ],
    [
      'a name that no metric source can have',
      'metricSources: {Default: {}}',
      '2:17 KV0503 metricSources.Default',
      'names must match',
    ],
    [
      'a source without a URL',
      'metricSources: {default: {prometheus: {}}}',
      '2:27 KV0504 metricSources.default.prometheus.url',
      'url is an http or https URL',
    ],
    [
      'a URL that is none',
      'metricSources: {default: {prometheus: {url: prometheus}}}',
      '2:45 KV0303 metricSources.default.prometheus.url',
      'http://host:port',
    ],
    ['a value of another type', 'maxEjectionsPerMinute: many', '2:24 KV0503 maxEjectionsPerMinute', undefined],
    ['a value out of bounds', 'maxEjectionsPerMinute: -1', '2:24 KV0503 maxEjectionsPerMinute', undefined],
    ['a value out of the list', 'log: {level: loud}', '2:14 KV0503 log.level', undefined],
    [
      'an enforcement that is for policies only',
      'defaultEnforcement: Suspended',
      '2:21 KV0503 defaultEnforcement',
      undefined,
    ],
    ['a duration that is none', 'timing: {maxOut: soon}', '2:18 KV0503 timing.maxOut', undefined],
    ['a duration out of bounds', 'timing: {confirmVanished: 2m}', '2:27 KV0503 timing.confirmVanished', undefined],
    ['an address that is none', 'xds: {listen: 18000}', '2:15 KV0503 xds.listen', undefined],
    ['an address without a host', 'xds: {listen: ":18000"}', '2:15 KV0503 xds.listen', 'write 0.0.0.0:18000'],
    [
      'two listeners on one address',
      'http: {listen: "127.0.0.1:18000"}\nxds: {listen: "127.0.0.1:18000"}',
      '3:15 KV0513 xds.listen',
      'port of its own',
    ],
    ['a certificate without its key', 'xds: {tls: {certFile: a}}', '2:7 KV0504 xds.tls.keyFile', undefined],
    [
      'rules for nobody who has to show anything',
      'xds: {tls: {certFile: a, keyFile: b}, identity: {allow: [{name: "dns:a.b", namespaces: [shop]}]}}',
      '2:39 KV0514 xds.identity',
      'clientCaFile',
    ],
    [
      'a rule that is none',
      'xds: {tls: {certFile: a, keyFile: b, clientCaFile: c}, identity: {allow: [{name: "a b", namespaces: [shop]}]}}',
      '2:82 KV0515 xds.identity.allow[0].name',
      'spiffe://',
    ],
    [
      'plain text for everybody who can reach it',
      'xds: {listen: "0.0.0.0:1"}',
      '2:15 KV0507 xds.listen',
      'add xds.tls',
    ],
  ])('%s', (_, text, place, remedy) => {
    expect(placesOf(least + text)).toEqual([place]);
    const [problem] = problemsOf(least + text);
    if (remedy !== undefined) expect(problem?.remedy).toContain(remedy);
    expect(problem?.file).toBe(file);
  });

  test('a namespace that is none', () => {
    expect(placesOf('source: {kubernetes: {namespaces: [Shop]}}')).toEqual([
      '1:36 KV0503 source.kubernetes.namespaces[0]',
    ]);
  });

  test('all of them at once, in the order of the file', () => {
    expect(placesOf(`state: 5\nhttp: {port: 1}\n${least}log: {level: loud}`)).toEqual([
      '1:8 KV0503 state',
      '2:8 KV0502 http.port',
      '4:14 KV0503 log.level',
    ]);
  });

  test('errors before warnings', () => {
    const text = `${least}http: {listen: "10.0.0.1:1", auth: {bearerFile: t}}\nxds: {listen: "10.0.0.1:2"}`;
    expect(problemsOf(text).map(({ code }) => code)).toEqual(['KV0507', 'KV0512']);
  });

  test.each([
    ['a map left open', 'source: {files: a', '1:18'],
    ['a key twice', 'state: a\nstate: b', '2:1'],
    ['two documents', 'state: a\n---\nstate: b', '2:1'],
    ['an alias to nothing', 'state: *nowhere', 'undefined:undefined'],
  ])('YAML that cannot be read: %s', (_, text, place) => {
    expect(problemsOf(text)).toMatchObject([{ code: 'KV0501', file }]);
    expect(placesOf(text)[0]).toMatch(`${place} KV0501`);
  });

  test('a text that is no map of fields', () => {
    expect(placesOf('hello')).toEqual(['1:1 KV0503 undefined']);
    expect(placesOf('- a')).toEqual(['1:1 KV0503 undefined']);
  });
});

describe('the file', () => {
  test('that cannot be read is a problem with a remedy', async () => {
    const missing = join(tmpdir(), 'kubervisor-is-not-here.yaml');
    await expect(loadConfig(missing, new AbortController().signal)).rejects.toMatchObject({
      problem: { code: 'KV0509', file: missing, remedy: expect.stringContaining('--config') },
    });
  });

  test('is read and its name is in the problems', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kubervisor-config-'));
    try {
      const path = join(directory, 'kubervisor.yaml');
      await writeFile(path, least);
      expect((await loadConfig(path, new AbortController().signal)).stateDirectory).toBe(join(directory, 'state'));
      await writeFile(path, 'states: x');
      await expect(loadConfig(path, new AbortController().signal)).rejects.toThrow(`${path}:1:1: error KV0502 states:`);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

/** Names of all fields, at any depth. */
function keysOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'properties' in schema ? Object.keys(schema.properties ?? {}) : [];
  return [...own, ...Object.values(schema).flatMap(keysOf)].filter(
    (key) => !['tls', 'identity', 'kubernetes', 'prometheus'].includes(key),
  );
}
