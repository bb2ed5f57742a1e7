/** Tiny HTTP backends on loopback ports, each of which answers with its name. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import { endpointOf } from '../support/assignments.ts';

export interface Backends<Name extends string> {
  /** The endpoint of a backend, healthy and of full weight unless changed. */
  endpoint(name: Name, change?: Partial<AssignedEndpoint>): AssignedEndpoint;
  /** Nobody listens there any more. */
  end(name: Name): Promise<void>;
  stop(): Promise<void>;
}

export async function startBackends<Name extends string>(names: readonly Name[]): Promise<Backends<Name>> {
  const servers = new Map(names.map((name) => [name, createServer((_, response) => void response.end(name))]));
  const all = [...servers.values()];
  await Promise.all(all.map((server) => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))));
  const ports = new Map([...servers].map(([name, server]) => [name, (server.address() as AddressInfo).port]));
  const end = async (server: Server | undefined): Promise<void> => {
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  };
  return {
    endpoint: (name, change) => endpointOf('127.0.0.1', { port: ports.get(name) as number, ...change }),
    end: (name) => end(servers.get(name)),
    stop: async () => void (await Promise.all(all.map(end))),
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
