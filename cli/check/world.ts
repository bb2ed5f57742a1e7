/** What a check sees of a cluster, each list read once however many checks want it; and what it finds. */
import { type Fields, fieldsOf, isRecord } from '../../engine/is-record.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import type { JsonValue } from '../../engine/store/store.ts';
import type { ReplicasOptions } from '../cluster/leader.ts';
import type { Cluster } from '../cluster/open.ts';

/** What the chart installs for the replicas has it, whatever it is called. */
export const chartLabel = 'app.kubernetes.io/part-of=kubervisor';

export interface Finding {
  readonly outcome: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** What to do; for whatever is not ok. */
  readonly hint?: string;
}

export interface Check {
  /** Stable, for programs. */
  readonly id: string;
  /** As the end of the sentence `cannot see ...`. */
  readonly about: string;
  /** None: there was nothing to look at. @throws KubeError */
  run(world: World): Promise<readonly Finding[]>;
}

export interface World extends ReplicasOptions {
  readonly cluster: Cluster;
  readonly now: number;
  /** Of the Services that are looked at; undefined: all of them. */
  readonly namespace?: string;
  /** A serving config, for its metric sources. */
  readonly config?: string;
  /** @throws KubeError */
  get(path: string): Promise<Fields>;
  /** @param selector of labels; empty: all. @throws KubeError */
  list(path: string, selector?: string): Promise<readonly Fields[]>;
  /** Of the namespaces that are looked at: `services` of `/api/v1`. @throws KubeError */
  listed(api: string, resource: string): Promise<readonly Fields[]>;
  /** A question that is asked as an object is made. @throws KubeError */
  review(path: string, body: JsonValue): Promise<Fields>;
}

export function createWorld(given: Omit<World, 'get' | 'list' | 'listed' | 'review'>): World {
  const { client, signal } = given.cluster;
  const lists = new Map<string, Promise<readonly Fields[]>>();
  const list: World['list'] = (path, selector = '') => {
    const key = `${path}?${selector}`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const found: Fields[] = [];
    const query: Record<string, string> = selector === '' ? {} : { labelSelector: selector };
    const read = listAll(client, path, query, (page) => found.push(...page.filter(isRecord)), signal).then(() => found);
    lists.set(key, read);
    return read;
  };
  return {
    ...given,
    list,
    listed: (api, resource) =>
      list(`${api}${given.namespace === undefined ? '' : `/namespaces/${given.namespace}`}/${resource}`),
    get: async (path) => fieldsOf(await client.get(path, {}, signal)),
    review: async (path, body) => fieldsOf(await client.send('post', path, body, signal)),
  };
}

export function recordsOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** `namespace/name`, or the name of what is in no namespace. */
export function nameOf(object: Fields): string {
  const { namespace, name } = fieldsOf(object, 'metadata');
  return typeof namespace === 'string' ? `${namespace}/${String(name)}` : String(name);
}

export function ok(message: string): Finding {
  return { outcome: 'ok', message };
}

export function warning(message: string, hint: string): Finding {
  return { outcome: 'warning', message, hint };
}

export function failed(message: string, hint: string): Finding {
  return { outcome: 'failed', message, hint };
}

/** As a query parameter has it. */
export function selectorText(labels: Fields, expressions: readonly Fields[] = []): string {
  const equal = Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`);
  const others = expressions.map(({ key, operator, values }) => {
    const list = Array.isArray(values) ? values.join(',') : '';
    switch (operator) {
      case 'In':
        return `${String(key)} in (${list})`;
      case 'NotIn':
        return `${String(key)} notin (${list})`;
      case 'DoesNotExist':
        return `!${String(key)}`;
      default:
        return String(key);
    }
  });
  return [...equal, ...others].join(',');
}
