/**
 * The ConfigMap with what concerns no single Service: the suspension of everything, which every replica may write, and
 * the epoch that was handed out last, which only a new leader does. Each is a key of its own, so that neither write
 * can undo the other.
 */
import type { Clock } from '../../clock.ts';
import { type KubeClient, KubeError } from '../../kubernetes/kube-client.ts';
import { configMapsPath } from '../../kubernetes/paths.ts';
import { versionOf } from '../../kubernetes/object-meta.ts';
import { createReflector, type ReflectorHealth } from '../../kubernetes/reflector.ts';
import { isOlder } from '../../kubernetes/resource-version.ts';
import { fieldsOf } from '../../is-record.ts';
import type { Problem } from '../../problem.ts';
import type { JsonValue } from '../store.ts';

export interface StateMapOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly namespace: string;
  /** Of the ConfigMap. */
  readonly name: string;
  /** Somebody else wrote another global value. */
  readonly onGlobal: (global: JsonValue | undefined) => void;
  readonly onHealth: () => void;
  readonly onProblem: (problem: Problem) => void;
}

export interface StateMap {
  start(signal: AbortSignal): void;
  /** Resolves when it was read, or found not to be there. */
  readonly synced: Promise<void>;
  global(): JsonValue | undefined;
  /** @throws KubeError */
  saveGlobal(body: JsonValue, signal: AbortSignal): Promise<void>;
  /**
   * An epoch above `least` and above all that were ever claimed, on record before it is returned: two leaders in a row
   * that write no decision would otherwise have the same one.
   * @throws KubeError
   */
  claimEpoch(least: number, signal: AbortSignal): Promise<number>;
  health(): ReflectorHealth;
}

interface Content {
  readonly version?: string;
  readonly epoch: number;
  /** JSON. */
  readonly global?: string;
}

const attempts = 5;

export function createStateMap(options: StateMapOptions): StateMap {
  const { client, clock, random, namespace, name, onGlobal, onHealth, onProblem } = options;
  const maps = configMapsPath(namespace);
  const path = `${maps}/${name}`;
  let known: Content = { epoch: 0 };
  /** Under way: the watch may tell of it before the answer comes. */
  const writing: string[] = [];
  const reflector = createReflector({
    path: maps,
    selector: { fieldSelector: `metadata.name=${name}` },
    client,
    clock,
    random,
    keep: contentOf,
    onHealth,
    onProblem,
    onChange(change) {
      if (change.kind === 'listed') observe([...change.items.values()][0] ?? { epoch: 0 });
      else observe(change.kind === 'changed' ? change.object : { epoch: 0 });
    },
  });

  function observe(content: Content): void {
    // What we wrote ourselves is known since it was answered, and the watch may still be behind it.
    if (isOlder(content.version ?? '', known.version ?? '')) return;
    const isOurs = content.global !== undefined && writing.includes(content.global);
    const hasChanged = content.global !== known.global;
    known = content;
    if (hasChanged && !isOurs) onGlobal(parse(content.global));
  }

  /** One key of it, whether the map is there or not. */
  async function write(
    data: Readonly<Record<string, string>>,
    signal: AbortSignal,
    version?: string,
  ): Promise<unknown> {
    const metadata = version === undefined ? {} : { metadata: { resourceVersion: version } };
    try {
      return await client.send('patch', path, { ...metadata, data }, signal);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      const labels = { 'app.kubernetes.io/managed-by': 'kubervisor' };
      return await client.send('post', maps, { metadata: { name, labels }, data }, signal);
    }
  }

  async function again<T>(attempt: () => Promise<T>): Promise<T> {
    for (let left = attempts - 1; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left === 0 || !(error instanceof KubeError) || error.status !== 409) throw error;
      }
    }
  }

  return {
    start: (signal) => void reflector.run(signal),
    synced: reflector.synced,
    global: () => parse(known.global),
    async saveGlobal(body, signal) {
      const global = JSON.stringify(body);
      writing.push(global);
      try {
        const written = contentOf(await again(() => write({ global }, signal)));
        if (!isOlder(written.version ?? '', known.version ?? '')) known = written;
      } finally {
        writing.splice(writing.indexOf(global), 1);
      }
    },
    claimEpoch: (least, signal) =>
      again(async () => {
        const found = await read(signal);
        const epoch = Math.max(least, found.epoch) + 1;
        await write({ epoch: `${epoch}` }, signal, found.version);
        return epoch;
      }),
    health: () => reflector.health(),
  };

  async function read(signal: AbortSignal): Promise<Content> {
    try {
      return contentOf(await client.get(path, {}, signal));
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return { epoch: 0 };
      throw error;
    }
  }
}

function contentOf(object: unknown): Content {
  const data = fieldsOf(object, 'data');
  const { epoch, global } = data;
  const version = versionOf(object);
  return {
    ...(version === undefined ? {} : { version }),
    epoch: typeof epoch === 'string' && /^[0-9]{1,15}$/.test(epoch) ? Number(epoch) : 0,
    ...(typeof global === 'string' ? { global } : {}),
  };
}

/** What is no JSON, a hand wrote: it is handed on as the text that it is. */
function parse(global: string | undefined): JsonValue | undefined {
  if (global === undefined || global === '') return undefined;
  try {
    return JSON.parse(global) as JsonValue;
  } catch {
    return global;
  }
}
