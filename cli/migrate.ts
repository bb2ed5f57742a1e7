/** `kubervisor migrate`: policies of the original Kubervisor become policies of ours; what becomes of each field is told. */
import { Command } from 'commander';
import { stringify } from 'yaml';
import { systemClock } from '../engine/clock.ts';
import { createMetricSources } from '../engine/policy/migrate/metric-sources.ts';
import { isOriginal, migrate, originalGroup } from '../engine/policy/migrate/migrate.ts';
import type { Note } from '../engine/policy/migrate/note.ts';
import { selectorNote } from '../engine/policy/migrate/traffic-label.ts';
import { createPolicyParser } from '../engine/policy/parse.ts';
import { formatProblem, type Problem } from '../engine/problem.ts';
import type { Context } from './context.ts';
import { Exit, exitCodes, failure } from './exit.ts';
import { type GivenObject, objectsInCluster, objectsInFiles } from './migrate/given.ts';
import { example, type Format, outputOption, printJson, usage } from './options.ts';
import { printable } from './printable.ts';

interface Options {
  readonly file?: string;
  readonly fromCluster?: true;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly output: Format;
}

export function migrateCommand(context: Context): Command {
  return new Command('kubervisor migrate')
    .description(
      `Print policies of the original Kubervisor (${originalGroup}) as policies of this one. Nothing is changed; the notes about each ` +
        'field go to standard error.',
    )
    .option(
      '-f, --file <file-or-directory>',
      'where the policies, and the Services they are for, are; - is standard input',
    )
    .option('--from-cluster', 'read them from a cluster instead')
    .option('--kubeconfig <file>', 'with --from-cluster; default: as kubectl finds it')
    .option('--context <name>', 'with --from-cluster; default: the current one')
    .option('-n, --namespace <namespace>', 'with --from-cluster: this namespace only')
    .addOption(outputOption())
    .addHelpText(
      'after',
      example('kubervisor migrate -f ./old > policies.yaml', 'kubervisor migrate --from-cluster -n shop -o json'),
    )
    .action((options: Options) => run(options, context));
}

interface Result {
  /** `NAMESPACE/NAME` of the original. */
  readonly name: string;
  readonly place?: string;
  readonly policy?: object;
  readonly notes: readonly Note[];
  /** What is wrong with the new policy, if anything is. */
  readonly problems: readonly Problem[];
}

async function run(options: Options, context: Context): Promise<void> {
  const given = await read(options, context);
  const sources = createMetricSources();
  const parser = createPolicyParser();
  const results = given.flatMap(({ object, name, place }): readonly Result[] => {
    if (isOriginal(object)) {
      const { policy, notes } = migrate(object, sources);
      const outcome = parser.parseObject(policy);
      const problems = outcome.kind === 'refused' ? outcome.problems : [];
      return [{ name, ...(place === undefined ? {} : { place }), policy, notes, problems }];
    }
    const note = selectorNote(object);
    return note === undefined ? [] : [{ name, ...(place === undefined ? {} : { place }), notes: [note], problems: [] }];
  });
  const policies = results.flatMap(({ policy }) => policy ?? []);
  if (policies.length === 0) throw nothingFound(options);
  const config = { metricSources: configOf(sources.urls()) };
  if (options.output === 'json') {
    printJson(context, { policies, results, ...(sources.urls().size === 0 ? {} : { servingConfig: config }) });
  } else {
    context.stdout.write(policies.map((policy) => `---\n${stringify(policy, { lineWidth: 0 })}`).join(''));
    for (const result of results) for (const line of linesOf(result)) context.stderr.write(`${printable(line)}\n`);
    if (sources.urls().size > 0) {
      context.stderr.write(`\nIn the serving config:\n\n${stringify(config, { lineWidth: 0 })}`);
    }
  }
  if (results.some(({ problems }) => problems.length > 0)) throw new Exit(exitCodes.badInput);
  if (results.some(({ notes }) => notes.some(({ needsAttention }) => needsAttention))) {
    throw new Exit(exitCodes.onlyWarnings);
  }
}

function read({ file, fromCluster, ...options }: Options, context: Context): Promise<readonly GivenObject[]> {
  if ((file === undefined) === (fromCluster === undefined)) {
    throw usage('say where the policies are', 'write either -f FILE_OR_DIR or --from-cluster');
  }
  return file === undefined
    ? objectsInCluster(options, systemClock, context.interrupted())
    : objectsInFiles(file, context.stdin);
}

function nothingFound({ file }: Options): Error {
  const message = `${file === undefined ? 'the cluster ' : ''}has no KubervisorService of ${originalGroup}`;
  const remedy = `there is nothing to migrate${file === undefined ? '; policies in files are read with -f DIR' : ''}`;
  return failure({ code: 'KV0736', ...(file === undefined ? {} : { file }), message, remedy }, exitCodes.badInput);
}

function configOf(urls: ReadonlyMap<string, string>): object {
  return Object.fromEntries([...urls].map(([name, url]) => [name, { prometheus: { url } }]));
}

function linesOf({ name, place, notes, problems }: Result): readonly string[] {
  const at = place === undefined ? name : `${place}: ${name}`;
  return [
    ...notes.map(({ field, becomes, why, needsAttention }) => {
      const change = becomes === undefined ? field : `${field} -> ${becomes}`;
      return `${at}: ${needsAttention ? 'look at ' : ''}${change}${why === undefined ? '' : `: ${why}`}`;
    }),
    ...problems.map((problem) => `${at}: ${formatProblem(problem)}`),
  ];
}
