/** One scenario on one server, from the start of its process to the end of it. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Actor, startActor } from './actor.ts';
import { type Scenario, type ServerName, servicesOf } from './scenarios.ts';
import { cpuMs, rssMiB, untilQuiet } from './usage.ts';

export interface Measurement {
  /** From the first connection to the first answer on the last stream. */
  readonly servedMs: number;
  /** What that cost. */
  readonly servedCpuMs: number;
  /** Meanwhile. */
  readonly servedHealth: Health;
  /** Per second in which nothing happens. */
  readonly idleCpuMs: number;
  readonly flips: readonly Flip[];
  /** Of all flips together: user and system time until all is acknowledged. */
  readonly flipsCpuMs: number;
  /** To subscribers, during the flips. */
  readonly messages: number;
  /** To all others. */
  readonly strays: number;
  readonly bytesPerMessage: number;
  readonly health: Health;
  readonly memory: Memory;
  readonly storm?: Storm;
}

/** When the subscribers had it, from the change on. */
interface Flip {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lastMs: number;
}

/** Of a question every 50 ms. */
interface Health {
  readonly probes: number;
  readonly failed: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Resident memory of the process. */
interface Memory {
  /** Loaded, without clients. */
  readonly emptyMiB: number;
  /** Connected and quiet, before any flip. */
  readonly connectedMiB: number;
  /** After the flips, as it is. */
  readonly usedMiB: number;
  /** After a full collection that hands back what it can. */
  readonly collectedMiB: number;
}

interface Storm {
  /** From the cut to the first answer on the last new stream. */
  readonly servedMs: number;
  readonly health: Health;
}

const timeoutMs = 90_000;

export async function measure(scenario: Scenario, name: ServerName, bench: string): Promise<Measurement> {
  const server = startServer(name, bench);
  const client = startActor(bench, ['client']);
  try {
    return await play(scenario, server, client);
  } finally {
    await client.end();
    await server.end();
  }
}

function startServer(name: ServerName, bench: string): Actor {
  if (name !== 'kubervisor') return startActor(bench, ['server', name]);
  return startActor(process.execPath, [join(import.meta.dirname, 'server.ts')]);
}

async function play(scenario: Scenario, server: Actor, client: Actor): Promise<Measurement> {
  const sizes = Array.from({ length: scenario.services }, () => scenario.endpoints);
  const { port } = await server.say<{ readonly port: number }>({ do: 'load', sizes });
  await server.say({ do: 'collect' });
  await untilQuiet(server.pid);
  const emptyMiB = rssMiB(server.pid);

  const open = (): Promise<{ readonly servedMs: number }> =>
    client.say({
      do: 'open',
      port,
      timeoutMs,
      variant: scenario.variant,
      services: servicesOf(scenario),
      connections: scenario.connections,
      stalled: scenario.stalled,
      envoyNode: scenario.envoyNode,
    });
  const beforeOpenMs = cpuMs(server.pid);
  await client.say({ do: 'probe', port });
  const { servedMs } = await open();
  const servedHealth = await client.say<Health>({ do: 'probed' });
  await untilQuiet(server.pid);
  const servedCpuMs = cpuMs(server.pid) - beforeOpenMs;
  const connectedMiB = rssMiB(server.pid);

  const beforeIdleMs = cpuMs(server.pid);
  await sleep(scenario.idleMs);
  const idleCpuMs = ((cpuMs(server.pid) - beforeIdleMs) * 1000) / scenario.idleMs;

  const flipped = await flip(scenario, server, client, port);
  const usedMiB = rssMiB(server.pid);
  await server.say({ do: 'collect' });
  await untilQuiet(server.pid);
  const memory = { emptyMiB, connectedMiB, usedMiB, collectedMiB: rssMiB(server.pid) };
  const measured = { servedMs, servedCpuMs, servedHealth, idleCpuMs, ...flipped, memory };
  if (!scenario.storm) return measured;

  await client.say({ do: 'probe', port });
  await client.say({ do: 'close' });
  const again = await open();
  const health = await client.say<Health>({ do: 'probed' });
  return { ...measured, storm: { servedMs: again.servedMs, health } };
}

type Flipped = Pick<Measurement, 'flips' | 'flipsCpuMs' | 'messages' | 'strays' | 'bytesPerMessage' | 'health'>;

async function flip(scenario: Scenario, server: Actor, client: Actor, port: number): Promise<Flipped> {
  const expect = scenario.subscribers - scenario.stalled;
  const count = (): Promise<{ readonly messages: number; readonly bytes: number; readonly strays: number }> =>
    client.say({ do: 'received' });
  await client.say({ do: 'probe', port });
  const before = await count();
  const beforeMs = cpuMs(server.pid);
  const flips: Flip[] = [];
  for (let i = 0; i < scenario.flips; i++) {
    await client.say({ do: 'arm', service: 0, expect });
    const { atNs } = await server.say<{ readonly atNs: number }>({ do: 'flip', service: 0 });
    flips.push(await client.say<Flip>({ do: 'wait', atNs, timeoutMs }));
    await untilQuiet(server.pid);
  }
  const flipsCpuMs = cpuMs(server.pid) - beforeMs;
  const after = await count();
  const health = await client.say<Health>({ do: 'probed' });
  const all = after.messages - before.messages;
  const strays = after.strays - before.strays;
  return {
    flips,
    flipsCpuMs,
    messages: all - strays,
    strays,
    bytesPerMessage: (after.bytes - before.bytes) / all,
    health,
  };
}
