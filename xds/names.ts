/**
 * The names by which proxies ask for endpoints. Several spellings mean the same Service port, so that Istio's clusters,
 * plain DNS habits and a person with grpcurl are all served:
 *
 *   outbound|8080||pricer.shop.svc.cluster.local     Istio, optionally with a subset between the bars
 *   pricer.shop.svc.cluster.local:8080
 *   pricer.shop:8080    pricer.shop:http
 *   shop/pricer:http    shop/pricer:8080
 *   shop/pricer                                      where the Service has one port
 */
import { type ServiceKey, serviceKey } from '../engine/model.ts';

export interface EndpointsName {
  readonly service: ServiceKey;
  readonly port: PortSelector;
  /** Never empty. */
  readonly subset?: string;
}

export type PortSelector =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'name'; readonly name: string }
  /** The only port the Service has; with several ports the name means nothing. */
  | { readonly kind: 'only' };

export const defaultClusterDomain = 'cluster.local';

/** Undefined for whatever has none of the forms above: it may be a resource of somebody else. */
export function parseName(name: string, clusterDomain: string = defaultClusterDomain): EndpointsName | undefined {
  if (name.startsWith('outbound|')) return parseIstio(name, clusterDomain);
  if (name.includes('/')) return parseKey(name);
  return parseHost(name, clusterDomain);
}

function parseIstio(name: string, clusterDomain: string): EndpointsName | undefined {
  const [, digits = '', subset = '', host = '', ...rest] = name.split('|');
  const service = serviceOfDomain(host, clusterDomain);
  const port = parsePort(digits);
  if (service === undefined || port?.kind !== 'number' || rest.length > 0) return undefined;
  if (subset === '') return { service, port };
  return isLabelValue(subset) ? { service, port, subset } : undefined;
}

function parseKey(name: string): EndpointsName | undefined {
  const [, namespace = '', service = '', colon, port = ''] = /^([^/:]*)\/([^/:]*)(:(.*))?$/.exec(name) ?? [];
  return endpointsName(keyOf(namespace, service), colon === undefined ? { kind: 'only' } : parsePort(port));
}

function parseHost(name: string, clusterDomain: string): EndpointsName | undefined {
  const colon = name.indexOf(':');
  const host = name.slice(0, Math.max(0, colon));
  const [service = '', namespace = '', ...rest] = host.split('.');
  const key = rest.length === 0 ? keyOf(namespace, service) : serviceOfDomain(host, clusterDomain);
  return endpointsName(key, parsePort(name.slice(colon + 1)));
}

/** `pricer.shop.svc.cluster.local`. */
function serviceOfDomain(host: string, clusterDomain: string): ServiceKey | undefined {
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix)) return undefined;
  const [service = '', namespace = '', ...rest] = host.slice(0, -suffix.length).split('.');
  return rest.length === 0 ? keyOf(namespace, service) : undefined;
}

function endpointsName(service: ServiceKey | undefined, port: PortSelector | undefined): EndpointsName | undefined {
  return service === undefined || port === undefined ? undefined : { service, port };
}

function keyOf(namespace: string, service: string): ServiceKey | undefined {
  return isDnsLabel(namespace) && isDnsLabel(service) ? serviceKey(namespace, service) : undefined;
}

/** Digits are always a number: a port that is called `8080` can be asked for by its number only. */
function parsePort(text: string): PortSelector | undefined {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535) return { kind: 'number', number: Number(text) };
  return /[a-z]/.test(text) && isDnsLabel(text) ? { kind: 'name', name: text } : undefined;
}

/** What the name of a namespace, a Service or a port can be. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}

function isLabelValue(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}
