/** How each Envoy sees its endpoints, asked of itself: what somebody claims to have ejected does not count. */
import type { Envoy, HostStatus } from '../../demo/world/envoy.ts';
import { endpointsName, fullWeight, type Pod } from './fleet.ts';
import type { View } from './recording.ts';

export interface Watch {
  readonly views: readonly View[];
  stop(): Promise<void>;
}

/** Of so many Envoys each is asked less often: all of them together are asked this many times a second. */
const asksPerSecond = 20;
const leastPauseMs = 200;

export function watchEnvoys(envoys: readonly Envoy[], pods: readonly Pod[], elapsedMs: () => number): Watch {
  const stopped = new AbortController();
  const views: View[] = [];
  const watching = envoys.map(async (envoy, index) => {
    let last = '';
    while (!stopped.signal.aborted) {
      const hosts = await envoy.clusters(endpointsName);
      const shares = pods.map((pod) => shareOf(hosts.find(({ address }) => address.startsWith(`${pod.address}:`))));
      const seen = JSON.stringify(shares);
      if (seen !== last) views.push({ atMs: last === '' ? 0 : Math.round(elapsedMs()), envoy: index, shares });
      last = seen;
      const pauseMs = Math.max(leastPauseMs, (1000 * envoys.length) / asksPerSecond);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  });
  return {
    views,
    async stop() {
      stopped.abort();
      await Promise.all(watching);
    },
  };
}

function shareOf(host: HostStatus | undefined): number | null {
  if (host === undefined) return null;
  return host.isOutlier || host.edsHealth !== 'HEALTHY' ? 0 : host.weight / fullWeight;
}
