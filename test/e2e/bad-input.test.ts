/** Bad input: one clear error that names the thing, the rest goes on, and nothing that is served shrinks. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceView } from '../../engine/admin/messages.ts';
import { policyYaml, type ServingPorts, servingConfigYaml } from '../../demo/files.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runCli } from '../support/cli.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';

describe('kubervisor serve refuses to start, in one line that names the thing', () => {
  let folder: string;
  let ports: ServingPorts;
  const config = (): string => join(folder, 'kubervisor.yaml');

  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    ports = await freePorts();
    await writeInput(folder, ports);
  });
  afterAll(() => removeFolder(folder));

  it('without its config', async () => {
    const { code, stderr } = await runCli(['serve', '--config', join(folder, 'missing.yaml')]);
    expect(code).toBe(65);
    expect(stderr).toContain('missing.yaml');
    expect(stderr).toContain('KV0509');
  });

  it('with a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports.xds, '127.0.0.1', resolve));
    const { code, stderr } = await runCli(['serve', '--config', config()]);
    await new Promise((resolve) => other.close(resolve));
    expect(code).not.toBe(0);
    expect(stderr).toContain(`127.0.0.1:${ports.xds}`);
    expect(stderr.match(/error KV\d{4}/g)).toHaveLength(1);
  });

  it('with a state directory that is a file', async () => {
    await writeFile(join(folder, 'state'), 'not a directory');
    const { code, stderr } = await runCli(['serve', '--config', config()]);
    await removeFolder(join(folder, 'state'));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/error KV04\d\d .*state/);
  });

  it('with decisions that are damaged: they are never taken for none', async () => {
    const state = join(folder, 'state');
    await mkdir(state, { recursive: true });
    const serving = await startServing(folder, ports);
    await fetch(`${serving.url}/api/v1/services/shop/pricer/eject`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ backend: 'pricer-1', forSeconds: 600, reason: 'test', actor: 'test' }),
    });
    await serving.process.stop();
    const { readdir } = await import('node:fs/promises');
    for (const name of await readdir(state)) {
      if (name.startsWith('lock')) continue;
      await chmod(join(state, name), 0o600);
      await writeFile(join(state, name), 'rubbish');
    }
    const { code, stderr } = await runCli(['serve', '--config', config()]);
    await removeFolder(state);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/error KV04\d\d/);
  });

  it('with an audit file that cannot be written', async () => {
    const file = join(folder, 'audited.yaml');
    await writeFile(file, `${servingConfigYaml(ports)}log: {auditFile: ./missing/audit.log}\n`);
    const { code, stderr } = await runCli(['serve', '--config', file]);
    expect(code).toBe(65);
    expect(stderr).toMatch(/^\S+audit\.log: error KV0511 [^\n]+\n$/);
  });

  it.each<[what: string, code: string, edit: (config: string) => string]>([
    ['a metric source that is no URL', 'KV0303', (text) => text.replace(/url: "?http[^}"]*"?/, 'url: foo')],
    ['a state directory beside a cluster', 'KV0815', (text) => text.replace('{files: ./config}', '{kubernetes: {}}')],
    [
      'a kubeconfig that is not there',
      'KV0804',
      (text) => text.replace('{files: ./config}', '{kubernetes: {kubeconfig: ./none}}').replace(/^state: .*\n/m, ''),
    ],
  ])('with %s: that is a wrong file or value', async (_, problem, edit) => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, edit(servingConfigYaml(ports)));
    const { code, stderr } = await runCli(['serve', '--config', file]);
    expect([code, stderr]).toEqual([65, expect.stringContaining(`error ${problem} `)]);
  });

  it('on an address that others can reach, without authentication', async () => {
    const open = join(folder, 'open.yaml');
    await writeFile(open, servingConfigYaml(ports).replace(`127.0.0.1:${ports.http}`, `0.0.0.0:${ports.http}`));
    const { code, stderr } = await runCli(['serve', '--config', open]);
    expect(code).toBe(65);
    expect(stderr).toMatch(/open\.yaml:\d+:\d+: error KV05\d\d http\.listen/);
  });
});

describe('kubervisor serve goes on', () => {
  const programs = usePrograms();
  let folder: string;
  let serving: Serving;

  beforeAll(async () => {
    folder = await inTemporaryFolder('e2e', async (name) => name);
    const ports = await freePorts();
    await writeInput(folder, ports);
    await writeFile(join(folder, 'config/policy.yaml'), policyYaml);
    await writeFile(join(folder, 'config/nobody.yaml'), policyYaml.replaceAll('pricer', 'nobody'));
    serving = await startServing(folder, ports);
    programs.keep(serving.process);
    programs.keep({ stop: () => removeFolder(folder) });
  });

  const view = async (): Promise<ServiceView> =>
    ((await (await fetch(`${serving.url}/api/v1/services/shop/pricer`)).json()) as { service: ServiceView }).service;
  const readiness = async (): Promise<string> => (await fetch(`${serving.url}/readyz`)).text();

  it('with a Prometheus that is down: says so, judges nobody, serves everybody', async () => {
    await eventually(async () => (await readiness()).includes('KV03'), {
      timeoutMs: 15_000,
      what: 'readyz names the source',
    });
    const { breakers, summary } = await view();
    expect(breakers[0]?.outcome).toBe('unusable');
    expect(summary.serving).toBe(6);
  });

  it('with a policy for a Service that does not exist: says so', async () => {
    expect(await readiness()).toContain('nobody');
  });

  it('with a file that breaks: keeps what it said, and says which line', async () => {
    await writeFile(join(folder, 'config/service.yaml'), 'apiVersion: v1\nkind: [Service\n');
    await eventually(async () => (await readiness()).includes('service.yaml'), {
      timeoutMs: 15_000,
      what: 'readyz names the file',
    });
    expect((await view()).summary.serving).toBe(6);
    expect((await fetch(`${serving.url}/readyz`)).status).toBe(200);
  });

  it('with a client that sends garbage to the xDS port', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(serving.ports.xds, '127.0.0.1', () =>
        socket.end('GET / HTTP/1.1\r\n\r\n\u0000\u0001garbage'),
      );
      socket
        .once('close', () => resolve())
        .once('error', () => resolve())
        .resume();
    });
    expect((await view()).summary.serving).toBe(6);
    expect(serving.process.exit()).toBeUndefined();
  });
});
