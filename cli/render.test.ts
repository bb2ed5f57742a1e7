import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { policyYaml, serviceYaml } from '../demo/files.ts';
import { runCli } from '../test/support/cli.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-render-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const render = (...args: readonly string[]) => runCli(['render', 'envoy', ...args]);

describe('render envoy', () => {
  it('says why, in comments, and gives a program the same without them', async () => {
    const args = ['shop/pricer:http', '--cluster-only'];
    const { stdout: yaml } = await render(...args);
    expect(yaml).toContain('# Route to shop/pricer:http. The route should have:\n# retry_policy: {"retry_on":"connect');
    expect(yaml).toMatch(/\n +# Only what this Envoy sees alone: .*\n +outlier_detection:\n/);
    const { stdout: json } = await render(...args, '-o', 'json');
    expect(JSON.parse(json)).toEqual(parse(yaml));
  });

  it('with one stream for all, tells what the bootstrap needs besides the clusters', async () => {
    const { stdout } = await render('shop/pricer', '--cluster-only', '--transport', 'delta-ads');
    expect(stdout).toMatch(/\n# The bootstrap needs:\n# dynamic_resources: \{"ads_config":\{"api_type":"DELTA_GRPC"/);
  });

  it.each([
    ['eject: {how: Drain}', { value: 1 }],
    ['eject: {how: MarkUnhealthy}', { value: 0 }],
    ['proximity: Zone', { value: 0 }],
  ])('follows the policy in the files it is given: %s', async (line, threshold) => {
    const file = join(folder, 'input.yaml');
    await writeFile(file, `${serviceYaml(8080)}---\n${policyYaml}  ${line}\n`);
    const { code, stdout } = await render('pricer:80', '-n', 'shop', '-f', file, '--cluster-only', '-o', 'json');
    const [eds] = JSON.parse(stdout) as [{ readonly common_lb_config: Readonly<Record<string, unknown>> }];
    expect([code, eds.common_lb_config['healthy_panic_threshold']]).toEqual([0, threshold]);
  });

  it('says where this Envoy runs, which decides whom it asks first', async () => {
    const args = ['--node-id', 'web-1', '--zone', 'eu-1a', '--sub-zone', 'node-7', '-o', 'json'];
    const { stdout } = await render('shop/pricer:http', ...args);
    expect(JSON.parse(stdout)).toMatchObject({
      node: { id: 'web-1', locality: { zone: 'eu-1a', sub_zone: 'node-7' } },
    });
  });

  it('follows what the Service says of its port', async () => {
    const file = join(folder, 'grpc.yaml');
    await writeFile(file, serviceYaml(8080).replace('port: 80,', 'port: 80, appProtocol: kubernetes.io/h2c,'));
    const { stdout } = await render('shop/pricer:http', '-f', file, '--cluster-only');
    expect(stdout).toContain('{http2_protocol_options: {connection_keepalive: {interval: 30s, timeout: 5s}}}');
  });

  it('ends with what is wrong in the files, or is missing there', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, serviceYaml(8080));
    expect(await render('shop/pricer:grpc', '-f', file)).toMatchObject({
      code: 65,
      stderr: `${file}: error KV0735 has no port shop/pricer:grpc (there is shop/pricer:http)\n`,
    });
    expect(await render('shop/search', '-f', file)).toMatchObject({
      code: 65,
      stderr: `${file}: error KV0735 has no Service shop/search, nor a policy for it (there is shop/pricer)\n`,
    });
    await writeFile(file, policyYaml.replace('settle: 5', 'settle: -5'));
    const { code, stderr } = await render('shop/pricer', '-f', file);
    expect([code, stderr]).toEqual([65, expect.stringContaining('KV0104 spec.settle')]);
  });

  it.each([
    [['pricer'], 'pricer is not NAMESPACE/SERVICE'],
    [['shop/pricer:'], 'shop/pricer: is not NAMESPACE/SERVICE[:PORT]'],
    [['shop/pricer:70000'], 'shop/pricer:70000 is not NAMESPACE/SERVICE[:PORT]'],
    [['shop/pricer', '--tls'], '--tls without --ca-file'],
    [['shop/pricer', '--ca-file', 'ca.pem'], 'without --tls'],
    [['shop/pricer', '--tls', '--ca-file', 'ca.pem', '--key-file', 'key.pem'], 'one is missing'],
    [['shop/pricer', '--xds-address', '127.0.0.1'], 'write host:port'],
    [['shop/pricer', '--bootstrap', '--cluster-only'], 'cannot be used with'],
    [['shop/pricer', '--transport', 'rest'], 'Allowed choices are sotw, delta, ads, delta-ads'],
  ])('%j is a wrong command line', async (args, message) => {
    const { code, stdout, stderr } = await render(...args);
    expect([code, stdout, stderr]).toEqual([64, '', expect.stringContaining(message)]);
  });
});
