/** `simulate --suggest` as a person runs it, over a history that is known: what docs/simulate.md shows. */
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import type { Suggestion } from '../../engine/simulate/suggest/suggestion.ts';
import { runCli } from '../support/cli.ts';
import { type HistoryServer, startHistoryServer } from '../support/history-server.ts';

const policyYaml = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: pricer, namespace: shop}
spec:
  service: pricer
  breakers:
  - name: price
    continuousValueDeviation: {query: 'rate(price_sum[10s]) / rate(price_count[10s])'}
`;
const startMs = Date.UTC(2026, 0, 31, 11, 30);
const incident = '2026-01-31T12:00:00Z/2026-01-31T12:20:00Z';

/** p1 is 12 % above its peers ten seconds of each minute, p2 35 % for five; from 12:00 to 12:20 p3 is at half. */
function price(pod: string, minutes: number): number {
  if (pod === 'p3' && minutes >= 30 && minutes < 50) return 50;
  const turn = Math.floor((minutes % 1) * 12 + 1e-6);
  if (pod === 'p1' && turn < 2) return 112;
  return pod === 'p2' && turn === 6 ? 135 : 100;
}

describe('simulate --suggest', () => {
  let folder: string;
  let server: HistoryServer;
  const simulate = (...more: readonly string[]): ReturnType<typeof runCli> =>
    runCli([
      ...['simulate', '-f', join(folder, 'pricer.yaml'), '--since', '80m', '--until', '2026-01-31T12:50:00Z'],
      ...['--source', server.url, ...more],
    ]);

  beforeAll(async () => {
    folder = await inTemporaryFolder('suggest', async (name) => name);
    await writeFile(join(folder, 'pricer.yaml'), policyYaml);
    server = await startHistoryServer(startMs, 10);
    server.history = price;
  });

  afterAll(async () => {
    await server.close();
    await removeFolder(folder);
  });

  it('prints what docs/simulate.md shows', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/simulate.md'), 'utf8');
    const example = /```\n(Suggested for [^]*?)```/.exec(page)?.[1] ?? '';
    const { code, stdout } = await simulate('--suggest', '--incident', incident);
    expect({ code, text: stdout.slice(stdout.indexOf('Suggested for')) }).toMatchObject({
      code: 0,
      text: expect.stringContaining(example),
    });
    // And who would no longer be out, replayed.
    expect(stdout).toMatch(/\nCompared\n.*\nshop\/pricer +this .*\nshop\/pricer +suggested /);
  });

  it('has every ejection in JSON, and a page of it in HTML', async () => {
    const html = join(folder, 'report.html');
    // An incident is enough to ask for suggestions.
    const { stdout } = await simulate('--incident', incident, '-o', 'json', '--html', html);
    const { suggestions, suggested } = JSON.parse(stdout) as {
      readonly suggestions: readonly Suggestion[];
      readonly suggested: object;
    };
    expect(suggestions[0]).toMatchObject({ breaker: 'price', current: 50, suggested: 15 });
    const ejections = suggestions[0]?.candidates.find(({ value }) => value === 10)?.confirmed[0]?.alarms ?? [];
    expect(new Set(ejections.map(({ backend }) => backend))).toEqual(new Set(['p1']));
    expect(suggested).toHaveProperty('services');
    const page = await readFile(html, 'utf8');
    expect(page).toMatch(/<h2>Suggested for shop\/pricer, breaker price: [^]*<td class="tight">15 suggested<\/td>/);
  });

  it('says what is wrong with an incident', async () => {
    expect(await simulate('--incident', '2026-01-31T12:20:00Z')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('write two times, such as'),
    });
    expect(await simulate('--incident', '2020-01-01T00:00:00Z/2020-01-01T00:10:00Z')).toMatchObject({
      code: 65,
      stderr: expect.stringContaining('error KV0177 the incident from 2020-01-01T00:00:00.000Z'),
    });
  });
});
