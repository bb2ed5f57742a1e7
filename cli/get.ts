/** `kubervisor get`: Services, one line each. */
import type { Command } from 'commander';
import type { ServiceView, SuspensionView, WatchResponse } from '../engine/admin/messages.ts';
import type { Context } from './context.ts';
import { tellNote } from './note.ts';
import { example, printJson, readCommand } from './options.ts';
import { printable } from './printable.ts';
import { openReader, type ReaderOptions } from './reader.ts';
import { breakersTable, groupsTable, servicesTable } from './service-table.ts';
import { fitTo } from './table.ts';

interface Options extends ReaderOptions {
  readonly watch?: true;
}

export function getCommand(context: Context): Command {
  return readCommand('get', context)
    .description('Show Services: how many of each serve, how many may still go, and what is unusual.')
    .argument('[NAMESPACE/SERVICE]', 'one Service, with its breakers')
    .option('-w, --watch', 'go on with each change')
    .addHelpText(
      'after',
      example(
        'kubervisor get',
        'kubervisor get -n shop -w',
        'kubervisor get shop/pricer -o json',
        'kubervisor get -A --context prod',
      ),
    )
    .action((service: string | undefined, options: Options) =>
      options.watch === true ? watch(service, options, context) : show(service, options, context),
    );
}

async function show(service: string | undefined, options: Options, context: Context): Promise<void> {
  const reader = await openReader(service, options, context);
  const fit = fitTo(context.stdout);
  if (service !== undefined) {
    const response = await reader.get();
    if (options.output === 'json') return printJson(context, response);
    tellSuspension(response.service.suspension, context);
    context.stdout.write(servicesTable([response.service], fit));
    context.stdout.write(breakersTable(response.service, context.now(), fit));
    context.stdout.write(groupsTable(response.service, fit));
    tellNote(reader.note(response.replica), context.stderr);
    return;
  }
  const response = await reader.list();
  if (options.output === 'json') return printJson(context, response);
  const { services, suspension } = response;
  tellSuspension(suspension, context);
  const { namespace } = reader.scope;
  if (services.length === 0) context.stderr.write(`no Services${namespace === undefined ? '' : ` in ${namespace}`}\n`);
  else context.stdout.write(servicesTable(services, fit));
  if (services.length > 0) tellNote(reader.note(response.replica), context.stderr);
}

function tellSuspension(suspension: SuspensionView | undefined, { stderr }: Context): void {
  if (suspension === undefined) return;
  const { scope, actor, sinceTime, reason } = suspension;
  const what = scope === 'everything' ? 'everything' : 'the Service';
  stderr.write(`${what} is suspended since ${sinceTime} by ${printable(actor)}: ${printable(reason)}\n`);
}

async function watch(service: string | undefined, options: Options, context: Context): Promise<void> {
  const { stdout } = context;
  const reader = await openReader(service, options, context);
  const present = new Map<string, ServiceView>();
  let isComplete = false;
  for await (const event of reader.watch()) {
    const previous = present.get(event.key);
    note(present, event);
    isComplete ||= event.current;
    if (options.output === 'json') stdout.write(`${JSON.stringify(event)}\n`);
    else if (stdout.isTerminal) {
      // Drawn only once all is there: a screen that fills line by line looks like a fleet that grows.
      if (isComplete) stdout.write(`\x1b[H\x1b[J${servicesTable([...present.values()], fitTo(stdout))}`);
    } else if (event.current) stdout.write(servicesTable([...present.values()]));
    else if (isComplete) stdout.write(lineOf(event, previous));
  }
}

function note(present: Map<string, ServiceView>, { key, service, gone }: WatchResponse): void {
  if (service !== undefined) present.set(key, service);
  else if (gone) present.delete(key);
}

/** For a pipe: what changed, one line each. Evaluations that change nothing on the line are not worth one. */
function lineOf({ key, service }: WatchResponse, previous: ServiceView | undefined): string {
  if (service === undefined) return `${key}  gone\n`;
  const line = servicesTable([service], { header: false });
  return previous !== undefined && servicesTable([previous], { header: false }) === line ? '' : line;
}
