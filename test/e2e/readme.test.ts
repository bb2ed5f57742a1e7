/** What the README shows works as it stands there. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
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

describeWith(['envoy'], 'README.md', ({ envoy: executable }) => {
  const programs = usePrograms();
  let folder: string;

  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    programs.keep({ stop: () => removeFolder(folder) });
  });

  it.each(['name: foo', 'name: pricer, namespace: shop'])('the policy with %s loads', async (mark) => {
    const file = join(folder, 'policy.yaml');
    await writeFile(file, block(mark));
    const { code, stdout } = await runCli(['lint', '-f', file]);
    expect([code, stdout]).toEqual([79, expect.stringContaining('1 policy: 0 errors')]);
  });

  it('the cluster gets its endpoints in a real Envoy', async () => {
    const ports = await freePorts();
    await writeInput(folder, ports);
    const serving = await startServing(folder, ports);
    programs.keep(serving.process);
    const [cluster] = parse(block('type: EDS').replace('127.0.0.1:18000', `127.0.0.1:${ports.xds}`)) as [object];
    const envoy = await programs.envoy({ executable, bootstrap: { static_resources: { clusters: [cluster] } } });
    const hosts = await envoy.clusters('pricer');
    expect(hosts.map(({ edsHealth }) => edsHealth)).toEqual(Array.from({ length: 6 }, () => 'HEALTHY'));
  });
});
