/** Connected proxies as whoever serves them tells of them; `engine` knows nothing of xDS. */
import type { EpochMs } from '../model.ts';
import type { ProxyView } from './messages.ts';
import { toTime } from './time.ts';

export interface ConnectedProxy {
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Such as `envoy 1.40.0`; empty when it gave none. */
  readonly version: string;
  /** Peer address of its connection. */
  readonly address: string;
  /** When its oldest open stream began. */
  readonly connectedAtMs: EpochMs;
  readonly subscriptions: readonly Subscription[];
}

export interface Subscription {
  /** Type URL, or its last part. */
  readonly type: string;
  readonly variant: 'sotw' | 'delta';
  /** Names it asked for. */
  readonly resources: number;
  readonly sentVersion?: string;
  readonly ackedVersion?: string;
  /** A response is under way since then. */
  readonly waitingSinceMs?: EpochMs;
  /** Refused, and nothing accepted since. */
  readonly nack?: { readonly version: string; readonly message: string };
}

export function proxyViews(proxies: readonly ConnectedProxy[]): readonly ProxyView[] {
  return proxies.map(proxyView).sort((a, b) => compare(a.nodeId, b.nodeId) || compare(a.address, b.address));
}

function proxyView({ connectedAtMs, subscriptions, ...proxy }: ConnectedProxy): ProxyView {
  const { nodeId, nodeCluster, version, address } = proxy;
  return {
    ...{ nodeId, nodeCluster, version, address },
    connectedTime: toTime(connectedAtMs),
    subscriptions: subscriptions.map(
      ({ type, variant, resources, sentVersion, ackedVersion, waitingSinceMs, nack }) => ({
        type: type.slice(Math.max(type.lastIndexOf('.'), type.lastIndexOf('/')) + 1),
        variant,
        resources,
        sentVersion: sentVersion ?? '',
        ackedVersion: ackedVersion ?? '',
        ...(waitingSinceMs === undefined ? {} : { waitingSinceTime: toTime(waitingSinceMs) }),
        nackedVersion: nack?.version ?? '',
        nackMessage: nack?.message ?? '',
      }),
    ),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
