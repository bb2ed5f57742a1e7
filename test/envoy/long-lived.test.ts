/** What becomes of open connections when their endpoint is taken out: each cell of docs/long-lived.md, on real Envoys. */
import { beforeAll, describe, expect, it, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import type { AssignedEndpoint, Assignment } from '../../engine/assignment/assignment.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { pageTable } from '../support/page-table.ts';
import { usePrograms } from '../support/programs.ts';
import { healthChecks, longLivedBootstrap, type Settings } from './long-lived-bootstrap.ts';
import { meet, type Subject, subjects } from './meeting.ts';
import { type Port, ports, startTalkers, type Talkers } from './talkers.ts';
import { describeWithEnvoys, type EnvoyProgram } from './versions.ts';

const table = pageTable('docs/long-lived.md', 'What ends when an endpoint is taken out');
const settingsTable = pageTable('docs/long-lived.md', 'What settings of the cluster change');

const backends = ['broken', 'good', 'better'] as const;
const timeoutMs = 20_000;

/** What is listed of the endpoint that is taken out, one after the other; undefined: nothing. */
const acts = {
  Drain: ['DRAINING'],
  MarkUnhealthy: ['UNHEALTHY'],
  Remove: [undefined],
  'Drain, then Remove': ['DRAINING', undefined],
} as const;
type Act = keyof typeof acts;
const actNames = Object.keys(acts) as Act[];

const settings: Readonly<Record<string, Settings>> = {
  'close_connections_on_host_health_failure: true': { cluster: { close_connections_on_host_health_failure: true } },
  'connection_pool_per_downstream_connection: true': { cluster: { connection_pool_per_downstream_connection: true } },
  'common_lb_config.close_connections_on_host_set_change: true': {
    cluster: { common_lb_config: { update_merge_window: '0s', close_connections_on_host_set_change: true } },
  },
  'health_checks that succeed, ignore_health_on_host_removal: false': {
    cluster: { ...healthChecks, ignore_health_on_host_removal: false },
  },
  'health_checks that succeed': { cluster: healthChecks },
};
/** Of each port one, and a connection that nobody uses. */
const subjectsOfSettings = subjects.filter(({ row }) =>
  ['HTTP/1.1 connection, idle', 'WebSocket', 'gRPC stream', 'TCP through tcp_proxy'].includes(row),
);

/** A cluster of its own for each thing that is looked at. */
const cases = actNames.flatMap((act) =>
  [undefined, ...Object.keys(settings)].flatMap((setting) =>
    (setting === undefined ? subjects : subjectsOfSettings).map((subject) => ({
      act,
      subject,
      name: nameOf(act, subject, setting),
      serviceName: `shop/${serviceOf(act, subject.port)}:http`,
      port: subject.port,
      ejectedAs: act === 'MarkUnhealthy' ? ('UNHEALTHY' as const) : ('DRAINING' as const),
      settings: settings[setting ?? ''] ?? {},
    })),
  ),
);

function nameOf(act: Act, subject: Subject, setting?: string): string {
  const numbers = [actNames.indexOf(act), subjects.findIndex(({ row }) => row === subject.row)];
  return [...numbers, setting === undefined ? 'plain' : Object.keys(settings).indexOf(setting)].join('_');
}

function serviceOf(act: Act, port: Port): string {
  return `${actNames.indexOf(act)}-${port}`;
}

function assignmentAfter(
  act: Act,
  port: Port,
  status: AssignedEndpoint['status'] | undefined,
  talkers: Talkers<(typeof backends)[number]>,
): Assignment {
  const [broken, ...others] = backends.map((name) =>
    endpointOf(talkers.address(name), { port: talkers.numbers[port] }),
  );
  return assignmentOf(serviceOf(act, port), ...(broken && status ? [{ ...broken, status }] : []), ...others);
}

interface StatsAnswer {
  readonly stats: readonly { readonly value: number }[];
}

test('docs/long-lived.md has a row for each kind of connection, and for each setting', () => {
  expect(table.map((row) => row['what is open'])).toEqual(subjects.map(({ row }) => row));
  expect(settingsTable.map((row) => row['setting'])).toEqual(Object.keys(settings));
});

describeWithEnvoys('what is open through an endpoint', (program) => {
  suite(program);
});

interface Seen {
  /** Who answered what began after the act. */
  readonly anew: readonly string[];
  readonly outcome: string;
  /** How many requests, or TCP connections, Envoy says there are to the endpoint that was taken out; undefined: it does not say. */
  readonly active: number | undefined;
}

function suite({ executable }: EnvoyProgram): void {
  const programs = usePrograms();
  const seen = new Map<string, Seen>();

  beforeAll(async () => {
    const talkers = programs.keep(await startTalkers(backends, 120));
    const cache = createXdsCache();
    const publish = (act: Act, status: AssignedEndpoint['status'] | undefined): void =>
      cache.publish(ports.map((port) => assignmentAfter(act, port, status, talkers)));
    for (const act of actNames) publish(act, 'HEALTHY');
    cache.open();
    const listen = { host: '127.0.0.1', port: 0 };
    const xds = programs.keep(await startXdsServer({ listen, cache, limits: { stopGraceMs: 100 } }));
    const envoy = await programs.envoy({ executable, bootstrap: longLivedBootstrap(xds.port, cases) });
    const updates = async (act: Act): Promise<readonly number[]> => {
      const filter = encodeURIComponent(`^cluster\\.${actNames.indexOf(act)}_.*\\.update_success$`);
      const { stats } = JSON.parse(await envoy.admin(`/stats?format=json&filter=${filter}`)) as StatsAnswer;
      return stats.map(({ value }) => value);
    };

    for (const act of actNames) {
      const ours = cases.filter((one) => one.act === act);
      const meetings = await Promise.all(
        ours.map(({ name, subject }) => meet(subject, { envoy, route: name, backends, partner: 'broken' })),
      );
      for (const meeting of meetings) programs.keep({ stop: () => meeting.end() });
      for (const status of acts[act]) {
        const before = await updates(act);
        publish(act, status);
        await eventually(async () => (await updates(act)).every((count, index) => count > (before[index] ?? 0)), {
          timeoutMs,
          what: `Envoy has the endpoints after ${act}`,
        });
      }
      const clusters = await envoy.admin('/clusters');
      await Promise.all(
        meetings.map(async (meeting, index) => {
          const name = ours[index]?.name ?? '';
          const [, active] =
            clusters.match(new RegExp(`^${name}::${talkers.address('broken')}:.*::rq_active::(.*)$`, 'm')) ?? [];
          const anew = await meeting.askAnew();
          const outcome = await meeting.outcome();
          seen.set(name, { anew, outcome, active: active === undefined ? undefined : Number(active) });
        }),
      );
    }
  });

  const seenOf = (act: Act, subject: Subject, setting?: string): Seen => {
    const found = seen.get(nameOf(act, subject, setting));
    if (found === undefined) throw new Error(`nobody looked at ${subject.row} after ${act}`);
    return found;
  };

  describe.each(actNames)('%s', (act) => {
    it.each(subjects)('$row', (subject) => {
      const { anew, outcome } = seenOf(act, subject);
      expect(anew).not.toContain('broken');
      expect(outcome).toBe(table.find((row) => row['what is open'] === subject.row)?.[act]);
    });

    it('Envoy says how much is left of each, as long as the endpoint is listed', () => {
      const left = subjects.filter(({ state }) => state === 'open').map((subject) => seenOf(act, subject).active);
      expect(new Set(left)).toEqual(new Set([acts[act].at(-1) === undefined ? undefined : 1]));
    });

    it.each(Object.keys(settings))('with %s', (setting) => {
      const ofSetting = subjectsOfSettings.map((subject) => seenOf(act, subject, setting));
      const outcomes = (from: Act): readonly string[] =>
        subjectsOfSettings.map((subject) => seenOf(from, subject).outcome);
      const found = difference(ofSetting, outcomes(act), outcomes('Drain'));
      expect(found).toBe(settingsTable.find((row) => row['setting'] === setting)?.[act]);
    });
  });
}

/** In the words of the page: what a setting made of it, compared with the recommended cluster as it is. */
function difference(seen: readonly Seen[], recommended: readonly string[], draining: readonly string[]): string {
  const outcomes = seen.map(({ outcome }) => outcome);
  const gets = seen.filter(({ anew }) => anew.includes('broken')).length;
  if (gets === seen.length) return 'removal is ignored: it keeps its traffic';
  if (gets > 0) return JSON.stringify(seen);
  if (outcomes.join() === recommended.join()) return 'no difference';
  if (outcomes.join() === draining.join()) return 'removal is ignored: it goes on draining';
  const idle = 'is closed, and so are all others';
  const isOfIdle = outcomes.every(
    (outcome, index) => outcome === (recommended[index] === 'goes on' ? 'goes on' : idle),
  );
  return isOfIdle ? 'closes every idle connection of the cluster' : JSON.stringify(seen);
}
