/** Whatever ends Kubervisor, what is served stays, and what was decided is remembered. */
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

  it('R4 R9: killed while a pod is out, nothing changes for Envoy, then and after the restart', async () => {
    await inTemporaryFolder('e2e', async (folder) => {
      programs.keep({ stop: () => removeFolder(folder) });
      const ports = await freePorts();
      await writeInput(folder, ports);
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

      first.process.kill('SIGKILL');
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
  });
});
