/** Whatever ends Kubervisor, what is served stays, and what was decided is remembered. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HostStatus } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { act, freePorts, isConnected, startObeyingEnvoy, startServing, writeInput } from '../support/serving.ts';

const ejected = '127.0.0.13:8080';

describeWith(['envoy'], 'kubervisor serve and a real Envoy', ({ envoy: executable }) => {
  const programs = usePrograms();

  it.each(['killed', 'told to end'])(
    'R4 R9: %s while a pod is out, nothing changes for Envoy, then and after the restart',
    async (how) => {
      await inTemporaryFolder('e2e', async (folder) => {
        programs.keep({ stop: () => removeFolder(folder) });
        const ports = await freePorts();
        await writeInput(folder, ports);
        const config = join(folder, 'kubervisor.yaml');
        // As a replica does: Envoy is sent away, and comes back, because there is none but this one.
        await writeFile(config, (await readFile(config, 'utf8')).replace('xds: {', 'xds: {drain: 2s, '));
        const first = await startServing(folder, ports);
        programs.keep(first.process);
        const envoy = programs.keep(await startObeyingEnvoy(executable, ports));
        const hosts = (): Promise<readonly HostStatus[]> => envoy.clusters('pricer');
        await act(first.url, 'eject', 'pricer-3', { forSeconds: 600 });
        const before = await eventually(
          async () => {
            const now = await hosts();
            return now.find(({ address }) => address === ejected)?.edsHealth === 'DRAINING' && now;
          },
          { timeoutMs: 10_000, what: 'Envoy sees pricer-3 draining' },
        );
        const version = await envoy.stats('cluster.pricer.version');

        first.process.kill(how === 'killed' ? 'SIGKILL' : 'SIGTERM');
        if (how === 'told to end') {
          expect(await first.process.exited).toEqual({ code: 0, signal: null });
          expect(first.process.log()).toContain('"clients":1,"message":"stopping: ');
        }
        await first.process.exited;
        expect(await hosts()).toEqual(before);

        const second = await startServing(folder, ports);
        programs.keep(second.process);
        await eventually(
          async () => (await envoy.stats('control_plane.connected_state')) !== 0 && isConnected(second.url),
          {
            timeoutMs: 40_000,
            what: 'Envoy is back',
          },
        );
        expect(await hosts()).toEqual(before);
        expect(await envoy.stats('cluster.pricer.version')).toBe(version);
      });
    },
  );
});
