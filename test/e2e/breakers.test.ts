/** Every kind of breaker on real parts: `kubervisor serve`, Prometheus and Envoy, over pods that fall sick and recover. */
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServiceView } from '../../engine/admin/messages.ts';
import { servingConfigYaml } from '../../demo/files.ts';
import type { Envoy } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { Prometheus } from '../../demo/world/prometheus.ts';
import { edsBootstrap, listenerName } from '../envoy/bootstrap.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';
import { keepAsking, type Pods, startPods } from './pods.ts';

const depth = `threshold: {query: 'max_over_time(queue_depth{job="JOB"}[2s])', operator: '>', value: 100}`;

/** Service, and the detector of its one breaker. */
const detectors = {
  // Both windows see real samples: a pod that is out and idle, or has just come back, must not stall on the long one.
  depth: depth.replace('operator', `longQuery: 'max_over_time(queue_depth{job="JOB"}[4s])', operator`),
  codes: `discreteValueOutOfList:
      query: sum by (pod, namespace, code) (increase(responses_total{job="JOB"}[2s]))
      key: code
      goodValues: ["200"]
      tolerancePercent: 20`,
  share: `ratio:
      bad: sum by (pod, namespace) (increase(responses_total{job="JOB", code="500"}[2s]))
      total: sum by (pod, namespace) (increase(responses_total{job="JOB"}[2s]))
      minRequests: 3
      minBad: 3`,
  price: `groupBy: [version]
    continuousValueDeviation:
      query: rate(price_sum{job="JOB"}[2s]) / rate(price_count{job="JOB"}[2s])
      maxDeviationPercent: 30`,
  // Two that must agree, on the way out and on the way back.
  slow: `outlier: {query: 'max_over_time(queue_depth{job="JOB"}[2s])'}
  - name: deep
    evaluationPeriod: 1s
    ${depth}
  combine: All`,
  custom: 'customService: judge:8080',
  watched: depth,
  canary: depth,
} as const;

type Service = keyof typeof detectors;

const services = Object.keys(detectors) as Service[];
const timeoutMs = 60_000;

const sizeOf = (service: Service): number => (service === 'canary' ? 10 : 4);
/** The Pods of a Service, so many of them of another version. */
const versionsYaml = (names: readonly string[], others: number): string =>
  names
    .map((name, index) => ({ name, version: index < others ? 'v2' : 'v1' }))
    .map(
      ({ name, version }) =>
        `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, labels: {version: ${version}}}\n`,
    )
    .join('---\n');

function policyYaml(
  service: Service,
  enforcement: 'Enforce' | 'Observe' | 'Suspended',
  onCohort: 'Report' | 'EjectWithinBudget' = 'Report',
): string {
  return `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: ${service}, namespace: shop}
spec:
  service: ${service}
  enforcement: ${enforcement}
  settle: 1
  warmUp: 0s
  budget: {onCohort: ${onCohort}}
  breakers:
  - name: sick
    evaluationPeriod: 1s
    ${detectors[service].replaceAll('JOB', service)}
  activator: {mode: periodic, period: 1s, ramp: {weights: [20, 100], stepPeriod: 1s}}
`;
}

describeWith(['envoy', 'prometheus'], 'breakers on real parts', (executables) => {
  const programs = usePrograms();
  const fleets = new Map<Service, Pods>();
  let folder: string;
  let prometheus: Prometheus;
  let serving: Serving;
  let envoy: Envoy;

  const podsOf = (service: Service): Pods => {
    const pods = fleets.get(service);
    if (pods === undefined) throw new Error(`${service} has no pods`);
    return pods;
  };
  const cluster = (service: Service): string => `shop/${service}:http`;
  const write = (service: Service, enforcement: Parameters<typeof policyYaml>[1]): Promise<void> =>
    writeFile(join(folder, `config/${service}-policy.yaml`), policyYaml(service, enforcement));
  const view = async (service: Service): Promise<ServiceView> =>
    ((await (await fetch(`${serving.url}/api/v1/services/shop/${service}`)).json()) as { service: ServiceView })
      .service;
  /** What Envoy has of each pod, in the order of their names. */
  const seen = async (service: Service): Promise<readonly string[]> => {
    const { names, address } = podsOf(service);
    const hosts = await envoy.clusters(cluster(service));
    return names.map((name) => {
      const host = hosts.find((candidate) => candidate.address.startsWith(`${address(name)}:`));
      return `${host?.edsHealth} ${host?.weight}`;
    });
  };
  const untilSeen = (service: Service, first: string): Promise<unknown> =>
    eventually(async () => (await seen(service)).join() === [first, ...others].join(), {
      timeoutMs,
      what: `Envoy sees ${service}-1 as ${first}`,
    });
  const untilTold = (service: Service, next: RegExp): Promise<unknown> =>
    eventually(async () => (await view(service)).backends.some(({ decision }) => next.test(decision?.next ?? '')), {
      timeoutMs,
      what: `it is told of ${service} that ${String(next)}`,
    });
  const others = Array.from({ length: 3 }, () => 'HEALTHY 100');
  const fallSick = (service: Service): void => {
    podsOf(service).sick = new Set([`${service}-1`]);
  };

  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    for (const [index, service] of services.entries()) {
      fleets.set(service, programs.keep(await startPods(service, index + 1, sizeOf(service))));
    }
    prometheus = await programs.prometheus({
      executable: executables.prometheus,
      config: {
        global: { scrape_interval: '250ms', scrape_timeout: '250ms' },
        scrape_configs: services.map((service) => podsOf(service).scrapeConfig()),
      },
    });
    const ports = { ...(await freePorts()), prometheus: Number(new URL(prometheus.url).port) };
    await writeInput(folder, ports);
    // Here more goes wrong in a minute than in a company.
    await writeFile(join(folder, 'kubervisor.yaml'), `${servingConfigYaml(ports)}maxEjectionsPerMinute: 100\n`);
    await writeFile(join(folder, 'config/canary-pods.yaml'), versionsYaml(podsOf('canary').names, 3));
    await writeFile(join(folder, 'config/price-pods.yaml'), versionsYaml(podsOf('price').names, 4));
    await writeFile(join(folder, 'config/judge.yaml'), await startJudge());
    for (const service of services) {
      await writeFile(join(folder, `config/${service}.yaml`), podsOf(service).yaml());
      await write(service, service === 'watched' ? 'Observe' : 'Enforce');
    }
    serving = await startServing(folder, ports);
    programs.keep(serving.process);
    const [first, ...more] = services.map(cluster);
    envoy = await programs.envoy({
      executable: executables.envoy,
      bootstrap: edsBootstrap({ way: 'sotw', xdsPort: ports.xds, clusters: [first ?? '', ...more] }),
    });
    programs.keep(keepAsking((await envoy.listener(listenerName)) ?? '', services.map(cluster)));
    for (const service of services) {
      await eventually(
        async () =>
          (await view(service)).breakers.every(
            ({ evaluations, settle, normal }) => evaluations > settle && normal === sizeOf(service),
          ),
        { timeoutMs, what: `the breaker of ${service} has seen all its pods well` },
      );
    }
  });

  /** A service of the user's own, in files mode found by its Service and EndpointSlice. It knows who is sick. */
  async function startJudge(): Promise<string> {
    const pods = podsOf('custom');
    const server = createServer((_, response) => {
      const verdicts = pods.names.map((pod) => ({ pod, verdict: pods.sick.has(pod) ? 'anomalous' : 'normal' }));
      response.end(
        JSON.stringify({ apiVersion: 'breaker.kubervisor.io/v1', kind: 'Verdicts', windowSeconds: 1, verdicts }),
      );
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.100.1', resolve));
    programs.keep({
      stop: () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      },
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `apiVersion: v1
kind: Service
metadata: {name: judge, namespace: shop}
spec: {selector: {app: judge}, ports: [{name: http, port: 8080, targetPort: ${port}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: judge-1, namespace: shop, labels: {kubernetes.io/service-name: judge}}
addressType: IPv4
ports: [{name: http, port: ${port}, protocol: TCP}]
endpoints:
- {addresses: [127.0.100.1], conditions: {ready: true}, targetRef: {kind: Pod, name: judge-1, namespace: shop}}
`;
  }

  describe.concurrent('takes the sick pod out of a real Envoy, and brings it back by evidence', () => {
    it.for([
      ['threshold', 'depth'],
      ['discreteValueOutOfList of status codes', 'codes'],
      ['ratio', 'share'],
      ['continuousValueDeviation, by version', 'price'],
      ['outlier, with a threshold that has to agree', 'slow'],
      ['customService', 'custom'],
    ] as const)('%s', async ([, service]) => {
      fallSick(service);
      await untilSeen(service, 'DRAINING 100');
      const agreed = (await view(service)).backends.flatMap(({ decision }) => decision?.agreed ?? []);
      expect(agreed.length).toBe(service === 'slow' ? 1 : 0);
      podsOf(service).sick = new Set();
      // By requests that are counted it takes some sixty to be acquitted: a fifth of this trickle would be too little.
      await untilSeen(service, service === 'share' ? 'HEALTHY 25' : 'HEALTHY 20');
      if (service === 'share')
        await untilTold(service, /^\d+(\.\d+)? of about \d+(\.\d+)? requests since it probes, 0 bad/);
      await untilSeen(service, 'HEALTHY 100');
    });

    it('R16: observing, it says whom it would take out, and Envoy sees no change', async () => {
      const updates = await envoy.stats('cluster.shop/watched_http.update_success');
      expect(updates).toBeGreaterThan(0);
      fallSick('watched');
      await eventually(
        async () =>
          (await view('watched')).backends.some(
            ({ name, shadowDecision }) => name === 'watched-1' && shadowDecision?.state === 'ejected',
          ),
        { timeoutMs, what: 'watched-1 would be out' },
      );
      expect(await seen('watched')).toEqual(['HEALTHY 100', ...others]);
      expect(await envoy.stats('cluster.shop/watched_http.update_success')).toBe(updates);
    });
  });

  it('frozen, a Service keeps its sick pod, held and told, until it is unfrozen', async () => {
    const act = (...args: readonly string[]) => runCli([...args, '--reason', 'test'], serving.url);
    expect(await act('freeze', 'shop/price', '--for', '1h')).toMatchObject({ code: 0 });
    fallSick('price');
    await eventually(
      async () =>
        (await view('price')).backends.some(({ name, held }) => name === 'price-1' && held?.cause === 'frozen'),
      { timeoutMs, what: 'price-1 is held' },
    );
    expect(await seen('price')).toEqual(['HEALTHY 100', ...others]);
    expect((await runCli(['why', 'price-1'], serving.url)).stdout).toContain('held by frozen');
    expect(await act('unfreeze', 'shop/price')).toMatchObject({ code: 0 });
    await untilSeen('price', 'DRAINING 100');
    const out = (await view('price')).backends.find(({ name }) => name === 'price-1');
    expect(out?.decision?.reason).toMatch(/^in group version=v2: .* the median of 3 peers /);
    podsOf('price').sick = new Set();
    await untilSeen('price', 'HEALTHY 100');
  });

  it('a bad canary is held as a cohort, or taken out as a whole where the policy says so', async () => {
    const canary = podsOf('canary');
    const bad = canary.names.slice(0, 3);
    const fleet = (ofCanary: string) => canary.names.map((name) => (bad.includes(name) ? ofCanary : 'HEALTHY 100'));
    const untilCanary = (ofCanary: string): Promise<unknown> =>
      eventually(async () => (await seen('canary')).join() === fleet(ofCanary).join(), {
        timeoutMs,
        what: `Envoy sees the canary as ${ofCanary}`,
      });
    canary.sick = new Set(bad);
    await eventually(
      async () => (await view('canary')).backends.filter(({ held }) => held?.cause === 'cohort').length === bad.length,
      { timeoutMs, what: 'all of the canary are held' },
    );
    expect(await seen('canary')).toEqual(fleet('HEALTHY 100'));
    expect((await runCli(['why', 'canary-1'], serving.url)).stdout).toContain('version v2: 3 of 3 flagged');

    await writeFile(join(folder, 'config/canary-policy.yaml'), policyYaml('canary', 'Enforce', 'EjectWithinBudget'));
    await untilCanary('DRAINING 100');
    expect((await runCli(['why', 'canary-1'], serving.url)).stdout).toContain('with version v2: 3 of 3 flagged');
    canary.sick = new Set();
    await untilCanary('HEALTHY 100');
  });

  describe('R15: Prometheus is down and nothing can be stored', () => {
    const out = ['depth', 'codes', 'custom'] as const;

    beforeAll(async () => {
      for (const service of out) fallSick(service);
      for (const service of out) await untilSeen(service, 'DRAINING 100');
      await prometheus.process.stop();
      // A file where the folder was: not even root can write into it.
      await rename(join(folder, 'state'), join(folder, 'state-away'));
      await writeFile(join(folder, 'state'), '');
    });

    it('nobody is taken out any more, and says why', async () => {
      const answer = await runCli(['eject', 'shop/price', 'price-1', '--for', '1m', '--reason', 'test'], serving.url);
      expect(answer).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error KV07\d\d [^\n]*stor[^\n]*\n$/) });
      expect(await seen('price')).toEqual(['HEALTHY 100', ...others]);
    });

    it('a policy that says Suspended brings its pods back', async () => {
      await write('depth', 'Suspended');
      await untilSeen('depth', 'HEALTHY 100');
    });

    it('kubervisor suspend brings the pods of one Service back, frozen or not', async () => {
      const freeze = ['freeze', 'shop/codes', '--for', '1h', '--reason', 'test'];
      expect(await runCli(freeze, serving.url)).toMatchObject({ code: 0 });
      expect(await runCli(['suspend', 'shop/codes', '--reason', 'test'], serving.url)).toMatchObject({ code: 0 });
      await untilSeen('codes', 'HEALTHY 100');
    });

    it('kubervisor suspend brings everybody back', async () => {
      expect(await runCli(['suspend', '--reason', 'test'], serving.url)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('KV0814 only the replica that was asked obeys'),
      });
      await untilSeen('custom', 'HEALTHY 100');
    });
  });
});
