/**
 * The server of a soak in a process of its own, so that its memory is its own. Told what to do by lines of JSON on
 * standard input, each answered by one line. Run with --expose-gc.
 */
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createXdsCache } from '../../../xds/cache.ts';
import { startXdsServer } from '../../../xds/server.ts';
import { createPublisher } from './publisher.ts';
import { roundOf } from './updates.ts';

type Command =
  | { readonly do: 'begin' }
  | { readonly do: 'rounds'; readonly from: number; readonly to: number }
  | { readonly do: 'sample' };

/** What is there when everything that can be collected is. */
export interface SoakSample {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
  readonly pushed: number;
  readonly nacked: number;
  readonly opened: number;
  readonly open: number;
  readonly watchedNames: number;
}

const services = Number(process.argv[2]);
const cache = createXdsCache();
const publisher = createPublisher(cache, services);
cache.publish(roundOf(0, services).changes);
cache.open();
const server = await startXdsServer({
  listen: { host: '127.0.0.1', port: 0 },
  cache,
  observer: publisher.observer,
  // Those who follow steadily do not come back, and each round waits for all of them.
  limits: { maxConnectionAgeMs: 0 },
});

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await handle(JSON.parse(line) as Command))}\n`);
}
process.exit(0);

async function handle(command: Command): Promise<object> {
  switch (command.do) {
    case 'begin':
      return { port: server.port };
    case 'rounds':
      await publisher.followed();
      for (let n = command.from; n < command.to; n++) await publisher.round(n);
      return {};
    case 'sample':
      return sample();
  }
}

async function sample(): Promise<SoakSample> {
  // What the last round left to be done is done, and what that left to be collected is collected.
  for (let turn = 0; turn < 2; turn++) {
    await nextTurn();
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const { pushed, nacked, opened, open } = publisher.counts;
  const { watchedNames } = server.census();
  return { heapBytes: heapUsed, externalBytes: external, rssBytes: rss, pushed, nacked, opened, open, watchedNames };
}
