/** The real gRPC client for Node, whose connection to us grows old while it calls its backends. */
import { expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { assignmentOf } from '../support/assignments.ts';
import { usePrograms } from '../support/programs.ts';
import { xdsServer } from '../support/xds-server.ts';
import { startGrpcBackends, startGrpcClient, startListenerServer } from './grpc-mesh.ts';

const timeoutMs = 20_000;
const programs = usePrograms();

test('it connects anew, no call fails for that, and it hears what changes then', async () => {
  const backends = programs.keep(await startGrpcBackends(['a', 'b']));
  const server = await xdsServer([assignmentOf('pricer', backends.endpoint('a'), backends.endpoint('b'))], {
    limits: { maxConnectionAgeMs: 500, maxConnectionAgeGraceMs: 100 },
  });
  const listeners = programs.keep(await startListenerServer('shop/pricer:http'));
  const client = programs.keep(
    startGrpcClient({ xdsPort: server.port, listenerPort: listeners.port, nodeId: 'ageing', locality: { zone: 'a' } }),
  );
  const addresses = new Set<string>();
  const answers = new Set<string>();
  await eventually(
    async () => {
      for (const who of Object.keys(await client.tally(10))) answers.add(who);
      for (const { address } of server.proxies()) addresses.add(address);
      return addresses.size >= 3;
    },
    { timeoutMs },
  );
  expect([...answers].toSorted()).toEqual(['a', 'b']);
  server.cache.publish([assignmentOf('pricer', backends.endpoint('b'))]);
  await eventually(async () => Object.keys(await client.tally(10)).join() === 'b', { timeoutMs });
});
