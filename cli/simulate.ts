/** `kubervisor simulate`: what a policy would have done, from the history of its metrics. Needs no server. */
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../engine/clock.ts';
import { loadConfig, parseConfig } from '../engine/config.ts';
import type { PrometheusSettings } from '../engine/metrics/config.ts';
import { prometheusSettings } from '../engine/metrics/settings.ts';
import { compare, type Comparison } from '../engine/simulate/compare.ts';
import { type Run, simulate, type SimulationOptions } from '../engine/simulate/simulate.ts';
import { suggest, type Suggested } from '../engine/simulate/suggest/suggest.ts';
import type { Incident } from '../engine/simulate/suggest/suggestion.ts';
import type { Context } from './context.ts';
import { Exit, exitCodes, failure } from './exit.ts';
import { readLintInput } from './lint-input.ts';
import { example, type Format, outputOption, printJson, readSeconds } from './options.ts';
import { simulationPage } from './simulate/html.ts';
import { createProgressBar } from './simulate/progress.ts';
import { suggestionsText } from './simulate/suggestion-text.ts';
import { comparisonText, type OtherPolicy, simulationText } from './simulate/text.ts';
import { fitTo } from './table.ts';

interface Options {
  readonly file: string;
  readonly against?: string;
  readonly since: number;
  readonly until?: number;
  readonly source?: string;
  readonly config?: string;
  readonly suggest?: boolean;
  readonly incident?: readonly Incident[];
  readonly html?: string;
  readonly output: Format;
}

export function simulateCommand(context: Context): Command {
  return new Command('kubervisor simulate')
    .description(
      'Replay policies over the history of their metrics, through the engine itself: who would have been out.',
    )
    .requiredOption(
      '-f, --file <file-or-directory>',
      'policies, with their Services and EndpointSlices if you have them',
    )
    .addOption(new Option('--since <duration>', 'how far back').argParser(readSeconds).default(6 * 3600, '6h'))
    .option('--until <time>', 'where it ends, such as 2026-01-31T12:00:00Z; without it, now', readTime)
    .addOption(new Option('--source <url>', 'a Prometheus, for all sources of the policies').conflicts('config'))
    .option('--config <file>', 'serving config with the metric sources, their credentials and the timing')
    .option('--against <file-or-directory>', 'policies to compare with, over the same history')
    .addOption(
      new Option('--suggest', 'bounds for the breakers, with the false alarms that each would have had').conflicts(
        'against',
      ),
    )
    .addOption(
      new Option('--incident <from/to>', 'with --suggest: something was wrong then; may be given again')
        .argParser(readIncident)
        .implies({ suggest: true })
        .conflicts('against'),
    )
    .option('--html <file>', 'write a report with plots, in one file')
    .addOption(outputOption(['table', 'wide', 'json']))
    .addHelpText(
      'after',
      example(
        'kubervisor simulate -f pricer.yaml --since 6h --source http://127.0.0.1:9090',
        'kubervisor simulate -f ./config --config kubervisor.yaml --against ./stricter --html report.html',
        'kubervisor simulate -f pricer.yaml --since 24h --suggest --incident 2026-01-31T12:00:00Z/2026-01-31T12:20:00Z',
      ),
    )
    .action((options: Options) => run(options, context));
}

async function run(options: Options, context: Context): Promise<void> {
  const signal = context.interrupted();
  const { settings, timing, maxEjectionsPerMinute } = await readSources(options, signal);
  const now = context.now();
  const main = await readRun(options.file, now);
  const other = options.against === undefined ? undefined : await readRun(options.against, now);
  if (other !== undefined) mustShare(main, other);
  const untilMs = options.until ?? now;
  const progress = createProgressBar(context.stderr);
  const common = {
    period: { fromMs: untilMs - options.since * 1000, untilMs },
    settings,
    timing,
    maxEjectionsPerMinute,
    clock: systemClock,
    signal,
    onProgress: ({ stage, share }) => progress.show(stage, share),
  } satisfies Omit<SimulationOptions, 'runs'>;
  const outcome = await outcomeOf(options, main, other, common).finally(() => progress.end());
  if (outcome === undefined) return;
  const { simulation, against, suggestions } = outcome;
  const comparisons = against === undefined ? [] : compare(simulation.report, against.report);
  const which: OtherPolicy = options.suggest === true ? 'suggested' : 'against';
  if (options.html !== undefined) {
    await write(options.html, simulationPage({ simulation, against, other: which, comparisons, suggestions }));
  }
  print(options, context, outcome, comparisons, which);
}

async function outcomeOf(
  options: Options,
  main: Run,
  other: Run | undefined,
  common: Omit<SimulationOptions, 'runs'>,
): Promise<Suggested | undefined> {
  if (options.suggest === true) return suggest({ ...common, run: main, incidents: options.incident ?? [] });
  // Whoever compares policies has one set of files that says who is there.
  const others = other === undefined ? [] : [{ ...other, fleets: new Map([...main.fleets, ...other.fleets]) }];
  const [simulation, against] = await simulate({ ...common, runs: [main, ...others] });
  if (simulation === undefined) return undefined;
  return { simulation, suggestions: [], ...(against === undefined ? {} : { against }) };
}

function print(
  { output, suggest: isSuggesting }: Options,
  context: Context,
  { simulation: { report }, against, suggestions }: Suggested,
  comparisons: readonly Comparison[],
  which: OtherPolicy,
): void {
  if (output === 'json') {
    const differences = comparisons.map(({ service, onlyOne, onlyOther }) => ({ service, onlyOne, onlyOther }));
    return printJson(context, {
      ...report,
      ...(isSuggesting === true ? { suggestions } : {}),
      ...(against === undefined ? {} : { [which]: against.report, differences }),
    });
  }
  const tables = { ...fitTo(context.stdout), wide: output === 'wide' };
  context.stdout.write(simulationText(report, tables));
  context.stdout.write(suggestionsText(suggestions, tables));
  if (against !== undefined) context.stdout.write(comparisonText(comparisons, which, tables));
}

/** @throws Exit for policies that `serve` would not accept, with what is wrong with them. */
async function readRun(path: string, now: number): Promise<Run> {
  const { policies, fleets, problems } = await readLintInput(path, now);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Exit(exitCodes.badInput, ...errors);
  if (policies.length === 0) {
    throw failure({ code: 'KV0748', file: path, message: 'there is no policy to simulate' }, exitCodes.badInput);
  }
  return { policies, fleets };
}

function mustShare({ policies }: Run, other: Run): void {
  const services = new Set(policies.map(({ service }) => service));
  if (other.policies.some(({ service }) => services.has(service))) return;
  const message = 'no Service has a policy both in -f and in --against';
  throw failure({ code: 'KV0748', message }, exitCodes.badInput);
}

interface Sources {
  readonly settings: (source: string) => PrometheusSettings | undefined;
  readonly timing: Awaited<ReturnType<typeof loadConfig>>['timing'];
  readonly maxEjectionsPerMinute: number;
}

async function readSources({ source, config: file }: Options, signal: AbortSignal): Promise<Sources> {
  const config = file === undefined ? parseConfig('source: {files: .}', 'default') : await loadConfig(file, signal);
  const { timing, maxEjectionsPerMinute, metricSources } = config;
  if (source === undefined) return { settings: (name) => metricSources.get(name), timing, maxEjectionsPerMinute };
  const result = prometheusSettings({ url: source }, '--source');
  if (result.kind === 'invalid') {
    throw new Exit(exitCodes.usage, ...result.problems.map((problem) => ({ ...problem, field: '--source' })));
  }
  return { settings: () => result.settings, timing, maxEjectionsPerMinute };
}

function readTime(text: string): number {
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw new InvalidArgumentError('write a time such as 2026-01-31T12:00:00Z.');
  return timeMs;
}

/** May be given several times. */
function readIncident(text: string, before: readonly Incident[] = []): readonly Incident[] {
  const [from = '', to = '', ...rest] = text.split('/');
  const [fromMs, untilMs] = [Date.parse(from), Date.parse(to)];
  // Of NaN nothing is true.
  if (rest.length > 0 || !(fromMs <= untilMs)) {
    throw new InvalidArgumentError('write two times, such as 2026-01-31T12:00:00Z/2026-01-31T12:20:00Z.');
  }
  return [...before, { fromMs, untilMs }];
}

async function write(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw failure({ code: 'KV0749', file, message: `the report cannot be written: ${reason}` });
  }
}
