/**
 * Our server as a process of its own, told what to do by lines of JSON on standard input, each answered by one line:
 * the same commands that the Go servers of the benchmark know.
 */
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Assignment } from '../../../engine/assignment/assignment.ts';
import { systemClock } from '../../../engine/clock.ts';
import { growHeapSlowly } from '../../../engine/heap.ts';
import { serviceKey } from '../../../engine/model.ts';
import { createSampledLog } from '../../../engine/telemetry/sampled-log.ts';
import { createAccessLog } from '../../../engine/telemetry/access-log.ts';
import { createLog } from '../../../engine/telemetry/log.ts';
import { createMetrics } from '../../../engine/telemetry/metrics.ts';
import { createXdsCache } from '../../../xds/cache.ts';
import { reportTo } from '../../../xds/report.ts';
import { startXdsServer } from '../../../xds/server.ts';
import { endpointOf, localityOf, portOf } from '../../support/assignments.ts';

type Command =
  | { readonly do: 'load'; readonly sizes: readonly number[] }
  | { readonly do: 'flip'; readonly service: number }
  | { readonly do: 'collect' };

// As `kubervisor serve` does.
growHeapSlowly();
const cache = createXdsCache();
const telemetry = createMetrics({ version: 'bench' });
const { log } = createLog({ level: 'error', sink: { write: () => undefined } });
const access = createAccessLog({ log, metrics: telemetry.access, clock: systemClock });
const observer = reportTo(telemetry.xds, log, createSampledLog(log, systemClock), access);
const server = await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache, observer });
let sizes: readonly number[] = [];
const flipped = new Set<number>();

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(handle(JSON.parse(line) as Command))}\n`);
}
process.exit(0);

function handle(command: Command): object {
  switch (command.do) {
    case 'load':
      sizes = command.sizes;
      cache.publish(sizes.map((_, service) => assignment(service)));
      cache.open();
      return { port: server.port };
    case 'flip': {
      if (!flipped.delete(command.service)) flipped.add(command.service);
      const next = assignment(command.service);
      const atNs = Number(process.hrtime.bigint());
      cache.publish([next]);
      return { atNs };
    }
    case 'collect': {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      collect();
      collect();
      return { detail: JSON.stringify(process.memoryUsage()) };
    }
  }
}

function assignment(service: number): Assignment {
  const endpoints = Array.from({ length: sizes[service] ?? 0 }, (_, i) => {
    const address = `10.${service}.${Math.floor(i / 250)}.${(i % 250) + 1}`;
    return endpointOf(address, { status: i === 0 && flipped.has(service) ? 'DRAINING' : 'HEALTHY' });
  });
  const port = portOf([localityOf(endpoints, { zone: 'zone-a' })]);
  return { service: serviceKey('shop', `service-${service}`), ports: [port] };
}
