/**
 * Clients that keep to the protocol, on a raw stream: they remember what they asked for and what they were sent last, as
 * an Envoy does, and can be told to say anything else.
 */
import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import {
  type DeltaRequestMessage,
  type DeltaResponseMessage,
  protos,
  type SotwRequestMessage,
  type SotwResponseMessage,
} from './protos.ts';
import type { DiscoveryService, RawStream, WithErrors, XdsClient } from './xds-client.ts';
import { contents } from './xds-stream.ts';

export const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const endpointType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const listenerType = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** What both protocols have in common, so that a rule for both is one test. */
export interface AnyDialogue {
  /** Asks for these names in addition to those before. */
  want(...names: readonly string[]): void;
  /** Asks for these names no more. */
  drop(...names: readonly string[]): void;
  /** Accepts the last response. */
  ack(): void;
  /** Refuses the last response, and asks for more names in the same breath. */
  nack(...names: readonly string[]): void;
  /** The next response on the stream; rejects when it is of another type, or when the stream ends before it. */
  next(): Promise<SotwResponseMessage | DeltaResponseMessage>;
  /** The same, as `told` has it. */
  hear(): Promise<readonly string[]>;
  /** Of the last response. */
  nonce(): string;
  /**
   * Nothing was sent that was not received, and nothing is due: the client asks for one more name, and the next response
   * has that and nothing else. Needs a Service `shop/fence` at 10.0.0.1, and every response before to be acknowledged.
   */
  silence(): Promise<void>;
  /** Ends the stream, without a word. */
  leave(): void;
}

export interface SotwDialogue extends AnyDialogue {
  /** Of this type; apart from that it has what is given, and nothing else. */
  say(request: SotwRequestMessage): void;
  next(): Promise<SotwResponseMessage & WithErrors>;
}

export interface DeltaDialogue extends AnyDialogue {
  say(request: DeltaRequestMessage): void;
  next(): Promise<DeltaResponseMessage>;
}

/** One stream. On an aggregated one a dialogue for each type; they share the stream, so whose turn it is matters. */
export interface Conversation<Dialogue, Stream> {
  readonly stream: Stream;
  of(typeUrl: string): Dialogue;
}

/** Who the client says it is, in the first message of the stream. */
export type NodeMessage = NonNullable<SotwRequestMessage['node']>;

type SotwStream = ReturnType<XdsClient['sotw']>;
type DeltaStream = ReturnType<XdsClient['delta']>;

const error_detail = { code: status.INVALID_ARGUMENT, message: 'no good' };

export function sotwConversation(
  client: XdsClient,
  service: DiscoveryService,
  node?: NodeMessage,
): Conversation<SotwDialogue, SotwStream> {
  const stream = client.sotw(service);
  const introduce = onlyFirst(node);
  return {
    stream,
    of(typeUrl) {
      const type = service === 'ads' ? { type_url: typeUrl } : {};
      const names = new Set<string>();
      const ear = earOf(stream, typeUrl);
      let version = '';
      const say = (request: SotwRequestMessage): void => stream.say({ ...introduce(), ...type, ...request });
      const repeat = (more: SotwRequestMessage = {}): void =>
        say({ resource_names: [...names], version_info: version, response_nonce: ear.nonce(), ...more });
      const dialogue = {
        say,
        want(...wanted: readonly string[]) {
          for (const name of wanted) names.add(name);
          repeat();
        },
        drop(...unwanted: readonly string[]) {
          for (const name of unwanted) names.delete(name);
          repeat();
        },
        ack() {
          version = ear.version();
          repeat();
        },
        nack(...wanted: readonly string[]) {
          for (const name of wanted) names.add(name);
          repeat({ error_detail });
        },
        ...ear,
      };
      return { ...dialogue, silence: silenceOf(dialogue, typeUrl !== clusterType) };
    },
  };
}

export function deltaConversation(
  client: XdsClient,
  service: DiscoveryService,
  node?: NodeMessage,
): Conversation<DeltaDialogue, DeltaStream> {
  const stream = client.delta(service);
  const introduce = onlyFirst(node);
  return {
    stream,
    of(typeUrl) {
      const type = service === 'ads' ? { type_url: typeUrl } : {};
      const ear = earOf(stream, typeUrl);
      const say = (request: DeltaRequestMessage): void => stream.say({ ...introduce(), ...type, ...request });
      const dialogue = {
        say,
        want: (...names: readonly string[]) => say({ resource_names_subscribe: [...names] }),
        drop: (...names: readonly string[]) => say({ resource_names_unsubscribe: [...names] }),
        ack: () => say({ response_nonce: ear.nonce() }),
        nack: (...names: readonly string[]) =>
          say({ response_nonce: ear.nonce(), error_detail, resource_names_subscribe: [...names] }),
        ...ear,
      };
      return { ...dialogue, silence: silenceOf(dialogue, true) };
    },
  };
}

/** The four ways to ask for endpoints, by what a test's title calls them. */
export const endpointDialogues: Readonly<Record<string, (client: XdsClient) => AnyDialogue>> = {
  'state of the world, by its own service': (client) => sotwConversation(client, 'eds').of(endpointType),
  'state of the world, aggregated': (client) => sotwConversation(client, 'ads').of(endpointType),
  'delta, by its own service': (client) => deltaConversation(client, 'eds').of(endpointType),
  'delta, aggregated': (client) => deltaConversation(client, 'ads').of(endpointType),
};

function onlyFirst(node: NodeMessage | undefined): () => { readonly node?: NodeMessage } {
  let introduction = node === undefined ? {} : { node };
  return () => {
    const said = introduction;
    introduction = {};
    return said;
  };
}

function earOf<Response extends SotwResponseMessage | DeltaResponseMessage>(
  stream: RawStream<never, Response>,
  typeUrl: string,
) {
  let nonce = '';
  let version = '';
  const next = async (): Promise<Response> => {
    const response = await stream.next();
    if (response.type_url !== typeUrl) throw new Error(`waited for ${typeUrl}, got ${response.type_url}`);
    nonce = response.nonce ?? '';
    version = ('version_info' in response ? response.version_info : '') ?? '';
    return response;
  };
  return {
    next,
    hear: async () => told(await next()),
    nonce: () => nonce,
    version: () => version,
    leave: () => stream.cancel(),
  };
}

/** More spellings of one Service's port, so that there is always one that was not asked for yet. */
const fences = ['shop/fence', 'shop/fence:80', 'fence.shop:80', 'fence.shop:http', 'fence.shop.svc.cluster.local:80'];

function silenceOf(dialogue: Pick<AnyDialogue, 'want' | 'hear' | 'ack'>, isAlone: boolean): () => Promise<void> {
  const unused = [...fences];
  return async () => {
    const fence = unused.shift();
    if (fence === undefined) throw new Error('this dialogue has no fences left');
    dialogue.want(fence);
    const heard = await dialogue.hear();
    const lines = [fence, `${fence}: 10.0.0.1`];
    // Clusters come in full each time: that the new one is among them shows that this is the answer to the fence.
    if (isAlone) expect(heard).toEqual([expect.toBeOneOf(lines)]);
    else expect(heard.some((line) => lines.includes(line))).toBe(true);
    dialogue.ack();
  };
}

/**
 * What a response says, a line each: `shop/a: 10.0.0.1 DRAINING 25` for endpoints, the name alone for other types,
 * `shop/b is not there` for what was removed, `shop/c: NOT_FOUND` for an error.
 */
function told(response: SotwResponseMessage | DeltaResponseMessage): readonly string[] {
  const removed = 'removed_resources' in response ? (response.removed_resources ?? []) : [];
  const errors = 'errors' in response ? [...(response as WithErrors).errors] : [];
  return [
    ...(response.type_url === endpointType ? contents(response) : clusters(response).map(({ name }) => name ?? '')),
    ...removed.map((name) => `${name} is not there`),
    ...errors.map(([name, { code }]) => `${name}: ${status[code]}`),
  ];
}

/** The clusters of a response. */
export function clusters(response: SotwResponseMessage | DeltaResponseMessage) {
  const { deserialize } = protos['envoy.config.cluster.v3.Cluster'];
  return (response.resources ?? []).map((resource) => deserialize(anyOf(resource)));
}

/** A delta response has each resource in an envelope. */
export function anyOf(resource: object): Buffer {
  const any =
    'value' in resource ? resource : (resource as { readonly resource?: { readonly value?: unknown } }).resource;
  return (any as { readonly value?: Buffer } | undefined)?.value ?? Buffer.alloc(0);
}
