/** What `kubervisor grpcurl` prints works as it stands, in a shell, against a real server. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';

const run = promisify(execFile);

describeWith(['grpcurl'], 'kubervisor grpcurl', ({ grpcurl }) => {
  const programs = usePrograms();
  const env = { ...process.env, PATH: `${dirname(grpcurl)}:${process.env['PATH']}` };

  it('prints commands that all answer', async () => {
    const cache = createXdsCache();
    cache.publish([assignmentOf('pricer', endpointOf('10.0.0.1'))]);
    cache.open();
    const { address, port } = programs.keep(await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache }));
    const printed = await runCli(['grpcurl', 'pricer:http', '-n', 'shop', '--xds-address', `${address}:${port}`]);
    expect([printed.code, printed.stderr]).toEqual([0, '']);
    const commands = printed.stdout.split('\n').filter((line) => line.startsWith('grpcurl '));
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

  it('knows TLS, and quotes what a shell would read', async () => {
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
