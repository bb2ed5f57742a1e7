import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { connect } from './connect.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-connect-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

it('says where it looked when there is no cluster to be found', async () => {
  vi.stubEnv('KUBECONFIG', undefined);
  vi.stubEnv('HOME', folder);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
  await expect(connect({}, systemClock)).rejects.toThrow(/KV0804 cannot be used to reach .*\$KUBECONFIG is not set/);
});

it('a file that is not there, and a context that it does not have', async () => {
  await expect(connect({ kubeconfig: join(folder, 'none') }, systemClock)).rejects.toThrow('KV0804');
  const kubeconfig = join(folder, 'config');
  await writeFile(
    kubeconfig,
    JSON.stringify({ clusters: [], users: [], contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }] }),
  );
  await expect(connect({ kubeconfig, context: 'b' }, systemClock)).rejects.toThrow(
    'there is no context b; there are a',
  );
  await expect(connect({ kubeconfig }, systemClock)).rejects.toThrow('its current context names no cluster');
});
