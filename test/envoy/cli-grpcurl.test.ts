/** What `kubervisor grpcurl` prints works as it stands, in a shell, against a real server. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { createAuthority } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { everything } from '../../xds/identity.ts';
import { createTlsSource } from '../support/tls-source.ts';

const run = promisify(execFile);

describeWith(['grpcurl'], 'kubervisor grpcurl', ({ grpcurl }) => {
  const programs = usePrograms();
  const env = { ...process.env, PATH: `${dirname(grpcurl)}:${process.env['PATH']}` };

  const cache = createXdsCache();
  let server: XdsServer;

  beforeAll(async () => {
    cache.publish([assignmentOf('pricer', endpointOf('10.0.0.1'))]);
    cache.open();
    server = programs.keep(await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache }));
  });
  const printed = async (port: number, ...args: readonly string[]): Promise<readonly string[]> => {
    const address = ['--xds-address', `127.0.0.1:${port}`];
    const { code, stdout, stderr } = await runCli(['grpcurl', 'pricer:http', '-n', 'shop', ...address, ...args]);
    expect([code, stderr]).toEqual([0, '']);
    return stdout.split('\n').filter((line) => line.startsWith('grpcurl '));
  };

  it('prints commands that all answer', async () => {
    const commands = await printed(server.port);
    const answers = await Promise.all(
      commands.map(async (line) => {
        const call = line.slice(line.lastIndexOf(' ') + 1);
        const { stdout } = await run('sh', ['-c', line], { env });
        return [call.slice(call.lastIndexOf('.') + 1), stdout] as const;
      }),
    );
    expect(answers).toEqual([
      ['list', expect.stringContaining('envoy.service.discovery.v3.AggregatedDiscoveryService\n')],
      ['EndpointDiscoveryService', expect.stringContaining('rpc FetchEndpoints')],
      ['EndpointDiscoveryService/FetchEndpoints', expect.stringContaining('"address": "10.0.0.1"')],
      ['EndpointDiscoveryService/StreamEndpoints', expect.stringContaining('"address": "10.0.0.1"')],
      ['EndpointDiscoveryService/DeltaEndpoints', expect.stringContaining('"address": "10.0.0.1"')],
      ['AggregatedDiscoveryService/StreamAggregatedResources', expect.stringContaining('"address": "10.0.0.1"')],
      ['AggregatedDiscoveryService/DeltaAggregatedResources', expect.stringContaining('"address": "10.0.0.1"')],
      ['ClusterDiscoveryService/FetchClusters', expect.stringContaining('"serviceName": "shop/pricer:http"')],
      ['ClientStatusDiscoveryService/FetchClientStatus', expect.stringContaining('{')],
      ['Health/Check', expect.stringContaining('SERVING')],
    ]);
  });

  it('prints commands for TLS, in which each side sees who the other is', async () => {
    const folder = await inTemporaryFolder('grpcurl', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    const authority = createAuthority();
    const own = authority.issue('person');
    const files = { '--ca-file': authority.cert, '--cert-file': own.cert, '--key-file': own.key };
    const args = Object.keys(files).flatMap((option) => [option, join(folder, `our${option}.pem`)]);
    await Promise.all(Object.entries(files).map(([option, pem]) => writeFile(join(folder, `our${option}.pem`), pem)));
    const source = createTlsSource(authority.issue('kubervisor'), authority.cert);
    const listen = { host: '127.0.0.1', port: 0 };
    const guarded = programs.keep(await startXdsServer({ listen, cache, tls: { source, grantTo: () => everything } }));
    const [list = ''] = await printed(guarded.port, '--tls', ...args);
    expect((await run('sh', ['-c', list], { env })).stdout).toContain('envoy.service.');
  });

  it('quotes what a shell would read, and names the server where its address does not', async () => {
    const args = ['grpcurl', 'shop/pricer', '--xds-address', 'mesh:443', '--tls', '--ca-file', "o'neil ca.pem"];
    const { stdout } = await runCli([...args, '--server-name', 'kubervisor', '-o', 'json']);
    const [list] = JSON.parse(stdout) as [{ readonly command: readonly string[] }];
    expect(list.command).toEqual([
      'grpcurl',
      '-cacert',
      "o'neil ca.pem",
      '-servername',
      'kubervisor',
      'mesh:443',
      'list',
    ]);
    const { stdout: lines } = await runCli(args);
    expect(lines).toContain(`\ngrpcurl -cacert 'o'\\''neil ca.pem' mesh:443 list\n`);
    const spiffe = await runCli([...args, '--server-name', 'spiffe://mesh/kubervisor']);
    expect([spiffe.code, spiffe.stderr]).toEqual([64, expect.stringContaining('KV0733')]);
  });
});
