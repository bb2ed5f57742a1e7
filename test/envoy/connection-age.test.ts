/** A real Envoy whose connection to us grows old: it comes back by a new one, and nothing of what it has changes. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { assignmentOf } from '../support/assignments.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { type Backends, startBackends, tally } from './backends.ts';
import { edsBootstrap, listenerName } from './bootstrap.ts';

const cluster = 'shop/pricer:http';
const timeoutMs = 20_000;

describeWith(['envoy'], 'an Envoy whose connection grows old', ({ envoy: executable }) => {
  describe.each(['sotw', 'delta on ads'] as const)('by %s', (way) => {
    const programs = usePrograms();
    let backends: Backends<'a' | 'b'>;
    let cache: XdsCache;
    let server: XdsServer;
    let envoy: Envoy;

    beforeAll(async () => {
      backends = programs.keep(await startBackends(['a', 'b']));
      cache = createXdsCache();
      cache.publish([assignmentOf('pricer', backends.endpoint('a'), backends.endpoint('b'))]);
      cache.open();
      server = await startXdsServer({
        listen: { host: '127.0.0.1', port: 0 },
        cache,
        limits: { stopGraceMs: 500, maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 200 },
      });
      programs.keep({ stop: () => server.stop() });
      envoy = await programs.envoy({
        executable,
        name: 'ageing',
        bootstrap: edsBootstrap({ way, xdsPort: server.port, clusters: [cluster] }),
        args: ['--log-level', 'debug'],
      });
    });

    it('connects anew, keeps its endpoints, and has nothing to complain of', async () => {
      const url = (await envoy.listener(listenerName)) ?? '';
      const stat = async (name: string): Promise<number> =>
        (await envoy.stats(`cluster.${cluster.replaceAll(':', '_')}.${name}`)) ?? 0;
      const changes = await stat('membership_change');
      const seen = new Set<string>();
      await eventually(
        () => {
          for (const { address } of server.proxies()) seen.add(address);
          return seen.size >= 3;
        },
        { timeoutMs },
      );
      expect(await tally(url, 4)).toEqual({ a: 2, b: 2 });
      expect(await stat('membership_change')).toBe(changes);
      cache.publish([assignmentOf('pricer', backends.endpoint('a'))]);
      await eventually(async () => (await envoy.clusters(cluster)).length === 1, { timeoutMs });
      // Of a stream that is cut it writes: [warning][config] ... gRPC config stream to kubervisor closed: 13.
      expect(envoy.process.log().match(/^.*\[(warning|error|critical)\]\[config\].*$/gm)).toBeNull();
    });
  });
});
