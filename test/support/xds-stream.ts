/** One stream of the server without a network: what it sends is decoded and kept, and it hears what a test says. */
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { everywhere, type NamespaceRule } from '../../xds/client.ts';
import { delta } from '../../xds/delta.ts';
import { defaultLimits, type XdsLimits } from '../../xds/limits.ts';
import { silentObserver, type XdsObserver } from '../../xds/observer.ts';
import type { StreamStatus } from '../../xds/refusal.ts';
import { sotw } from '../../xds/sotw.ts';
import { createStream, type Stream, type Transport } from '../../xds/stream.ts';
import { endpointType, type ResourceType } from '../../xds/types.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import {
  clusterLoadAssignment,
  type DeltaRequestMessage,
  type DeltaResponseMessage,
  eds,
  type SotwRequestMessage,
  type SotwResponseMessage,
} from './protos.ts';

export interface TestStream<Request, Response> {
  readonly stream: Stream;
  readonly clock: ManualClock;
  say(request: Request): void;
  /** What was sent since it was asked for last. */
  heard(): readonly Response[];
  /** All that was sent, as bytes. */
  raw(): readonly Buffer[];
  /** The one response that was sent since then. */
  response(): Response;
  ended(): StreamStatus | undefined;
  /** From now on the client takes nothing; the returned function takes what is under way, and reads on. */
  stall(): () => void;
}

export interface TestStreamOptions {
  readonly cache?: XdsCache;
  readonly types?: readonly ResourceType[];
  /** As on an aggregated stream; otherwise it is one for endpoints. */
  readonly isAggregated?: boolean;
  readonly limits?: Partial<XdsLimits>;
  readonly observer?: Partial<XdsObserver>;
  readonly nonceTag?: string;
  /** Default 127.0.0.1:1. */
  readonly peer?: string;
  /** Default: one of its own. */
  readonly clock?: ManualClock;
  readonly allows?: NamespaceRule;
}

export function sotwStream(options: TestStreamOptions = {}): TestStream<SotwRequestMessage, SotwResponseMessage> {
  const { requestSerialize, responseDeserialize } = eds.StreamEndpoints;
  return testStream(options, requestSerialize, responseDeserialize, (common) =>
    createStream({ ...common, protocol: sotw }),
  );
}

export function deltaStream(options: TestStreamOptions = {}): TestStream<DeltaRequestMessage, DeltaResponseMessage> {
  const { requestSerialize, responseDeserialize } = eds.DeltaEndpoints;
  return testStream(options, requestSerialize, responseDeserialize, (common) =>
    createStream({ ...common, protocol: delta }),
  );
}

type CommonOptions = Omit<Parameters<typeof createStream>[0], 'protocol'>;

function testStream<Request, Response>(
  options: TestStreamOptions,
  serialize: (request: Request) => Buffer,
  deserialize: (bytes: Buffer) => Response,
  open: (common: CommonOptions) => Stream,
): TestStream<Request, Response> {
  const { clock = createManualClock() } = options;
  const types = options.types ?? [...(options.cache ?? createXdsCache()).types.values()];
  let heard: Response[] = [];
  const raw: Buffer[] = [];
  let status: StreamStatus | undefined;
  let isStalled = false;
  let underWay: (() => void) | undefined;

  const transport: Transport = {
    peer: options.peer ?? '127.0.0.1:1',
    read: () => undefined,
    send(message, onTaken) {
      if (underWay !== undefined) throw new Error('a message was sent before the last one was taken');
      const bytes = Buffer.concat(message);
      heard.push(deserialize(bytes));
      raw.push(bytes);
      if (isStalled) underWay = onTaken;
      else onTaken();
    },
    end: (given) => {
      status = given;
    },
  };
  const stream = open({
    types: new Map(types.map((type) => [type.typeUrl, type])),
    ...(options.isAggregated === true ? {} : { onlyType: endpointType }),
    names: [],
    transport,
    allows: options.allows ?? everywhere,
    limits: { ...defaultLimits, ...options.limits },
    observer: { ...silentObserver, ...options.observer },
    clock,
    nonceTag: options.nonceTag ?? 's1',
  });
  const take = (): readonly Response[] => {
    const taken = heard;
    heard = [];
    return taken;
  };
  return {
    stream,
    clock,
    say: (request) => stream.receive(serialize(request)),
    heard: take,
    raw: () => raw,
    response() {
      const [response, another] = take();
      if (response === undefined || another !== undefined) throw new Error('expected exactly one response');
      return response;
    },
    ended: () => status,
    stall() {
      isStalled = true;
      return () => {
        isStalled = false;
        const taken = underWay;
        underWay = undefined;
        taken?.();
      };
    },
  };
}

/** A response's assignments by name: `shop/pricer: 10.0.0.1 DRAINING 25, 10.0.0.2`; what is healthy and whole says less. */
export function contents(response: SotwResponseMessage | DeltaResponseMessage): readonly string[] {
  return (response.resources ?? []).map((resource) => {
    const any = 'value' in resource ? resource : (resource as { resource?: { value?: Buffer } }).resource;
    const { cluster_name: name, endpoints = [] } = clusterLoadAssignment.deserialize(any?.value ?? Buffer.alloc(0));
    const shown = endpoints.flatMap(({ lb_endpoints = [] }) =>
      lb_endpoints.map(({ endpoint, health_status, load_balancing_weight }) => {
        const status = health_status === 'HEALTHY' ? [] : [health_status];
        const weight = load_balancing_weight?.value === 100 ? [] : [load_balancing_weight?.value];
        return [endpoint?.address?.socket_address?.address, ...status, ...weight].join(' ');
      }),
    );
    return `${name}: ${shown.join(', ')}`.trimEnd();
  });
}
