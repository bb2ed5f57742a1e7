/** `npm run arena`: see the text of --help. */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { findPart, type PartName } from '../../demo/world/parts.ts';
import { type Played, report, writePage } from './page.ts';
import { contenderNames, type Recording } from './recording.ts';
import { openResults } from './results.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { scoreOf } from './score.ts';

const help = `Plays scenarios of broken pods for four contenders at once, each with Envoys and pods of its own: nothing,
Envoy's outlier detection with its defaults, the same well tuned, and Kubervisor.

  npm run arena                          all; then docs/arena.md and its plots are written
  npm run arena -- --only slow-pod       only scenarios whose names start so; may be repeated; writes no page
  npm run arena -- --list                the scenarios, and which have been recorded
  npm run arena -- --fresh               records again what this source has recorded before
  npm run arena -- --jobs 1              one scenario at a time; default 2
  npm run arena -- -o json               the scores as JSON

What was recorded is kept, so a run that was interrupted goes on where it was. All of it takes 22 minutes.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    output: { type: 'string', short: 'o', default: 'table' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const chosen = scenarios.filter(
  ({ name }) => values.only.length === 0 || values.only.some((prefix) => name.startsWith(prefix)),
);
const jobs = Number(values.jobs);
if (chosen.length === 0) wrong(`there is no scenario ${values.only.join(', ')}; --list shows them`);
if (!Number.isInteger(jobs) || jobs < 1 || jobs > 8) wrong('--jobs is a number from 1 to 8');
if (!['table', 'json'].includes(values.output)) wrong('-o is table or json');

const results = openResults({ fresh: values.fresh && !values.list });
if (values.list) {
  for (const scenario of chosen) {
    const mark = results.get(scenario) === undefined ? ' ' : 'x';
    process.stdout.write(`[${mark}] ${scenario.name.padEnd(20)} ${scenario.title}\n`);
  }
  process.exit(0);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('interrupted')));
const envoy = part('envoy');
const prometheus = part('prometheus');
const waiting = chosen.filter((scenario) => results.get(scenario) === undefined);
const kept = chosen.length - waiting.length;
if (kept > 0) say(`${kept} of ${chosen.length} scenarios have been recorded before by this source`);
const doing = new Map<string, string>();
const toDo = waiting.length;
let done = 0;
// All of them end in order, or their folders would be left behind.
const ends = await Promise.allSettled(Array.from({ length: jobs }, (_, job) => work(job)));
const failed = ends.find((end) => end.status === 'rejected');
if (failed !== undefined) {
  say(failed.reason instanceof Error ? failed.reason.message : String(failed.reason));
  process.exit(1);
}

const played = chosen.flatMap((scenario): readonly Played[] => {
  const recording = results.get(scenario);
  return recording === undefined ? [] : [{ scenario, recording }];
});
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
if (values.only.length === 0) writePage(machine, played);
process.stdout.write(
  values.output === 'json' ? `${JSON.stringify(scores(played))}\n` : `${played.map(report).join('\n\n')}\n`,
);
process.exit(0);

/** Takes the next scenario until there is none. One that fails ends the others. */
async function work(job: number): Promise<void> {
  try {
    await workOff(job);
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

async function workOff(job: number): Promise<void> {
  for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
    const { name } = scenario;
    const recording: Recording = await runScenario(scenario, {
      envoy,
      prometheus,
      firstNetwork: 64 + job * contenderNames.length,
      signal: stop.signal,
      progress: (what, share) => progress(name, `${name} ${Math.floor(100 * share)} % (${what})`),
    });
    results.put(scenario, recording);
    done += 1;
    doing.delete(name);
    say(`${done} of ${toDo}: ${name} is recorded; the latest request was sent ${recording.latestSendMs} ms late`);
  }
}

/** On a terminal one line that changes; elsewhere only what is done is said. */
function progress(name: string, text: string): void {
  doing.set(name, text);
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${[...doing.values()].join(', ')}`);
}

function say(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${line}\n`);
}

function scores(all: readonly Played[]): object {
  return Object.fromEntries(
    all.map(({ scenario, recording }: { readonly scenario: Scenario; readonly recording: Recording }) => [
      scenario.name,
      Object.fromEntries(contenderNames.map((name) => [name, scoreOf(scenario, recording.contenders[name])])),
    ]),
  );
}

function part(name: PartName): string {
  return findPart(name, process.env) ?? wrong(`${name} is not there; fetch it with: npm run setup -- ${name}`);
}

function wrong(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(64);
}
