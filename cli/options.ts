/** What many commands take. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { formatDuration, parseDurationMs } from '../engine/policy/duration.ts';
import { type Fields, fieldsOf } from '../engine/is-record.ts';
import { isReason, longestReason } from '../engine/admin/check.ts';
import { longestActMs } from '../engine/rotation/context.ts';
import type { ConnectionOptions } from './client.ts';
import type { Context } from './context.ts';
import { exitCodes, failure } from './exit.ts';

export type Format = 'table' | 'wide' | 'json';

export interface ServerOptions extends ConnectionOptions {
  readonly output: Format;
}

export interface ServiceOptions extends ServerOptions {
  readonly namespace?: string;
}

/** A command that talks to a server. */
function serverCommand(name: string, context: Context, formats: readonly Format[] = ['table', 'json']): Command {
  return new Command(`kubervisor ${name}`)
    .option('--server <url>', 'where the admin API is; environment KUBERVISOR_SERVER', context.defaultServer)
    .option('--token-file <file>', 'file with the bearer token')
    .option('--ca-file <file>', 'PEM of the authority that signed the certificate of the server')
    .option('--cert-file <file>', 'PEM of our client certificate')
    .option('--key-file <file>', 'PEM of its key')
    .addOption(outputOption(formats));
}

/** A command about Services, to a server. */
export function serviceCommand(name: string, context: Context, formats?: readonly Format[]): Command {
  return serverCommand(name, context, formats).option('-n, --namespace <namespace>', 'namespace of the Service');
}

/** A command about Services, to a server or to a cluster: by its API server, with the rights of who asks. */
export function clusterCommand(name: string, context: Context, formats?: readonly Format[]): Command {
  return serviceCommand(name, context, formats)
    .addOption(new Option('--context <name>', 'ask the cluster of this context').conflicts('server'))
    .addOption(new Option('--kubeconfig <file>', 'ask the cluster of this kubeconfig').conflicts('server'));
}

/** A command that reads: of a cluster, also everything. */
export function readCommand(name: string, context: Context, formats?: readonly Format[]): Command {
  return withReplicas(clusterCommand(name, context, formats)).option('-A, --all-namespaces', 'of all namespaces');
}

/** The replicas of a cluster, where they are not where the chart puts them. */
export function withReplicas(command: Command): Command {
  return command
    .option('--controller-namespace <namespace>', 'with --context: where Kubervisor runs', 'kubervisor')
    .option('--lease <name>', 'with --context: name of its Lease', 'kubervisor');
}

export function outputOption(formats: readonly Format[] = ['table', 'json']): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default('table' satisfies Format);
}

export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** `shop/pricer`, or `pricer` with -n shop. */
export function readService(text: string, namespace: string | undefined): ServiceName {
  const [first = '', second, ...rest] = text.split('/');
  const named = second === undefined ? { namespace, name: first } : { namespace: first, name: second };
  if (rest.length > 0 || named.name === '' || named.namespace === undefined || named.namespace === '') {
    throw usage(`${text} is not NAMESPACE/SERVICE`, 'write shop/pricer, or pricer with -n shop');
  }
  if (second !== undefined && namespace !== undefined && namespace !== first) {
    throw usage(`${text} is not in the namespace ${namespace} of -n`, 'leave -n out');
  }
  return { namespace: named.namespace, name: named.name };
}

/** Path of a Service in the API. */
export function servicePath({ namespace, name }: ServiceName): string {
  return `/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** `15m`, `1h30m`, `90s`; plain digits are seconds. */
export function readSeconds(text: string): number {
  const ms = parseDurationMs(/^\d+$/.test(text) ? Number(text) : text);
  if (ms === undefined) throw new InvalidArgumentError('write a duration such as 15m, 90s or 1h30m.');
  return ms / 1000;
}

/** How long an act by hand may last, told by the name of the option and not of the field that carries it. */
export function readActSeconds(text: string): number {
  const seconds = readSeconds(text);
  if (seconds >= 1 && seconds * 1000 <= longestActMs) return seconds;
  const longest = formatDuration(longestActMs);
  throw failure({ code: 'KV0701', message: `--for must be 1s to ${longest}; found ${text}` }, exitCodes.badInput);
}

/** @throws Exit as the server would refuse it, by the name of the option; the API server would speak of a field. */
export function readReason(text: string): string {
  if (isReason(text)) return text;
  const message = `--reason must be 1 to ${longestReason} characters without line breaks or other control characters`;
  throw failure({ code: 'KV0701', message, remedy: 'say why, for whoever looks at it later' }, exitCodes.badInput);
}

export function usage(message: string, remedy: string): Error {
  return failure({ code: 'KV0733', message, remedy }, exitCodes.usage);
}

/** On loopback the server believes this; elsewhere the certificate or the token says who it is. */
export function actorOf({ user }: Context): string {
  return `cli:${user}`;
}

/** An object of a cluster, without what only the API server reads. */
export function printObject(context: Context, object: Fields): void {
  const { managedFields: _, ...metadata } = fieldsOf(object, 'metadata');
  printJson(context, { ...object, metadata });
}

export function printJson({ stdout }: Context, value: unknown): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
