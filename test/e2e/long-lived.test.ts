/** closeAfter, from the policy to the socket: what was open through an endpoint that is drained, then removed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { servingConfigYaml } from '../../demo/files.ts';
import type { Envoy } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { longLivedBootstrap } from '../envoy/long-lived-bootstrap.ts';
import { type Meeting, meet, type Subject, subjects } from '../envoy/meeting.ts';
import { ports, startTalkers, type Talkers } from '../envoy/talkers.ts';
import { pageTable } from '../support/page-table.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { act, freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';

const table = pageTable('docs/long-lived.md', 'What ends when an endpoint is taken out');
const pods = ['pricer-1', 'pricer-2', 'pricer-3'] as const;
const timeoutMs = 20_000;

const policyYaml = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: pricer, namespace: shop}
spec:
  service: pricer
  eject: {how: Drain, closeAfter: 2s}
  breakers:
  - {name: price, threshold: {query: price, operator: "==", value: 0}}
`;

function serviceYaml({ numbers, address }: Talkers<(typeof pods)[number]>): string {
  const servicePorts = ports.map((name, index) => `{name: ${name}, port: ${80 + index}, targetPort: ${numbers[name]}}`);
  const slicePorts = ports.map((name) => `{name: ${name}, port: ${numbers[name]}, protocol: TCP}`);
  const endpoints = pods.map(
    (pod) =>
      `- {addresses: [${address(pod)}], conditions: {ready: true}, targetRef: {kind: Pod, name: ${pod}, namespace: shop}}\n`,
  );
  return `apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec: {selector: {app: pricer}, ports: [${servicePorts.join(', ')}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pricer-1, namespace: shop, labels: {kubernetes.io/service-name: pricer}}
addressType: IPv4
ports: [${slicePorts.join(', ')}]
endpoints:
${endpoints.join('')}`;
}

const routes = subjects.map((subject, index) => ({
  name: `subject_${index}`,
  serviceName: `shop/pricer:${subject.port}`,
  port: subject.port,
}));

describeWith(['envoy'], 'closeAfter: 2s, and a real Envoy', ({ envoy: executable }) => {
  const programs = usePrograms();
  let serving: Serving;
  let envoy: Envoy;
  let meetings: readonly Meeting[];

  /** What every cluster has of the endpoints, or undefined while they differ. */
  const seen = async (): Promise<string | undefined> => {
    const hosts = await Promise.all(routes.map(({ name }) => envoy.clusters(name)));
    const [first, ...others] = new Set(hosts.map((of) => of.map(({ edsHealth }) => edsHealth).join()));
    return others.length > 0 ? undefined : first;
  };
  const untilSeen = (expected: string): Promise<unknown> =>
    eventually(async () => (await seen()) === expected, { timeoutMs, what: `Envoy has ${expected}` });
  const meetingOf = (subject: Subject): Meeting =>
    meetings[subjects.indexOf(subject as (typeof subjects)[number])] as Meeting;

  beforeAll(async () => {
    const folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    const talkers = programs.keep(await startTalkers(pods, 125));
    const listening = await freePorts();
    await writeInput(folder, listening);
    await writeFile(join(folder, 'kubervisor.yaml'), servingConfigYaml(listening));
    await writeFile(join(folder, 'config/service.yaml'), serviceYaml(talkers));
    await writeFile(join(folder, 'config/policy.yaml'), policyYaml);
    serving = await startServing(folder, listening);
    programs.keep(serving.process);
    envoy = await programs.envoy({ executable, bootstrap: longLivedBootstrap(listening.xds, routes) });
    meetings = await Promise.all(
      subjects.map((subject, index) =>
        meet(subject, { envoy, route: routes[index]?.name ?? '', backends: pods, partner: 'pricer-1' }),
      ),
    );
    for (const meeting of meetings) programs.keep({ stop: () => meeting.end() });
    await act(serving.url, 'eject', 'pricer-1', { forSeconds: 600 });
    await untilSeen('DRAINING,HEALTHY,HEALTHY');
    await untilSeen('HEALTHY,HEALTHY');
  });

  describe('it drains, then it is removed', () => {
    it.each(subjects)('$row', async (subject) => {
      expect(await meetingOf(subject).askAnew()).not.toContain('pricer-1');
      const row = table.find((candidate) => candidate['what is open'] === subject.row);
      expect(await meetingOf(subject).outcome()).toBe(row?.['Drain, then Remove']);
    });
  });

  it('restored, it is back for all of them, and what went on has gone on', async () => {
    await act(serving.url, 'restore', 'pricer-1');
    await untilSeen('HEALTHY,HEALTHY,HEALTHY');
    for (const meeting of meetings) {
      await eventually(async () => (await meeting.askAnew()).includes('pricer-1'), { timeoutMs });
      if (meeting.subject.state === 'open') expect(await meeting.outcome()).toBe('goes on');
    }
  });
});
