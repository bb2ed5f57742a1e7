/** Looks at every Envoy, over and over, for a pod that should get traffic and does not. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Envoy, HostStatus } from '../../../demo/world/envoy.ts';

export interface Watchman {
  /** From now on this address must be in rotation everywhere. */
  expect(address: string): void;
  /** It is broken, or about to leave. */
  excuse(address: string): void;
  /** What was lost, each thing once, in words. */
  readonly losses: ReadonlySet<string>;
  /** The fewest that were in rotation in any Envoy. */
  fewest(): number;
  looks(): number;
  stop(): Promise<void>;
}

export const cluster = 'pricer';

export function startWatchman(envoys: readonly Envoy[], step: () => string): Watchman {
  const expected = new Set<string>();
  const losses = new Set<string>();
  let fewest = Number.POSITIVE_INFINITY;
  let looks = 0;
  let isStopping = false;

  function check(envoy: string, hosts: readonly HostStatus[]): void {
    const serving = hosts.filter(({ edsHealth }) => edsHealth === 'HEALTHY');
    fewest = Math.min(fewest, serving.length);
    for (const address of expected) {
      if (serving.some((host) => host.address === address)) continue;
      const seen = hosts.find((host) => host.address === address)?.edsHealth ?? 'gone';
      losses.add(`${step()}: ${address} is ${seen} in ${envoy}`);
    }
  }

  async function watch(): Promise<void> {
    while (!isStopping) {
      // Whoever is excused while the answer is on its way is excused.
      for (const envoy of envoys) check(envoy.process.name, await envoy.clusters(cluster));
      looks += 1;
      await sleep(100);
    }
  }
  const ended = watch();

  return {
    expect: (address) => void expected.add(address),
    excuse: (address) => void expected.delete(address),
    losses,
    fewest: () => fewest,
    looks: () => looks,
    async stop() {
      isStopping = true;
      await ended;
    },
  };
}
