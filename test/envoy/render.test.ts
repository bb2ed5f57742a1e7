/** What `kubervisor render envoy` prints is what Envoys of every version take, and it works as it stands. */
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { assignmentOf } from '../support/assignments.ts';
import { createAuthority } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { usePrograms } from '../support/programs.ts';
import { everything, type Grant } from '../../xds/identity.ts';
import { createTlsSource } from '../support/tls-source.ts';
import { startBackends, tally } from './backends.ts';
import { describeWithEnvoys } from './versions.ts';

const run = promisify(execFile);
const service = 'shop/pricer:http';
const serverName = 'spiffe://mesh/ns/kubervisor/sa/kubervisor';
const transports = ['sotw', 'delta', 'ads', 'delta-ads'] as const;

describeWithEnvoys('what render prints', ({ executable }) => {
  const programs = usePrograms();
  let folder: string;
  let server: XdsServer;
  let guarded: XdsServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-render-'));
    programs.keep({ stop: () => removeFolder(folder) });
    const authority = createAuthority();
    const own = authority.issue('web', { uris: ['spiffe://mesh/ns/shop/sa/web'] });
    await writeFile(join(folder, 'ca.pem'), authority.cert);
    await writeFile(join(folder, 'cert.pem'), own.cert);
    await writeFile(join(folder, 'key.pem'), own.key);

    const backends = programs.keep(await startBackends(['a', 'b']));
    const cache = createXdsCache();
    cache.publish([assignmentOf('pricer', backends.endpoint('a'), backends.endpoint('b'))]);
    cache.open();
    server = programs.keep(await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache }));
    const source = createTlsSource(authority.issue('kubervisor', { uris: [serverName] }), authority.cert);
    const grantTo = (): Grant => everything;
    guarded = programs.keep(
      await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache, tls: { source, grantTo } }),
    );
  });

  const tls = (): readonly string[] => [
    '--tls',
    ...['--ca-file', join(folder, 'ca.pem')],
    ...['--cert-file', join(folder, 'cert.pem'), '--key-file', join(folder, 'key.pem')],
    ...['--server-name', serverName],
  ];
  const rendered = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(['render', 'envoy', service, ...args]);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };

  describe.each(transports)('by %s', (transport) => {
    it.each([
      { title: 'plain', args: () => [] },
      { title: 'with a fallback', args: () => ['--fallback', 'pricer.shop:80', '--http2'] },
      { title: 'with TLS', args: tls },
      { title: 'with both', args: () => [...tls(), '--fallback', 'pricer.shop:80'] },
    ])('$title: Envoy finds nothing wrong with it', async ({ args }) => {
      const file = join(folder, 'envoy.yaml');
      await writeFile(file, await rendered('--transport', transport, '--node-id', 'web-1', ...args()));
      const { stdout, stderr } = await run(executable, ['--mode', 'validate', '-c', file, '--disable-hot-restart']);
      expect(`${stdout}${stderr}`).toContain('OK');
      expect(stderr).not.toMatch(/deprecated/i);
    });

    it('serves traffic, and says where it is', async () => {
      const xds = `${server.address}:${server.port}`;
      const places = ['--xds-address', xds, '--listen', '127.0.0.1:1', '--zone', 'eu-1a', '--sub-zone', 'node-7'];
      const bootstrap = onAnyPort(await rendered('--transport', transport, ...places));
      const envoy = await programs.envoy({ executable, name: transport, bootstrap });
      expect(await tally((await envoy.listener('ingress')) ?? '', 4)).toEqual({ a: 2, b: 2 });
      expect(server.proxies()).toContainEqual(expect.objectContaining({ nodeId: transport, zone: 'eu-1a' }));
    });
  });

  it('over TLS each side sees who the other is', async () => {
    const places = ['--xds-address', `127.0.0.1:${guarded.port}`, '--listen', '127.0.0.1:1'];
    const envoy = await programs.envoy({ executable, bootstrap: onAnyPort(await rendered(...tls(), ...places)) });
    expect(await tally((await envoy.listener('ingress')) ?? '', 4)).toEqual({ a: 2, b: 2 });
    expect(guarded.proxies()).toHaveLength(1);

    const other = [...tls(), '--server-name', 'spiffe://mesh/ns/other/sa/other', ...places];
    const bootstrap = onAnyPort(await rendered(...other, '--initial-fetch-timeout', '1s'));
    const doubtful = await programs.envoy({ executable, bootstrap });
    const refused = (): Promise<number | undefined> => doubtful.stats('cluster.kubervisor-xds.ssl.fail_verify_san');
    await eventually(async () => ((await refused()) ?? 0) > 0, { timeoutMs: 20_000 });
    expect(await doubtful.clusters(service)).toEqual([]);
  });
});

/** Two of them would not find their port free. */
function onAnyPort(yaml: string): object {
  return parse(yaml.replace('port_value: 1}', 'port_value: 0}')) as object;
}
