/** What docs/custom-service.md shows must work as it stands there. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/clock.ts';
import { readCustomAnswer } from '../../engine/metrics/custom-answer.ts';
import { createCustomServices } from '../../engine/metrics/custom-service.ts';
import { type Backend, backendId, serviceKey } from '../../engine/model.ts';

const page = await readFile(new URL('../../docs/custom-service.md', import.meta.url), 'utf8');

function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, block]) => block ?? '');
}

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
/** Of the section about the service: how it is started, and what to ask it. */
const commands = [...page.slice(page.indexOf('## A minimal service')).matchAll(/^ {4}(\S.*)$/gm)].map(
  ([, command]) => command ?? '',
);

describe('the minimal service', () => {
  const names = ['good', 'bad', 'idle'];
  let service: ChildProcess;
  let port: number;

  beforeAll(async () => {
    const [start = ''] = commands;
    service = spawn('sh', ['-c', start.replace('PORT=8080 node', `PORT=0 exec ${process.execPath}`)], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (service.stdout === null) throw new Error('no output');
    const [line] = await once(createInterface(service.stdout), 'line');
    port = Number(String(line).replace('listening on ', ''));
  });

  afterAll(async () => {
    if (service.exitCode === null) {
      service.kill();
      await once(service, 'exit');
    }
  });

  it('answers the commands of the page with what the page shows', async () => {
    let last = '';
    for (const command of commands.slice(1)) {
      last = (await run('sh', ['-c', command.replace('8080', String(port))])).stdout;
    }
    const shown = blocks('json').at(-1) ?? '';
    expect(JSON.parse(last)).toEqual(JSON.parse(shown));
  });

  it('gives verdicts that Kubervisor understands', async () => {
    const report = async (pod: string, value: string): Promise<void> => {
      await fetch(`http://127.0.0.1:${port}/${pod}`, { method: 'POST', body: value });
    };
    for (const value of ['10', '12', 'not a number']) await report('good', value);
    for (const value of ['60', '80']) await report('bad', value);

    const backends = names.map(
      (name): Backend => ({
        id: backendId(name),
        name,
        podName: name,
        ready: true,
        serving: true,
        terminating: false,
        endpoints: [],
      }),
    );
    const services = createCustomServices({
      resolve: () => ({ kind: 'addresses', addresses: [{ address: '127.0.0.1', port }] }),
      clock: systemClock,
    });
    const answer = await services.ask(
      { service: serviceKey('shop', 'judge'), port: 8080, backends },
      new AbortController().signal,
    );
    // The two pods of the page are none of this fleet.
    expect(answer).toMatchObject({ kind: 'verdicts', unknownCount: 2, windowMs: 30_000 });
    expect(answer.kind === 'verdicts' && names.map((name) => answer.verdicts.get(backendId(name)))).toEqual([
      { kind: 'normal', value: 11, bound: 20 },
      { kind: 'anomalous', severity: 3.5, value: 70, bound: 20, reason: 'mean of 70 is above 20' },
      { kind: 'insufficient', reason: 'the custom service gave no verdict', unseen: true },
    ]);
  });
});

describe('the schema of the page', () => {
  const check = new Ajv({ strict: false }).compile(
    JSON.parse(readFileSync(join(root, 'docs/custom-service.schema.json'), 'utf8')) as object,
  );
  const verdicts = (...entries: readonly object[]): object => ({
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'Verdicts',
    verdicts: entries,
  });

  it.each<[string, object, boolean]>([
    ...blocks('json').map((block): [string, object, boolean] => ['an example', JSON.parse(block) as object, true]),
    ['nobody', verdicts(), true],
    ['one verdict', verdicts({ uid: 'a', verdict: 'normal' }), true],
    ['no name', verdicts({ verdict: 'normal' }), false],
    ['two names', verdicts({ pod: 'a', uid: 'b', verdict: 'normal' }), false],
    ['another verdict', verdicts({ pod: 'a', verdict: 'bad' }), false],
    ['a misspelt field', verdicts({ pod: 'a', verdict: 'anomalous', severty: 2 }), false],
    ['a severity below 1', verdicts({ pod: 'a', verdict: 'anomalous', severity: 0 }), false],
    ['another version', { ...verdicts(), apiVersion: 'v2' }, false],
    ['a list as Go writes it when nobody is bad', { items: null }, true],
    ['a list in pages', { kind: 'PodList', metadata: { continue: 'more' }, items: [] }, false],
    ['another kind', { kind: 'NodeList', items: [] }, false],
  ])('and the engine agree on %s', (_, answer, isValid) => {
    expect(check(answer)).toBe(isValid);
    expect(readCustomAnswer(JSON.stringify(answer), 'shop', []).kind).toBe(isValid ? 'verdicts' : 'invalid');
  });
});
