/** A change on its way to a real Envoy, as `serve` tells of it. */
import { expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { act, freePorts, startObeyingEnvoy, startServing, writeInput } from '../support/serving.ts';

describeWith(['envoy'], 'kubervisor serve tells who holds what', ({ envoy: executable }) => {
  const programs = usePrograms();

  it('by command, and in metrics', async () => {
    await inTemporaryFolder('e2e', async (folder) => {
      programs.keep({ stop: () => removeFolder(folder) });
      const ports = await freePorts();
      await writeInput(folder, ports);
      const { process, url } = await startServing(folder, ports);
      programs.keep(process);
      programs.keep(await startObeyingEnvoy(executable, ports));
      const holders = async (): Promise<string> => (await runCli(['proxies', 'shop/pricer'], url)).stdout;
      const before = await eventually(async () => [await holders()].find(inStep), { timeoutMs: 10_000 });
      await act(url, 'eject', 'pricer-3', { forSeconds: 600 });
      const after = await eventually(async () => [await holders()].find((text) => inStep(text) && text !== before), {
        timeoutMs: 10_000,
      });
      expect(after).toMatch(/^obeying +eds +shop\/pricer:http +synced +(\w{16}) +\1 +- +-$/m);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toContain('kubervisor_xds_clients{dialect="envoy"} 1\n');
      expect(metrics).toContain('kubervisor_xds_convergence_seconds_count{type="eds"} 1\n');
    });
  });
});

function inStep(text: string): boolean {
  return text.includes('1 of 1 hold what is served now');
}
