/** A client that keeps what it is sent, as an Envoy does: what it has can be compared with what it should have. */
import type { XdsCache } from '../../xds/cache.ts';
import { clusterLoadAssignment, type DeltaResponseMessage, protos, type SotwResponseMessage } from './protos.ts';
import { anyOf, clusterType } from './xds-dialogue.ts';
import { deltaStream, sotwStream } from './xds-stream.ts';

export interface ModelClient {
  /** Without names it is a request that says nothing new. */
  want(names: readonly string[]): void;
  drop(names: readonly string[]): void;
  /** Takes the response that waits, applies what is good of it, and says so; false when there is none. */
  answer(): boolean;
  /** Its last answer once more. */
  repeat(): void;
  /** On a new stream, of another server if one is given; a forgetful one has nothing any more, and says so. */
  reconnect(isForgetful: boolean, server?: XdsCache): void;
  /** Takes in what was sent. @throws Error when that breaks a rule. */
  listen(): void;
  /** What it has otherwise than a client that asks for the same on a new stream. */
  differences(): readonly string[];
  /** Ends its stream. */
  leave(): void;
  /** By name: what it was sent last of it, if that was good. */
  readonly kept: ReadonlyMap<string, Kept>;
  /** Names of which it refused what it was sent last. */
  readonly refused: ReadonlySet<string>;
}

export interface ModelClientOptions {
  readonly cache: XdsCache;
  readonly variant: 'sotw' | 'delta';
  readonly typeUrl: string;
  /** Whether it refuses a resource, by its content as JSON. */
  readonly isBad: (content: string) => boolean;
}

interface Kept {
  readonly content: string;
  readonly version: string;
}

interface Told {
  readonly nonce: string;
  readonly resources: Map<string, Kept>;
  readonly removed: readonly string[];
}

type Stream = ({ kind: 'sotw' } & ReturnType<typeof sotwStream>) | ({ kind: 'delta' } & ReturnType<typeof deltaStream>);

export function modelClient(options: ModelClientOptions): ModelClient {
  const { variant, typeUrl, isBad } = options;
  let { cache } = options;
  const isClusters = typeUrl === clusterType;
  const isComplete = isClusters && variant === 'sotw';
  const names = new Set<string>();
  const kept = new Map<string, Kept>();
  const refused = new Set<string>();
  /** Asked without ever naming anything: for clusters that means everything. */
  let isUnnamed = isClusters;
  let hasAsked = false;
  let nonce = '';
  let unanswered: Told | undefined;
  let streams = 0;
  let stream = open();

  function open(): Stream {
    const common = { cache, isAggregated: true, nonceTag: `s${(streams += 1)}` };
    return variant === 'sotw' ? { kind: variant, ...sotwStream(common) } : { kind: variant, ...deltaStream(common) };
  }

  const wantsAll = (): boolean => names.has('*') || (hasAsked && isUnnamed);
  const isWanted = (name: string): boolean => names.has(name) || wantsAll();

  function ask(request: {
    readonly subscribe?: readonly string[];
    readonly unsubscribe?: readonly string[];
    readonly known?: Readonly<Record<string, string>>;
    readonly nonce?: string;
    readonly isRefusal?: boolean;
  }): void {
    const { subscribe = [], unsubscribe = [], known = {}, isRefusal = false } = request;
    const error = isRefusal ? { error_detail: { code: 3, message: 'no good' } } : {};
    if (stream.kind === 'sotw') {
      isUnnamed &&= names.size === 0;
      stream.say({ type_url: typeUrl, resource_names: [...names], response_nonce: nonce, ...error });
    } else {
      // Here who asks without names has everything until it gives up everything by its name.
      if (isUnnamed && !hasAsked && subscribe.length === 0) names.add('*');
      isUnnamed = false;
      stream.say({
        type_url: typeUrl,
        resource_names_subscribe: [...subscribe],
        resource_names_unsubscribe: [...unsubscribe],
        initial_resource_versions: known,
        response_nonce: request.nonce ?? '',
        ...error,
      });
      if (unsubscribe.includes('*')) names.delete('*');
    }
    hasAsked = true;
    // Of what it gave up it wants nothing any more, be it in a response that waits.
    for (const names of [kept, unanswered?.resources]) {
      for (const name of names?.keys() ?? []) if (!isWanted(name)) names?.delete(name);
    }
  }

  function listen(): void {
    for (const response of stream.heard()) {
      if (unanswered !== undefined) throw new Error('a response came before the last one was answered');
      unanswered = toldBy(response);
      for (const name of unanswered.resources.keys()) {
        if (!isWanted(name)) throw new Error(`${name} was not asked for`);
      }
    }
  }

  function apply({ resources, removed }: Told): void {
    // All there is is in it; what is missing does not exist.
    if (isComplete) for (const name of kept.keys()) if (!resources.has(name)) kept.delete(name);
    for (const name of removed) kept.delete(name);
    // Of a response in parts it takes nothing if it does not take all.
    const isRefused = !isComplete && [...resources.values()].some(({ content }) => isBad(content));
    for (const [name, resource] of resources) {
      if (!isWanted(name)) continue;
      if (isBad(resource.content)) refused.add(name);
      else if (!isRefused) {
        refused.delete(name);
        kept.set(name, resource);
      }
    }
  }

  return {
    want(wanted) {
      for (const name of wanted) names.add(name);
      ask({ subscribe: wanted });
    },
    drop(unwanted) {
      for (const name of unwanted) names.delete(name);
      ask({ unsubscribe: unwanted });
    },
    answer() {
      listen();
      if (unanswered === undefined) return false;
      const told = unanswered;
      unanswered = undefined;
      nonce = told.nonce;
      apply(told);
      ask({ nonce, isRefusal: [...told.resources.values()].some(({ content }) => isBad(content)) });
      listen();
      return true;
    },
    repeat: () => ask({ nonce }),
    reconnect(isForgetful, server = cache) {
      cache = server;
      if (!hasAsked) return;
      stream.stream.close();
      stream = open();
      unanswered = undefined;
      if (isForgetful) kept.clear();
      isUnnamed = isClusters && names.size === 0;
      hasAsked = false;
      const known = Object.fromEntries([...kept].map(([name, { version }]) => [name, version]));
      ask({ subscribe: [...names], known, nonce });
    },
    listen,
    differences() {
      const fresh = modelClient({ ...options, cache });
      const wanted = new Set(wantsAll() ? [...names, '*'] : names);
      if (wanted.size > 0) fresh.want([...wanted]);
      while (fresh.answer());
      fresh.leave();
      const different = [...fresh.kept].filter(([name, { content }]) => kept.get(name)?.content !== content);
      // State of the world has no words for endpoints that are gone: the client keeps what it had.
      const isSilent = variant === 'sotw' && !isClusters;
      const extra = [...kept.keys()].filter((name) => !isSilent && !fresh.kept.has(name) && !fresh.refused.has(name));
      return [
        ...different.map(([name]) => `${name} is not what it should be`),
        ...extra.map((name) => `${name} is gone`),
      ];
    },
    leave: () => stream.stream.close(),
    kept,
    refused,
  };
}

function toldBy(response: SotwResponseMessage | DeltaResponseMessage): Told {
  const { deserialize } =
    response.type_url === clusterType ? protos['envoy.config.cluster.v3.Cluster'] : clusterLoadAssignment;
  const resources = (response.resources ?? []).map((resource) => {
    const message = deserialize(anyOf(resource)) as { readonly name?: string; readonly cluster_name?: string };
    const version = 'version' in resource ? (resource.version ?? '') : '';
    return [message.name ?? message.cluster_name ?? '', { content: JSON.stringify(message), version }] as const;
  });
  const byName = new Map(resources);
  if (byName.size < resources.length) throw new Error('a resource comes twice');
  return {
    nonce: response.nonce ?? '',
    resources: byName,
    removed: 'removed_resources' in response ? (response.removed_resources ?? []) : [],
  };
}
