/**
 * npm run bench -- [start] [latency] [demo] [engine] [judging] [away] [silent] [failover] [replicas] [cluster]
 *   [api-server-away] [--runs N] [-o json]
 * npm run bench -- xds [--quick] [--only PREFIX]... [--fresh] [-o json]
 * npm run bench -- soak [--runs UPDATES] [-o json]
 * npm run bench -- false-alarms [--runs WINDOWS] [-o json]
 *
 * Measures on this machine and prints; no figure ever fails anything. Without a name: start and latency. `xds` compares
 * our server with go-control-plane's, which takes a quarter of an hour; a whole run writes docs/performance.md.
 */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { benchApiServerAway } from './api-server-away.ts';
import { benchAway } from './away.ts';
import { benchCluster } from './cluster.ts';
import { benchDemo } from './demo.ts';
import { benchEngine } from './engine.ts';
import { benchFalseAlarms, falseAlarmsReport, writeFalseAlarms } from './false-alarms-page.ts';
import { benchFailover } from './failover.ts';
import { type Figure, summarise, table } from './figures.ts';
import { benchJudging } from './judging.ts';
import { benchLatency } from './latency.ts';
import { benchReplicas } from './replicas.ts';
import { benchSilent } from './silent.ts';
import { benchStart } from './start.ts';
import { benchSoak, soakReport } from './soak/bench.ts';
import { benchXds } from './xds/bench.ts';
import { markdown, writePage } from './xds/page.ts';

interface Bench {
  readonly defaultRuns: number;
  readonly run: (runs: number) => Promise<readonly Figure[]>;
}

const benches: ReadonlyMap<string, Bench> = new Map([
  ['start', { defaultRuns: 5, run: benchStart }],
  ['latency', { defaultRuns: 100, run: benchLatency }],
  ['demo', { defaultRuns: 5, run: benchDemo }],
  ['engine', { defaultRuns: 3, run: benchEngine }],
  ['judging', { defaultRuns: 1000, run: benchJudging }],
  // Twelve minutes.
  ['away', { defaultRuns: 1, run: benchAway }],
  ['failover', { defaultRuns: 10, run: benchFailover }],
  ['silent', { defaultRuns: 1, run: benchSilent }],
  ['replicas', { defaultRuns: 50, run: benchReplicas }],
  ['cluster', { defaultRuns: 3, run: benchCluster }],
  // Twelve minutes.
  ['api-server-away', { defaultRuns: 1, run: benchApiServerAway }],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    output: { type: 'string', short: 'o', default: 'table' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    fresh: { type: 'boolean', default: false },
  },
});
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
if (positionals.length === 1 && positionals[0] === 'xds') {
  const measured = await benchXds(values);
  if (!values.quick && values.only.length === 0) writePage(machine, measured);
  process.stdout.write(
    `${values.output === 'json' ? JSON.stringify({ machine, measured }) : markdown(machine, measured)}\n`,
  );
  process.exit(0);
}
if (positionals.length === 1 && positionals[0] === 'soak') {
  const result = await benchSoak(Number(values.runs ?? 1_000_000));
  process.stdout.write(
    `${values.output === 'json' ? JSON.stringify({ machine, result }) : soakReport(machine, result)}\n`,
  );
  process.exit(0);
}
if (positionals.length === 1 && positionals[0] === 'false-alarms') {
  const results = benchFalseAlarms(values.runs === undefined ? undefined : Number(values.runs));
  if (values.runs === undefined) writeFalseAlarms(results);
  process.stdout.write(`${values.output === 'json' ? JSON.stringify(results) : falseAlarmsReport(results)}\n`);
  process.exit(0);
}
const chosen = positionals.length === 0 ? ['start', 'latency'] : positionals;
const unknown = chosen.filter((name) => !benches.has(name));
if (unknown.length > 0) {
  process.stderr.write(
    `there is no benchmark ${unknown.join(', ')}; there is ${[...benches.keys()].join(', ')}, and xds, soak or false-alarms by itself\n`,
  );
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
process.stdout.write(
  values.output === 'json'
    ? `${JSON.stringify({ machine, figures: summaries })}\n`
    : `${machine}\n\n${table(summaries)}\n`,
);
