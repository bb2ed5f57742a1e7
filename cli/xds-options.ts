/** What commands about the xDS listener take. They do not talk to it: they print what others need to. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { formatListen, type ListenAddress, parseListen } from '../engine/config/listen.ts';
import { type EndpointsName, parseName } from '../xds/names.ts';
import { readService, usage } from './options.ts';

export interface XdsOptions {
  readonly namespace?: string;
  readonly xdsAddress: ListenAddress;
  readonly tls?: true;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
}

/** Paths are those of the machine where the other program runs. */
export interface TlsFiles {
  /** PEM of the authority that signed the certificate of the server. */
  readonly ca: string;
  /** PEM of the client's own certificate and of its key, where the server asks for one. */
  readonly own?: { readonly cert: string; readonly key: string };
  /** In the certificate of the server: a DNS name, an address, or a URI such as a SPIFFE id. */
  readonly serverName: string;
}

/** A command about endpoints as clients of xDS get them; it takes a Service first of all. */
export function xdsCommand(name: string): Command {
  return new Command(`kubervisor ${name}`)
    .option('-n, --namespace <namespace>', 'namespace of the Service')
    .addOption(addressOption('--xds-address <host:port>', 'where the xDS listener is found', 18_000))
    .option('--tls', 'it speaks TLS; needs --ca-file')
    .option('--ca-file <file>', 'PEM of the authority that signed its certificate; paths are used as they stand')
    .option('--cert-file <file>', 'PEM of a client certificate')
    .option('--key-file <file>', 'PEM of its key')
    .option('--server-name <name>', 'name in the certificate of the listener; else the host of --xds-address');
}

export function addressOption(flags: string, description: string, localPort?: number): Option {
  const option = new Option(flags, description).argParser(readAddress);
  if (localPort === undefined) return option;
  const address: ListenAddress = { host: '127.0.0.1', port: localPort };
  return option.default(address, formatListen(address));
}

function readAddress(text: string): ListenAddress {
  const address = parseListen(text);
  if (address === undefined || address.port === 0) {
    throw new InvalidArgumentError('write host:port, an IPv6 address in brackets.');
  }
  return address;
}

/** Undefined without --tls. */
export function readTls(options: XdsOptions): TlsFiles | undefined {
  const { tls, caFile, certFile, keyFile, serverName = options.xdsAddress.host } = options;
  if (tls === undefined) {
    if ((caFile ?? certFile ?? keyFile ?? options.serverName) === undefined) return undefined;
    throw usage('files and names of TLS without --tls', 'add --tls, or leave them out');
  }
  if (caFile === undefined) throw usage('--tls without --ca-file would trust anybody', 'name the authority');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw usage('of --cert-file and --key-file one is missing', 'give both, or none');
  }
  const own = certFile === undefined || keyFile === undefined ? {} : { own: { cert: certFile, key: keyFile } };
  return { ca: caFile, serverName, ...own };
}

export interface Target extends EndpointsName {
  /** The name of its endpoints, such as `shop/pricer:http`. */
  readonly name: string;
}

/** `shop/pricer`, `shop/pricer:http` or `shop/pricer:80`; without the namespace where -n gives it. */
export function readTarget(text: string, namespace: string | undefined): Target {
  const colon = text.indexOf(':');
  const service = readService(colon < 0 ? text : text.slice(0, colon), namespace);
  const name = `${service.namespace}/${service.name}${colon < 0 ? '' : text.slice(colon)}`;
  const meaning = parseName(name);
  if (meaning === undefined) {
    throw usage(`${text} is not NAMESPACE/SERVICE[:PORT]`, 'write shop/pricer:http or shop/pricer:80');
  }
  return { ...meaning, name };
}
