/** Who is connected, what each asked for, and how far it has followed: plain data, made from the streams when asked for. */
import type { EpochMs } from '../engine/model.ts';
import type { ExchangeView } from './exchange.ts';
import type { VariantName } from './resource.ts';
import type { Stream } from './stream.ts';
import type { NameView } from './subscription.ts';

/** One connection of one node. An Envoy without ADS has a stream for each of its clusters on it. */
export interface ProxyView {
  /** Empty when it gave none. */
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Such as `envoy 1.40.0`; empty when it gave none. */
  readonly version: string;
  /** Empty when it gave none. */
  readonly zone: string;
  /** `address:port` it connects from. */
  readonly address: string;
  /** When its oldest open stream began. */
  readonly connectedAtMs: EpochMs;
  /** By type and stream. */
  readonly subscriptions: readonly SubscriptionView[];
}

export interface SubscriptionView extends ExchangeView {
  /** Type URL. */
  readonly type: string;
  readonly variant: VariantName;
  /** How many `names`. */
  readonly resources: number;
  readonly names: readonly NameView[];
}

export interface Book {
  /** Open streams. */
  readonly streams: ReadonlySet<Stream>;
  add(stream: Stream): void;
  remove(stream: Stream): void;
  /** In the order in which they connected. */
  proxies(): readonly ProxyView[];
}

export function createBook(): Book {
  const streams = new Set<Stream>();
  return {
    streams,
    add: (stream) => void streams.add(stream),
    remove: (stream) => void streams.delete(stream),
    proxies() {
      const proxies = new Map<string, ProxyView>();
      for (const stream of streams) {
        const seen = viewOf(stream);
        const key = `${seen.address} ${seen.nodeId}`;
        const known = proxies.get(key);
        proxies.set(key, known === undefined ? seen : merge(known, seen));
      }
      return [...proxies.values()];
    },
  };
}

function viewOf(stream: Stream): ProxyView {
  const { openedAtMs, exchanges } = stream.view();
  const { peer, variant, node } = stream.info;
  const { id = '', cluster = '', zone = '', userAgentName = '', userAgentVersion = '' } = node() ?? {};
  return {
    nodeId: id,
    nodeCluster: cluster,
    version: `${userAgentName} ${userAgentVersion}`.trim(),
    zone,
    address: peer,
    connectedAtMs: openedAtMs,
    subscriptions: exchanges.map(({ typeUrl, names, ...rest }) => ({
      type: typeUrl,
      variant,
      resources: names.length,
      ...rest,
      names,
    })),
  };
}

function merge(a: ProxyView, b: ProxyView): ProxyView {
  return {
    ...a,
    connectedAtMs: Math.min(a.connectedAtMs, b.connectedAtMs),
    subscriptions: [...a.subscriptions, ...b.subscriptions],
  };
}
