/** Kubervisor is away while pods are replaced: what an Envoy does that was running, and one that starts meanwhile. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { freePort } from '../../demo/world/ports.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { assignmentOf } from '../support/assignments.ts';
import { runCli } from '../support/cli.ts';
import { type Programs, usePrograms } from '../support/programs.ts';
import { type Backends, startBackends, tally } from './backends.ts';
import { describeWithEnvoys, type EnvoyProgram } from './versions.ts';

const service = 'shop/pricer:http';
const timeoutMs = 20_000;
const old = ['a', 'b', 'c'] as const;
const ejected = ['x', 'y'] as const;
const fresh = ['d', 'e'] as const;
type Name = (typeof old | typeof ejected | typeof fresh)[number] | 'by DNS';

const ways = [
  { title: 'by sotw, without a fallback', transport: 'sotw', hasFallback: false },
  { title: 'by delta-ads, with a fallback', transport: 'delta-ads', hasFallback: true },
] as const;

describeWithEnvoys('while Kubervisor is away', (program) => {
  for (const way of ways) {
    describe(way.title, () => {
      suite(program, way);
    });
  }
});

function suite({ executable }: EnvoyProgram, { transport, hasFallback }: (typeof ways)[number]): void {
  const programs = usePrograms();
  let backends: Backends<Name>;
  let cache: XdsCache;
  let server: XdsServer;
  let envoy: Envoy;
  let url: string;

  const serve = (port: number): Promise<XdsServer> =>
    startXdsServer({ listen: { host: '127.0.0.1', port }, cache, limits: { stopGraceMs: 500 } });
  const stat = async (name: string): Promise<number> =>
    (await envoy.stats(`cluster.${service.replaceAll(':', '_')}.${name}`)) ?? 0;
  const start = async (xdsPort: number): Promise<Envoy> => {
    const fallback = backends.endpoint('by DNS').port;
    const args = ['--transport', transport, '--xds-address', `localhost:${xdsPort}`, '--initial-fetch-timeout', '1s'];
    return startRendered(programs, executable, [
      ...args,
      ...(hasFallback ? ['--fallback', `localhost:${fallback}`] : []),
    ]);
  };

  /** And Envoy has noticed: a request on a connection that is just being closed may be lost, whoever is left. */
  const end = async (name: Name): Promise<void> => {
    await backends.end(name);
    const connections = `${service}::127.0.0.1:${backends.endpoint(name).port}::cx_active::`;
    await eventually(async () => (await envoy.admin('/clusters')).includes(`${connections}0`), { timeoutMs });
  };

  beforeAll(async () => {
    backends = programs.keep(await startBackends<Name>([...old, ...ejected, ...fresh, 'by DNS']));
    cache = createXdsCache();
    cache.publish([
      assignmentOf(
        'pricer',
        ...old.map((name) => backends.endpoint(name)),
        ...ejected.map((name) => backends.endpoint(name, { status: 'DRAINING' })),
      ),
    ]);
    cache.open();
    server = await serve(0);
    programs.keep({ stop: () => server.stop() });
    envoy = await start(server.port);
    url = (await envoy.listener('ingress')) ?? '';
    expect(await tally(url, 6)).toEqual({ a: 2, b: 2, c: 2 });
    await server.stop();
  });

  it('keeps the endpoints it has, and what was ejected stays out', async () => {
    expect(await tally(url, 24)).toEqual({ a: 8, b: 8, c: 8 });
  });

  it('finds who is left as pods are replaced, and loses no request', async () => {
    // A fallback takes a share as soon as some count as unhealthy.
    const others = hasFallback ? ['by DNS'] : [];
    await end('a');
    expect(outsiders(await tally(url, 12), ['b', 'c', ...others])).toEqual([]);
    await end('b');
    expect(outsiders(await tally(url, 12), ['c', ...others])).toEqual([]);
    // Soon it does not even try the others: retries would make each request slower.
    await eventually(
      async () => (await stat('outlier_detection.ejections_active')) === 2 || tally(url, 1).then(() => false),
      {
        timeoutMs,
      },
    );
    const retries = await stat('upstream_rq_retry');
    expect(outsiders(await tally(url, 6), ['c', ...others])).toEqual([]);
    expect(await stat('upstream_rq_retry')).toBe(retries);
  });

  it(`with nobody left ${hasFallback ? 'asks who DNS names' : 'asks even those that were ejected, then fails'}`, async () => {
    await end('c');
    const last = hasFallback ? { 'by DNS': 6 } : { x: 3, y: 3 };
    await eventually(async () => expect(await tally(url, 6)).toEqual(last), { timeoutMs });
    if (hasFallback) return;
    for (const name of ejected) await end(name);
    expect(await tally(url, 3)).toEqual({ 'status 503': 3 });
  });

  it('has what is true now as soon as Kubervisor is back, in one change', async () => {
    const changes = await stat('membership_change');
    cache.publish([assignmentOf('pricer', ...fresh.map((name) => backends.endpoint(name)))]);
    server = await serve(server.port);
    await eventually(async () => (await envoy.clusters(service)).length === 2, { timeoutMs });
    expect(await tally(url, 6)).toEqual({ d: 3, e: 3 });
    expect(await stat('membership_change')).toBe(changes + 1);
  });

  it(`one that starts meanwhile ${hasFallback ? 'asks who DNS names' : 'has nobody to ask'}, until Kubervisor is back`, async () => {
    const port = await freePort();
    const newcomer = await start(port);
    const address = (await newcomer.listener('ingress')) ?? '';
    expect(await tally(address, 3)).toEqual({ [hasFallback ? 'by DNS' : 'status 503']: 3 });
    const back = programs.keep(await serve(port));
    await eventually(() => back.proxies().length > 0, { timeoutMs });
    await eventually(async () => expect(await tally(address, 6)).toEqual({ d: 3, e: 3 }), { timeoutMs });
  });
}

/** Who answered besides these. */
function outsiders(counts: Readonly<Record<string, number>>, expected: readonly string[]): readonly string[] {
  return Object.keys(counts).filter((name) => !expected.includes(name));
}

async function startRendered(programs: Programs, executable: string, args: readonly string[]): Promise<Envoy> {
  const listen = ['--listen', `127.0.0.1:${await freePort()}`];
  const { code, stdout } = await runCli(['render', 'envoy', service, '-o', 'json', ...args, ...listen]);
  expect(code).toBe(0);
  return programs.envoy({ executable, bootstrap: JSON.parse(stdout) as object });
}
