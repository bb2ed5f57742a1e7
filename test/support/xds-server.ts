/** A real xDS server on a port of its own, and raw clients for it: gone when the test is. */
import { onTestFinished } from 'vitest';
import type { Assignment } from '../../engine/assignment/assignment.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer, type XdsServerOptions } from '../../xds/server.ts';
import { type ClientTls, connectXds, type XdsClient } from './xds-client.ts';

export interface TestServer extends XdsServer {
  readonly cache: XdsCache;
  /** A client with a connection of its own. */
  connect(tls?: ClientTls): XdsClient;
}

/** Serves the assignments given, at once. */
export async function xdsServer(
  assignments: readonly Assignment[],
  options: Partial<XdsServerOptions> = {},
): Promise<TestServer> {
  const cache = options.cache ?? createXdsCache();
  if (options.cache === undefined) {
    cache.publish(assignments);
    cache.open();
  }
  const server = await startXdsServer({
    listen: { host: '127.0.0.1', port: 0 },
    ...options,
    limits: { stopGraceMs: 100, ...options.limits },
    cache,
  });
  onTestFinished(() => server.stop());
  return {
    ...server,
    cache,
    connect(tls) {
      const client = connectXds(server.port, tls);
      onTestFinished(() => client.stop());
      return client;
    },
  };
}
