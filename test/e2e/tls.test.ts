/** A real Envoy over TLS with certificates on both sides, of which one is renewed while it is connected. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { servingConfigYaml, serviceYaml } from '../../demo/files.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createAuthority } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, startServing, writeInput } from '../support/serving.ts';

const timeoutMs = 30_000;

describeWith(['envoy'], 'kubervisor serve with TLS, and a real Envoy', ({ envoy: executable }) => {
  const programs = usePrograms();

  it('a new certificate drops no stream, a broken one changes nothing, and another namespace is silence', async () => {
    const folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    const ports = await freePorts();
    await writeInput(folder, ports);
    const [authority, next] = [createAuthority(), createAuthority('next authority')];
    const write = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);
    const show = async ({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> => {
      await write('tls.crt', cert);
      await write('tls.key', key);
    };
    await show(authority.issue('kubervisor'));
    const own = authority.issue('web', { uris: ['spiffe://mesh/ns/shop/sa/web'] });
    await write('ca.crt', authority.cert);
    await write('client.crt', own.cert);
    await write('client.key', own.key);
    await write('config/bank.yaml', serviceYaml(8080).replaceAll('namespace: shop', 'namespace: bank'));
    const access = `xds:
  listen: "127.0.0.1:${ports.xds}"
  tls: {certFile: tls.crt, keyFile: tls.key, clientCaFile: ca.crt}
  identity:
    allow:
    - {name: "spiffe://mesh/ns/{namespace}/sa/*", namespaces: ["{namespace}"]}
`;
    await write('kubervisor.yaml', servingConfigYaml(ports).replace(/^xds:.*\n/, access));
    const serving = await startServing(folder, ports);
    programs.keep(serving.process);

    const bootstrapOf = async (service: string): Promise<object> => {
      const files = ['ca', 'cert', 'key'].flatMap((kind) => [
        `--${kind}-file`,
        join(folder, kind === 'ca' ? 'ca.crt' : `client.${kind === 'cert' ? 'crt' : 'key'}`),
      ]);
      const places = ['--xds-address', `127.0.0.1:${ports.xds}`, '--listen', '127.0.0.1:1'];
      const patience = ['--initial-fetch-timeout', '1s'];
      const { stdout } = await runCli(['render', 'envoy', service, '--tls', ...files, ...places, ...patience]);
      return parse(stdout.replace('port_value: 1}', 'port_value: 0}')) as object;
    };
    const envoy = await programs.envoy({ executable, bootstrap: await bootstrapOf('shop/pricer:http') });
    const marks = async (): Promise<readonly string[]> =>
      (await envoy.clusters('shop/pricer:http')).map(({ edsHealth }) => edsHealth);
    expect(await marks()).toHaveLength(6);
    const metric = async (name: string): Promise<string | undefined> =>
      (await (await fetch(`${serving.url}/metrics`)).text()).split('\n').find((line) => line.startsWith(name));
    const problems = async (): Promise<string> => (await fetch(`${serving.url}/readyz`)).text();
    const connections = (): Promise<number | undefined> => envoy.stats('cluster.kubervisor-xds.upstream_cx_total');
    const connected = await connections();

    await show(next.issue('kubervisor'));
    const taken = 'kubervisor_xds_certificate_renewals_total{result="taken"} 1';
    await eventually(async () => (await metric(taken)) !== undefined, { timeoutMs, what: taken });
    await write('tls.key', 'nonsense');
    await eventually(async () => (await problems()).includes('KV0751'), { timeoutMs, what: 'the new key is refused' });

    const service = await readFile(join(folder, 'config/service.yaml'), 'utf8');
    await write('config/service.yaml', service.replace('terminating: false', 'terminating: true'));
    await eventually(async () => (await marks()).includes('DRAINING'), { timeoutMs, what: 'Envoy follows' });
    expect(await connections()).toBe(connected);

    // The files that Envoy shows are still of the first authority, and so is the one that it believes.
    await show(authority.issue('kubervisor'));
    await eventually(async () => !(await problems()).includes('KV0751'), {
      timeoutMs,
      what: 'the mended pair is taken',
    });
    const stranger = await programs.envoy({
      executable,
      name: 'stranger',
      bootstrap: await bootstrapOf('bank/pricer:http'),
    });
    expect(await stranger.clusters('bank/pricer:http')).toEqual([]);
    const refused = 'kubervisor_xds_refused_names_total 1';
    await eventually(async () => (await metric(refused)) !== undefined, { timeoutMs, what: refused });
  });
});
