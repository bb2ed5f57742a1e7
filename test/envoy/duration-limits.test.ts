/** What ends connections that would go on: each cell of the second half of docs/long-lived.md, on real Envoys. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import type { Envoy } from '../../demo/world/envoy.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { pageTable } from '../support/page-table.ts';
import { usePrograms } from '../support/programs.ts';
import { healthChecks, longLivedBootstrap, type Route, type Settings } from './long-lived-bootstrap.ts';
import { meet, type Subject, subjects } from './meeting.ts';
import { type Port, ports, startTalkers, type Talkers } from './talkers.ts';
import { askOnce, startTalk } from './talks.ts';
import { describeWithEnvoys, type EnvoyProgram } from './versions.ts';

const table = pageTable('docs/long-lived.md', 'What ends the rest');
const timeoutMs = 20_000;

/** Of Envoy, two seconds long; `at` says whose connections it is about. */
interface Limit {
  readonly at: readonly Port[];
  readonly settings?: Settings;
  /** Whom it is about when the limit is the server's own. */
  readonly server?: keyof typeof servers;
}
/** Options of their gRPC servers. One refuses connections for a moment, so that health checks fail. */
const servers = {
  patient: {},
  failing: {},
  aging: { 'grpc.max_connection_age_ms': 2000 },
  strict: { 'grpc.max_connection_age_ms': 2000, 'grpc.max_connection_age_grace_ms': 100 },
} as const;
const limits: Readonly<Record<string, Limit>> = {
  max_connection_duration: { at: ports, settings: { upstreamHttp: { max_connection_duration: '2s' } } },
  idle_timeout: { at: ports, settings: { upstreamHttp: { idle_timeout: '2s' } } },
  max_stream_duration: { at: ports, settings: { upstreamHttp: { max_stream_duration: '2s' } } },
  stream_idle_timeout: { at: ['http', 'grpc'], settings: { httpConnectionManager: { stream_idle_timeout: '2s' } } },
  'idle_timeout of tcp_proxy': { at: ['tcp'], settings: { tcpProxy: { idle_timeout: '2s' } } },
  max_downstream_connection_duration: {
    at: ['tcp'],
    settings: { tcpProxy: { max_downstream_connection_duration: '2s' } },
  },
  'close_connections_on_host_health_failure: true': {
    at: ports,
    settings: { cluster: { ...healthChecks, close_connections_on_host_health_failure: true } },
    server: 'failing',
  },
  'connection age': { at: ['grpc'], server: 'aging' },
  'connection age with a grace': { at: ['grpc'], server: 'strict' },
};

/** Columns of the page, and what each is about. */
const columns: Readonly<Record<string, readonly string[]>> = {
  'idle HTTP connection': ['HTTP/1.1 connection, idle', 'HTTP/2 connection, idle'],
  'HTTP/1.1 request': ['HTTP/1.1 request under way'],
  WebSocket: ['WebSocket'],
  'gRPC stream': ['gRPC stream'],
  TCP: ['TCP through tcp_proxy'],
};
const namesOfLimits = Object.keys(limits);

interface Case extends Route {
  readonly subject: Subject;
}

const cases: readonly Case[] = Object.entries(limits).flatMap(([limit, { at, settings, server = 'patient' }]) =>
  subjects
    .filter(({ port, state }) => at.includes(port) && state !== 'ended')
    .map((subject) => ({
      subject,
      name: nameOf(limit, subject),
      serviceName: `shop/${server}-${subject.port}:http`,
      port: subject.port,
      ...(settings && { settings }),
    })),
);

/** Connections in use, and a limit to how long they are used. */
const inUse: readonly Case[] = subjects
  .filter(({ state }) => state === 'ended')
  .map((subject) => ({
    subject,
    name: `in_use_${subject.port}`,
    serviceName: `shop/patient-${subject.port}:http`,
    port: subject.port,
    settings: { upstreamHttp: { max_connection_duration: '2s' } },
  }));

/** The options that the page shows, as they stand there. */
const [, block = ''] =
  readFileSync(join(import.meta.dirname, '../../docs/long-lived.md'), 'utf8').match(/```yaml\n([^]*?)```/) ?? [];
const shown: Route = {
  name: 'shown',
  serviceName: 'shop/patient-grpc:http',
  port: 'grpc',
  settings: { cluster: parse(block) as object },
};

/** Ends later than all of them, and so tells that they had their time. */
const clock = {
  name: 'clock',
  serviceName: 'shop/patient-tcp:http',
  port: 'tcp',
  settings: { tcpProxy: { max_downstream_connection_duration: '3s' } },
} as const satisfies Route;

function nameOf(limit: string, { row }: Subject): string {
  return `${namesOfLimits.indexOf(limit)}_${subjects.findIndex((subject) => subject.row === row)}`;
}

test('docs/long-lived.md has a row for each limit', () => {
  expect(table.map((row) => row['limit'])).toEqual(namesOfLimits);
});

describeWithEnvoys('limits of duration', (program) => {
  suite(program);
});

function suite({ executable }: EnvoyProgram): void {
  const programs = usePrograms();
  const outcomes = new Map<string, string>();
  let envoy: Envoy;

  const portOf = async ({ name }: Route): Promise<number> => Number(new URL((await envoy.listener(name)) ?? '').port);
  /** Until all clusters of the failing server have so many healthy hosts. */
  const untilHealthy = (hosts: number): Promise<unknown> =>
    eventually(
      async () => {
        const ours = cases.filter(({ serviceName }) => serviceName.includes('failing'));
        const counts = await Promise.all(ours.map(({ name }) => envoy.stats(`cluster.${name}.membership_healthy`)));
        return counts.every((count) => count === hosts);
      },
      { timeoutMs, what: `${hosts} healthy` },
    );

  beforeAll(async () => {
    const cache = createXdsCache();
    const fleets = new Map<string, Talkers<'only'>>();
    for (const [index, [name, options]] of Object.entries(servers).entries()) {
      const talkers = programs.keep(await startTalkers(['only'], 121 + index, options));
      fleets.set(name, talkers);
      for (const port of ports) {
        const endpoint = endpointOf(talkers.address('only'), { port: talkers.numbers[port] });
        cache.publish([assignmentOf(`${name}-${port}`, endpoint)]);
      }
    }
    cache.open();
    const listen = { host: '127.0.0.1', port: 0 };
    const xds = programs.keep(await startXdsServer({ listen, cache, limits: { stopGraceMs: 100 } }));
    envoy = await programs.envoy({
      executable,
      bootstrap: longLivedBootstrap(xds.port, [...cases, ...inUse, shown, clock]),
    });

    const meetings = await Promise.all(
      cases.map(({ subject, name }) => meet(subject, { envoy, route: name, backends: ['only'], partner: 'only' })),
    );
    for (const meeting of meetings) programs.keep({ stop: () => meeting.end() });
    fleets.get('failing')?.refuse();
    await untilHealthy(0);
    await fleets.get('failing')?.acceptAgain();
    await untilHealthy(1);
    const last = await startTalk('tcp', await portOf(clock));
    await eventually(() => last.hasEnded(), { timeoutMs, what: 'the longest limit has passed' });
    for (const [index, meeting] of meetings.entries()) {
      outcomes.set(cases[index]?.name ?? '', await meeting.outcome());
    }
  });

  describe.each(namesOfLimits)('%s', (limit) => {
    it.each(Object.entries(columns))('%s', (column, rows) => {
      const found = rows.map((row) => {
        const subject = subjects.find((candidate) => candidate.row === row);
        return (subject && outcomes.get(nameOf(limit, subject))) ?? '';
      });
      const expected = table.find((row) => row['limit'] === limit)?.[column] ?? 'no such column';
      expect(new Set(found.filter((outcome) => outcome !== ''))).toEqual(new Set(expected === '' ? [] : [expected]));
    });
  });

  it.concurrent.each(inUse)(
    'max_connection_duration, $subject.row: it is given nothing new, and closed then',
    async (one) => {
      const meeting = await meet(one.subject, { envoy, route: one.name, backends: ['only'], partner: 'only' });
      await eventually(async () => (await meeting.stat('upstream_cx_max_duration_reached')) === 1, { timeoutMs });
      expect(await meeting.stat('upstream_cx_active')).toBe(1);
      await meeting.askAnew();
      expect(await meeting.stat('upstream_cx_total')).toBe(2);
      expect(await meeting.outcome()).toBe('is closed');
    },
  );

  it('Envoy takes the options that the page shows', async () => {
    expect(block).toContain('max_stream_duration');
    expect(await askOnce('grpc', await portOf(shown))).toBe('only');
  });
}
