/** What the README shows works as it stands there. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { freePort } from '../../demo/world/ports.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import type { ServingPorts } from '../../demo/files.ts';
import { freePorts, startServing, writeInput } from '../support/serving.ts';

const page = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

/** The YAML blocks of the page, without the indentation of a list around them. */
const blocks = [...page.matchAll(/^( *)```yaml\n([^]*?)^ *```$/gm)].map(([, indent = '', text = '']) =>
  text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
);
const block = (mark: string): string => {
  const [found, ...others] = blocks.filter((text) => text.includes(mark));
  if (found === undefined || others.length > 0) throw new Error(`not one block of README.md has ${mark}`);
  return found;
};

/** What the page tells a person to type after `grpcurl`, its continued lines joined. */
const grpcurlCommands = [...page.matchAll(/^ +grpcurl (-[^]*?[^\\])$/gm)].map(([, command = '']) =>
  command
    .replaceAll(/\\\n */g, '')
    .replaceAll("'", '')
    .split(' '),
);

describeWith(['envoy', 'grpcurl'], 'README.md', (executables) => {
  const programs = usePrograms();
  let folder: string;
  let ports: ServingPorts;

  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
    ports = await freePorts();
    await writeInput(folder, ports);
    programs.keep((await startServing(folder, ports)).process);
  });
  const grpcurl = async (args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(executables.grpcurl, ['-max-time', '30', ...args])).stdout;

  it.each(['name: foo', 'name: pricer, namespace: shop'])('the policy with %s loads', async (mark) => {
    const file = join(folder, 'policy.yaml');
    await writeFile(file, block(mark));
    const { code, stdout } = await runCli(['lint', '-f', file]);
    expect([code, stdout]).toEqual([79, expect.stringContaining('1 policy: 0 errors')]);
  });

  it('the configuration it renders gets its endpoints in a real Envoy', async () => {
    const args = /npx kubervisor (render envoy .*) > envoy.yaml/.exec(page)?.[1]?.split(' ') ?? [];
    const xds = `127.0.0.1:${ports.xds}`;
    const { stdout } = await runCli([...args, '--xds-address', xds, '--listen', `127.0.0.1:${await freePort()}`]);
    const envoy = await programs.envoy({ executable: executables.envoy, bootstrap: parse(stdout) as object });
    const hosts = await envoy.clusters('shop/pricer:http');
    expect(hosts.map(({ edsHealth }) => edsHealth)).toEqual(Array.from({ length: 6 }, () => 'HEALTHY'));
  });

  it('grpcurl lists, describes, and gets the endpoints', async () => {
    const [list, describe, fetch, ...others] = await Promise.all(
      grpcurlCommands.map((args) => grpcurl(args.map((arg) => arg.replace('18000', String(ports.xds))))),
    );
    expect(list).toContain('envoy.service.endpoint.v3.EndpointDiscoveryService\n');
    expect(describe).toContain('rpc FetchEndpoints');
    expect(fetch?.match(/"healthStatus": "HEALTHY"/g)).toHaveLength(6);
    expect(others).toEqual([]);
  });

  it('grpcurl finds the admin API on its own port, and nowhere else', async () => {
    const admin = `127.0.0.1:${ports.grpcAdmin}`;
    expect(await grpcurl(['-plaintext', admin, 'list'])).toContain('kubervisor.v1.Admin\n');
    expect(JSON.parse(await grpcurl(['-plaintext', admin, 'kubervisor.v1.Admin/List']))).toMatchObject({
      services: [{ namespace: 'shop', name: 'pricer', summary: { total: 6, serving: 6 } }],
    });
    expect(await grpcurl(['-plaintext', `127.0.0.1:${ports.xds}`, 'list'])).not.toContain('kubervisor');
  });
});
