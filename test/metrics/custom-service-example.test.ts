/** What docs/custom-service.md shows must work as it stands there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/clock.ts';
import { readCustomAnswer } from '../../engine/metrics/custom-answer.ts';
import { createCustomServices } from '../../engine/metrics/custom-service.ts';
import { type Backend, backendId, serviceKey } from '../../engine/model.ts';

const page = await readFile(new URL('../../docs/custom-service.md', import.meta.url), 'utf8');

function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, block]) => block ?? '');
}

describe('the minimal service', () => {
  const names = ['good', 'bad', 'idle'];
  let folder: string;
  let service: ChildProcess;
  let port: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-example-'));
    await writeFile(join(folder, 'judge.mjs'), blocks('js')[0] ?? '');
    service = spawn(process.execPath, ['judge.mjs'], {
      cwd: folder,
      env: { PORT: '0' },
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
    await rm(folder, { recursive: true });
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
    expect(answer).toMatchObject({ kind: 'verdicts', unknownCount: 0, windowMs: 30_000 });
    expect(answer.kind === 'verdicts' && names.map((name) => answer.verdicts.get(backendId(name)))).toEqual([
      { kind: 'normal', value: 11, bound: 20 },
      { kind: 'anomalous', severity: 3.5, value: 70, bound: 20, reason: 'mean of 70 is above 20' },
      { kind: 'insufficient', reason: 'the custom service gave no verdict' },
    ]);
  });
});

describe('the examples of answers', () => {
  it.each(blocks('json').map((block) => [block]))('are valid: %s', (block) => {
    expect(readCustomAnswer(block, 'shop', [])).toMatchObject({ kind: 'verdicts' });
  });
});
