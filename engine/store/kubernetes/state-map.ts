/**
 * The ConfigMap with what concerns no single Service: the suspension of everything, which every replica may write, and
 * the epoch that was handed out last, which only a new leader does. Each is a key of its own, so that neither write
 * can undo the other.
 */
import type { Clock } from '../../clock.ts';
import { changeConfigMap, type MapData } from '../../kubernetes/config-map.ts';
import { inTime } from '../../kubernetes/in-time.ts';
import { type KubeClient, KubeError } from '../../kubernetes/kube-client.ts';
import { configMapsPath } from '../../kubernetes/paths.ts';
import { versionOf } from '../../kubernetes/object-meta.ts';
import { createReflector, type ReflectorHealth } from '../../kubernetes/reflector.ts';
import { isOlder } from '../../kubernetes/resource-version.ts';
import { type Fields, fieldsOf } from '../../is-record.ts';
import type { Problem } from '../../problem.ts';
import { createLane } from '../lane.ts';
import type { JsonValue, SaveGlobalResult, Store } from '../store.ts';
import { notWritten } from './problems.ts';

export interface StateMapOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly namespace: string;
  /** Of the ConfigMap. */
  readonly name: string;
  /** How long a write may take, in milliseconds. */
  readonly deadlineMs: number;
  /** Ends a write under way. */
  readonly signal: AbortSignal;
  /** Somebody else wrote another global value. */
  readonly onGlobal: (global: JsonValue | undefined) => void;
  readonly onHealth: () => void;
  readonly onProblem: (problem: Problem) => void;
}

export interface StateMap {
  start(signal: AbortSignal): void;
  /** Resolves when it was read, or found not to be there. */
  readonly synced: Promise<void>;
  /** As far as is known; once our own save was answered, at least that or what was written after it. */
  global(): JsonValue | undefined;
  /** As `Store.saveGlobal`. */
  saveGlobal: Store['saveGlobal'];
  /** Resolves when the global values that were given are written, or given up. */
  idle(): Promise<void>;
  /**
   * An epoch above the transitions of the Lease and above all that were ever claimed, on record before it is returned: two
   * leaders in a row that write no decision would otherwise have the same one. Where the map is lost, or a hand wrote a
   * number that nobody counts to, it begins anew.
   * @throws KubeError
   */
  claimEpoch(transitions: number, signal: AbortSignal): Promise<number>;
  health(): ReflectorHealth;
}

interface Content {
  readonly version?: string;
  /** JSON. */
  readonly global?: string;
}

const none: Content = {};

/** What `saveGlobal` was given. */
interface GivenGlobal {
  readonly body: JsonValue;
  readonly givesWayTo: ((found: JsonValue | undefined) => boolean) | undefined;
}

export function createStateMap(options: StateMapOptions): StateMap {
  const { client, clock, random, namespace, name, deadlineMs, signal, onGlobal, onHealth, onProblem } = options;
  let known: Content = none;
  /** Under way: the watch may tell of it before the answer comes. */
  let writing: string | undefined;
  const reflector = createReflector({
    path: configMapsPath(namespace),
    selector: { fieldSelector: `metadata.name=${name}` },
    client,
    clock,
    random,
    keep: contentOf,
    onHealth,
    onProblem,
    onChange(change) {
      if (change.kind === 'listed') observe([...change.items.values()][0] ?? none);
      else if (change.kind === 'changed') observe(change.object);
      // Unless the one that is gone is not the one that we made anew.
      else if (!isOlder(change.before.version ?? '', known.version ?? '')) observe(none);
    },
  });

  function observe(content: Content): void {
    // What we wrote ourselves is known since it was answered, and the watch may still be behind it.
    if (isOlder(content.version ?? '', known.version ?? '')) return;
    const isOurs = content.global !== undefined && content.global === writing;
    const hasChanged = content.global !== known.global;
    known = content;
    if (hasChanged && !isOurs) onGlobal(parse(content.global));
  }

  const changeMap = (data: (found: Fields) => MapData | undefined, until: AbortSignal): Promise<unknown> =>
    changeConfigMap(client, { namespace, name }, data, until);

  async function write({ body, givesWayTo }: GivenGlobal): Promise<SaveGlobalResult> {
    const data = globalData(body);
    let isOvertaken = false;
    writing = data.global;
    try {
      const silence = `no answer within ${deadlineMs / 1000} s`;
      const change = (found: Fields): MapData | undefined => {
        isOvertaken = givesWayTo?.(globalIn({ data: found })) === true;
        return isOvertaken ? undefined : data;
      };
      const ask = (until: AbortSignal): Promise<unknown> => changeMap(change, until);
      const written = contentOf(await inTime(clock, deadlineMs, signal, ask, silence));
      if (!isOlder(written.version ?? '', known.version ?? '')) known = written;
      return isOvertaken ? { kind: 'overtaken', current: parse(written.global) } : { kind: 'saved' };
    } catch (error) {
      const failure = error instanceof KubeError ? error : new KubeError(String(error));
      const problem = notWritten('the whole installation', 'patch configmaps', namespace, failure);
      return { kind: 'failed', problem };
    } finally {
      writing = undefined;
    }
  }

  const lane = createLane(write);

  return {
    start: (starting) => void reflector.run(starting),
    synced: reflector.synced,
    global: () => parse(known.global),
    saveGlobal: (body, givesWayTo) => lane.write({ body, givesWayTo }),
    idle: lane.idle,
    async claimEpoch(transitions, until) {
      let epoch = 0;
      const next = (data: unknown): MapData => {
        epoch = Math.max(transitions, epochIn(data)) + 1;
        return { epoch: `${epoch}` };
      };
      await changeMap(next, until);
      return epoch;
    },
    health: () => reflector.health(),
  };
}

/** The global value as the map has it. */
export function globalData(body: JsonValue): { readonly global: string } {
  return { global: JSON.stringify(body) };
}

/** The global value in the object; undefined where there is none. */
export function globalIn(map: unknown): JsonValue | undefined {
  return parse(contentOf(map).global);
}

function contentOf(object: unknown): Content {
  const data = fieldsOf(object, 'data');
  const { global } = data;
  const version = versionOf(object);
  return {
    ...(version === undefined ? {} : { version }),
    ...(typeof global === 'string' ? { global } : {}),
  };
}

function epochIn(data: unknown): number {
  const { epoch } = fieldsOf(data);
  return typeof epoch === 'string' && /^[0-9]{1,12}$/.test(epoch) ? Number(epoch) : 0;
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
