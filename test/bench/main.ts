/**
 * npm run bench -- [start] [latency] [demo] [--runs N] [-o json]
 *
 * Measures on this machine and prints; no figure ever fails anything. Without a name: start and latency.
 */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { benchDemo } from './demo.ts';
import { type Figure, summarise, table } from './figures.ts';
import { benchLatency } from './latency.ts';
import { benchStart } from './start.ts';

interface Bench {
  readonly defaultRuns: number;
  readonly run: (runs: number) => Promise<readonly Figure[]>;
}

const benches: ReadonlyMap<string, Bench> = new Map([
  ['start', { defaultRuns: 5, run: benchStart }],
  ['latency', { defaultRuns: 100, run: benchLatency }],
  ['demo', { defaultRuns: 5, run: benchDemo }],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string' }, output: { type: 'string', short: 'o', default: 'table' } },
});
const chosen = positionals.length === 0 ? ['start', 'latency'] : positionals;
const unknown = chosen.filter((name) => !benches.has(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no benchmark ${unknown.join(', ')}; there is ${[...benches.keys()].join(', ')}\n`);
  process.exit(64);
}

const figures: Figure[] = [];
for (const name of chosen) {
  const bench = benches.get(name);
  if (bench === undefined) continue;
  process.stderr.write(`${name} ...\n`);
  figures.push(...(await bench.run(values.runs === undefined ? bench.defaultRuns : Number(values.runs))));
}
const summaries = figures.map(summarise);
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
process.stdout.write(
  values.output === 'json'
    ? `${JSON.stringify({ machine, figures: summaries })}\n`
    : `${machine}\n\n${table(summaries)}\n`,
);
