/** What `simulate` says of the past is what happened in it: real Prometheus, `kubervisor serve`, a pod that falls sick. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { servingConfigYaml } from '../../demo/files.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import type { Prometheus } from '../../demo/world/prometheus.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { DecisionView, ServiceView } from '../../engine/admin/messages.ts';
import type { SimulationReport } from '../../engine/simulate/report.ts';
import type { Suggestion } from '../../engine/simulate/suggest/suggestion.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';
import { type Pods, startPods } from './pods.ts';

const timeoutMs = 30_000;
const periodMs = 1_000;

const policyYaml = (bound: number): string => `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: depth, namespace: shop}
spec:
  service: depth
  settle: 1
  warmUp: 0s
  breakers:
  - name: sick
    evaluationPeriod: 1s
    threshold: {query: 'max_over_time(queue_depth{job="depth"}[2s])', operator: '>', value: ${bound}}
  activator: {mode: periodic, period: 4s, ramp: {weights: [20, 100], stepPeriod: 1s}}
`;

describeWith(['prometheus'], 'simulate, over what has just happened', (executables) => {
  const programs = usePrograms();
  let folder: string;
  let pods: Pods;
  let prometheus: Prometheus;
  let serving: Serving;
  let fellSickMs: number;
  let healedMs: number;
  /** The record that serve kept of depth-1 once it was back. */
  let live: DecisionView;

  const view = async (): Promise<ServiceView> =>
    ((await (await fetch(`${serving.url}/api/v1/services/shop/depth`)).json()) as { service: ServiceView }).service;
  const untilItIs = (state: string): Promise<DecisionView> =>
    eventually(
      async () => {
        const found = (await view()).backends.find(({ name }) => name === 'depth-1');
        return found?.state === state && found.decision;
      },
      { timeoutMs, what: `depth-1 is ${state}` },
    );
  const simulate = (...more: readonly string[]): ReturnType<typeof runCli> =>
    runCli(['simulate', '--since', '5m', '--source', prometheus.url, ...more]);
  const reported = async (...more: readonly string[]): Promise<SimulationReport> => {
    const { code, stdout, stderr } = await simulate('-o', 'json', ...more);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return JSON.parse(stdout) as SimulationReport;
  };
  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    pods = programs.keep(await startPods('depth', 41, 4));
    prometheus = await programs.prometheus({
      executable: executables.prometheus,
      config: { global: { scrape_interval: '250ms', scrape_timeout: '250ms' }, scrape_configs: [pods.scrapeConfig()] },
    });
    const ports = { ...(await freePorts()), prometheus: Number(new URL(prometheus.url).port) };
    await writeInput(folder, ports);
    await writeFile(join(folder, 'kubervisor.yaml'), servingConfigYaml(ports));
    await writeFile(join(folder, 'config/depth.yaml'), pods.yaml());
    await writeFile(join(folder, 'config/policy.yaml'), policyYaml(100));
    serving = await startServing(folder, ports);
    programs.keep(serving.process);
    await eventually(
      async () => (await view()).breakers.every(({ evaluations, normal }) => evaluations > 1 && normal === 4),
      { timeoutMs, what: 'all pods are seen well' },
    );
    fellSickMs = Date.now();
    pods.sick = new Set(['depth-1']);
    await untilItIs('ejected');
    pods.sick = new Set();
    healedMs = Date.now();
    live = await untilItIs('serving');
  }, 90_000);

  describe('gives the ejection that happened, of the same pod at the same time, and its return', () => {
    it.each([
      ['with the EndpointSlices', 'config'],
      ['from the series alone', 'config/policy.yaml'],
    ])('%s', async (_, input) => {
      const { services } = await reported('-f', join(folder, input));
      const { episodes, totals } = services.find(({ service }) => service === 'shop/depth') ?? fail();
      expect(totals).toMatchObject({ ejections: 1, failedReturns: live.retries, flaps: 0, stillOut: 0 });
      const [episode] = episodes;
      expect(episode).toMatchObject({
        backend: 'depth-1',
        breaker: 'sick',
        value: 5000,
        bound: 100,
        ended: 'recovered',
      });
      expect(episode?.states.slice(-2).map(({ state }) => state)).toEqual(['ejected', 'probing']);
      // All that serve saw is recorded, so the past cannot be slower to judge; how slow serve was is the machine's.
      const fromMs = Date.parse(episode?.from ?? '');
      expect(fromMs).toBeGreaterThan(fellSickMs);
      expect(fromMs).toBeLessThanOrEqual(Date.parse(live.outSinceTime) + 2 * periodMs);
    });
  });

  it('compares it with a policy that would have let it be, and writes a report in one file', async () => {
    const lax = join(folder, 'lax.yaml');
    const page = join(folder, 'report.html');
    await writeFile(lax, policyYaml(1e6));
    const { code, stdout } = await simulate('-f', join(folder, 'config'), '--against', lax, '--html', page);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/shop\/depth: out with this policy only\n.*\ndepth-1 /),
    });
    const html = await readFile(page, 'utf8');
    expect(html).toMatch(/<h3>depth-1<\/h3>\n<svg [^]*class="ejected"[^]*<\/svg>/);
    expect(html).not.toMatch(/<script|src=|href=|@import|url\(/);
  });

  it('suggests a bound between what was well and what was sick', async () => {
    const iso = (ms: number): string => new Date(ms).toISOString();
    const { code, stdout } = await simulate(
      ...['-f', join(folder, 'config'), '-o', 'json', '--suggest'],
      ...['--incident', `${iso(fellSickMs)}/${iso(healedMs)}`],
    );
    const { suggestions } = JSON.parse(stdout) as { readonly suggestions: readonly Suggestion[] };
    const own = suggestions.find(({ service }) => service === 'shop/depth');
    expect({ code, field: own?.field }).toEqual({ code: 0, field: 'value' });
    expect(own?.suggested).toBeLessThan(100);
    const chosen = own?.candidates.find(({ value }) => value === own.suggested);
    expect(chosen?.confirmed[0]?.incidents).toMatchObject([{ found: ['depth-1'] }]);
  });

  it('says so when there is no data', async () => {
    expect(await simulate('-f', join(folder, 'config'), '--until', '2020-01-01T00:00:00Z')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error KV0747 no query of the policies finds a series'),
    });
  });
});

function fail(): never {
  throw new Error('the report lacks shop/depth');
}
