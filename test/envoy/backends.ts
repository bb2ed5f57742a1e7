/** Tiny HTTP backends on loopback ports, each of which answers with its name. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import { endpointOf } from '../support/assignments.ts';

export interface Backends<Name extends string> {
  /** The endpoint of a backend, healthy and of full weight unless changed. */
  endpoint(name: Name, change?: Partial<AssignedEndpoint>): AssignedEndpoint;
  stop(): Promise<void>;
}

export async function startBackends<Name extends string>(names: readonly Name[]): Promise<Backends<Name>> {
  const servers = new Map(names.map((name) => [name, createServer((_, response) => void response.end(name))]));
  const all = [...servers.values()];
  await Promise.all(all.map((server) => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))));
  return {
    endpoint: (name, change) => {
      const { port } = (servers.get(name) as Server).address() as AddressInfo;
      return endpointOf('127.0.0.1', { port, ...change });
    },
    async stop() {
      for (const server of all) server.closeAllConnections();
      await Promise.all(all.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** Who answered how many of so many requests, one after the other. */
export async function tally(
  url: string,
  requests: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let sent = 0; sent < requests; sent++) {
    const answer = await fetch(url, { headers });
    const who = answer.ok ? await answer.text() : `status ${answer.status}`;
    counts[who] = (counts[who] ?? 0) + 1;
  }
  return counts;
}
