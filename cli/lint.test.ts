/** `kubervisor lint`, offline and against a metric source. */
import { createServer, type Server } from 'node:http';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli, runCliOn } from '../test/support/cli.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-lint-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
/** A directory of its own with these files. */
async function input(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(folder, String((count += 1)));
  await mkdir(directory);
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

const query = 'increase(errors[5s])';

const policy = (spec = ''): string => `
apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: pricer, namespace: shop}
spec:
  service: pricer
  breakers:
  - name: errors
    threshold: {query: "${query}", operator: ">", value: 5}
${spec}`;

const endpoints = (names: readonly string[]): string => `
apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec: {ports: [{name: http, port: 80}], selector: {app: pricer}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pricer-1, namespace: shop, labels: {kubernetes.io/service-name: pricer}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
${names
  .map(
    (name, index) =>
      `- {addresses: ["10.0.0.${index + 1}"], conditions: {ready: true}, targetRef: {kind: Pod, name: ${name}, uid: ${name}}}`,
  )
  .join('\n')}
`;

const four = endpoints(['p1', 'p2', 'p3', 'p4']);

it('has nothing against the examples but what the README says: two warnings, one to a file', async () => {
  const examples = join(import.meta.dirname, '../examples');
  const { code, stdout } = await runCli(['lint', '-f', examples]);
  expect({ code, last: stdout.trim().split('\n').at(-1) }).toMatchObject({
    code: 79,
    last: expect.stringMatching(/: 0 errors, 2 warnings$/),
  });
});

it('reads what kubectl prints, from a pipe', async () => {
  const items = [parse(policy()), parse(policy().replaceAll('pricer', 'quotes').replace('value: 5', 'value: five'))];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { code, stdout } = await runCliOn(list, ['lint', '-f', '-']);
  expect(code).toBe(65);
  expect(stdout).toMatch(/^stdin:1:\d+: error KV\d+ spec\.breakers\[0\]\.threshold\.value/m);
});

describe('lint', () => {
  it('has nothing to say about good input: exit 0', async () => {
    const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': four });
    expect(await runCli(['lint', '-f', directory])).toEqual({
      code: 0,
      stdout: '2 files, 1 policy: nothing to say\n',
      stderr: '',
    });
  });

  it('takes a policy without its Service, alone in a file', async () => {
    const directory = await input({ 'policy.yaml': policy() });
    expect(await runCli(['lint', '-f', join(directory, 'policy.yaml')])).toMatchObject({ code: 0 });
  });

  it('says file, line, column, field and remedy of an error: exit 65', async () => {
    const directory = await input({ 'policy.yaml': policy('  setle: 3') });
    const { code, stdout } = await runCli(['lint', '-f', directory]);
    expect(code).toBe(65);
    expect(stdout).toMatch(/policy\.yaml:10:3: error KV0103 spec\.setle: .*settle/);
    expect(stdout).toMatch(/1 file, 0 policies: 1 error, 0 warnings\n$/);
  });

  it('knows the fleet: a budget that can never eject is a warning, exit 79', async () => {
    const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': endpoints(['p1', 'p2']) });
    const { code, stdout } = await runCli(['lint', '-f', directory]);
    expect([code, stdout]).toEqual([79, expect.stringContaining('warning KV0153 spec.budget.maxEjectedPercent')]);
  });

  it('a policy for a Service that the directory lacks is an error, as in serve', async () => {
    const other = policy().replace('service: pricer', 'service: prices');
    const directory = await input({ 'policy.yaml': other, 'fleet.yaml': four });
    expect(await runCli(['lint', '-f', directory])).toMatchObject({
      code: 65,
      stdout: expect.stringContaining('KV0216'),
    });
  });

  it('-o json has the problems as data', async () => {
    const directory = await input({ 'policy.yaml': policy('  settle: many') });
    const { code, stdout } = await runCli(['lint', '-f', directory, '-o', 'json']);
    expect(code).toBe(65);
    expect(JSON.parse(stdout)).toMatchObject({ problems: [{ code: 'KV0104', line: 10, field: 'spec.settle' }] });
  });

  it('says of a path that is not there which: exit 65', async () => {
    const path = join(folder, 'none');
    const { code, stderr } = await runCli(['lint', '-f', path]);
    expect([code, stderr]).toEqual([65, expect.stringMatching(/none: error KV0734 cannot be read/)]);
  });
});

describe('lint --online', () => {
  it('counts series found, matched and unmatched, and names who would be flagged now', async () => {
    const answers = { [query]: { p1: 0, p2: 9, p3: 0, p4: 0, stranger: 0 } };
    await withSource(answers, async (config) => {
      const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': four });
      const { code, stdout } = await runCli(['lint', '-f', directory, '--online', '--config', config]);
      expect(stdout).toMatch(
        /NAME +OUTCOME +SERIES +MATCHED +UNMATCHED +FLAGGED\nshop\/pricer\/errors +judged +5 +4\/4 +1 +p2\n/,
      );
      expect(code).toBe(0);
      const json = await runCli(['lint', '-f', directory, '--online', '--config', config, '-o', 'json']);
      expect(JSON.parse(json.stdout)).toMatchObject({
        online: [{ series: 5, matched: 4, unmatched: 1, flagged: [{ name: 'p2', reason: 'value 9 > 5' }] }],
      });
    });
  });

  it('asks what serve would ask for the namespace of the policy', async () => {
    const held = query.replace('errors', 'errors{namespace="shop"}');
    await withSource({ [held]: { p1: 0, p2: 9, p3: 0, p4: 0 } }, async (config) => {
      const given = await readFile(config, 'utf8');
      await writeFile(config, given.replace('url:', 'tenant: {label: namespace}, url:'));
      const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': four });
      const { code, stdout } = await runCli(['lint', '-f', directory, '--online', '--config', config]);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/judged +4 +4\/4 +0 +p2\n/)]);
    });
  });

  it.each([
    ['finds no series', {}, 'KV0741'],
    ['finds series that name no backend', { [query]: { 'other-1': 0, 'other-2': 0 } }, 'KV0742'],
    ['finds too few', { [query]: { p1: 0, p2: 0, p3: 0 } }, 'KV0743'],
  ])('warns when a query %s: exit 79', async (_, answers, code) => {
    await withSource(answers, async (config) => {
      const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': four });
      const ran = await runCli(['lint', '-f', directory, '--online', '--config', config]);
      expect([ran.code, ran.stdout]).toEqual([
        79,
        expect.stringContaining(`warning ${code} shop/pricer, breaker errors:`),
      ]);
    });
  });

  it('warns when the long window of a threshold finds fewer backends than the short one', async () => {
    const longer = query.replace('5s', '1m');
    const inBothWindows = policy().replace('operator', `longQuery: "${longer}", operator`);
    await withSource({ [query]: { p1: 9, p2: 9, p3: 0, p4: 0 }, [longer]: { p1: 9 } }, async (config) => {
      const directory = await input({ 'policy.yaml': inBothWindows, 'fleet.yaml': four });
      const ran = await runCli(['lint', '-f', directory, '--online', '--config', config]);
      expect([ran.code, ran.stdout]).toEqual([
        79,
        expect.stringContaining('breaker errors: longQuery finds 1 of the 4 backends that query finds'),
      ]);
      expect(ran.stdout).toMatch(/ p1\n/);
    });
  });

  it('a source that cannot be reached is an error, but not of the input: exit 1', async () => {
    const config = await configFor('http://127.0.0.1:1');
    const directory = await input({ 'policy.yaml': policy(), 'fleet.yaml': four });
    const { code, stdout } = await runCli(['lint', '-f', directory, '--online', '--config', config]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining('error KV0740 shop/pricer, breaker errors: nothing could be judged'),
    ]);
  });

  it('of a policy alone asks nothing, and says so: exit 79', async () => {
    const directory = await input({ 'policy.yaml': policy() });
    const { code, stdout } = await runCli(['lint', '-f', directory, '--online']);
    expect([code, stdout]).toEqual([
      79,
      expect.stringMatching(/^warning KV0740 shop\/pricer: nothing was asked: .*EndpointSlices/),
    ]);
  });

  it('a serving config that cannot be used is bad input: exit 65', async () => {
    const directory = await input({ 'policy.yaml': policy(), 'k.yaml': 'sauce: {}' });
    const ran = await runCli([
      'lint',
      '-f',
      join(directory, 'policy.yaml'),
      '--online',
      '--config',
      join(directory, 'k.yaml'),
    ]);
    expect([ran.code, ran.stderr]).toEqual([65, expect.stringMatching(/k\.yaml:1:1: error KV05/)]);
  });
});

type Answers = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A source that has always had these series: what `lint` makes of an answer is in question, not the source. */
async function withSource(answers: Answers, run: (config: string) => Promise<void>): Promise<void> {
  const answer = (asked: URLSearchParams): object => {
    const series = Object.entries(answers[asked.get('query') ?? ''] ?? {});
    const result = series.map(([pod, value]) => ({
      metric: { pod, namespace: 'shop' },
      value: [Number(asked.get('time')), String(value)],
    }));
    return { status: 'success', data: { resultType: 'vector', result } };
  };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer(new URLSearchParams(body))));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await run(await configFor(`http://127.0.0.1:${portOf(server)}`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function configFor(url: string): Promise<string> {
  const directory = await input({
    'kubervisor.yaml': `source: {files: .}\nmetricSources: {default: {prometheus: {url: "${url}"}}}\n`,
  });
  return join(directory, 'kubervisor.yaml');
}
