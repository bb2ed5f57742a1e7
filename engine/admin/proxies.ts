/** Connected proxies as whoever serves them tells of them; `engine` knows nothing of xDS. */
import type { EpochMs, ServiceKey } from '../model.ts';
import type { FollowStatus, HoldingView, ProxyView, SubscriptionView } from './messages.ts';
import { toTime } from './time.ts';

export interface ConnectedProxy {
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Such as `envoy 1.40.0`; empty when it gave none. */
  readonly version: string;
  /** Empty when it gave none. */
  readonly zone: string;
  readonly dialect: 'envoy' | 'grpc';
  /** The names of its certificate; absent where it showed none. */
  readonly identity?: string;
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
  /** What it refused last, while anything that it refused has not been accepted in another version. */
  readonly nack?: Nack;
  /** What it has of each name; only where Services were asked about. */
  readonly holdings?: readonly ServiceHolding[];
}

export interface Nack {
  readonly version: string;
  readonly message: string;
  readonly atMs: EpochMs;
}

/** What a proxy has of one name of a Service. */
export interface ServiceHolding {
  readonly name: string;
  readonly service: ServiceKey;
  /** Of what was sent last. */
  readonly status: FollowStatus;
  /** Absent when nothing was sent, or that there is no such thing. */
  readonly sentVersion?: string;
  readonly acceptedVersion?: string;
  /** What is served by the name now. */
  readonly current?: { readonly version: string; readonly sinceMs: EpochMs };
  readonly nack?: Nack;
}

export function proxyViews(proxies: readonly ConnectedProxy[]): readonly ProxyView[] {
  return proxies.map(proxyView).sort((a, b) => compare(a.nodeId, b.nodeId) || compare(a.address, b.address));
}

function proxyView({ connectedAtMs, subscriptions, identity, ...proxy }: ConnectedProxy): ProxyView {
  const { nodeId, nodeCluster, version, zone, dialect, address } = proxy;
  return {
    ...{ nodeId, nodeCluster, version, zone, dialect, address },
    ...(identity === undefined ? {} : { identity }),
    connectedTime: toTime(connectedAtMs),
    subscriptions: subscriptions.map(subscriptionView),
  };
}

function subscriptionView(subscription: Subscription): SubscriptionView {
  const { type, variant, resources, sentVersion = '', ackedVersion = '', waitingSinceMs, nack } = subscription;
  return {
    type: shortTypeName(type),
    ...{ variant, resources, sentVersion, ackedVersion },
    ...(waitingSinceMs === undefined ? {} : { waitingSinceTime: toTime(waitingSinceMs) }),
    ...nackView(nack),
    status: subscriptionStatus(subscription),
    holdings: (subscription.holdings ?? []).map(holdingView),
  };
}

function subscriptionStatus({ sentVersion, waitingSinceMs, nack }: Subscription): FollowStatus {
  if (waitingSinceMs !== undefined) return 'stale';
  if (nack !== undefined) return 'error';
  return sentVersion === undefined ? 'not-sent' : 'synced';
}

function holdingView(holding: ServiceHolding): HoldingView {
  const { name, status, sentVersion = '', acceptedVersion = '', current, nack } = holding;
  const isBehind = current !== undefined && current.version !== acceptedVersion;
  return {
    name,
    status,
    sentVersion,
    ackedVersion: acceptedVersion,
    currentVersion: current?.version ?? '',
    ...(isBehind ? { behindSinceTime: toTime(current.sinceMs) } : {}),
    ...nackView(nack),
  };
}

function nackView(nack: Nack | undefined): Pick<SubscriptionView, 'nackedVersion' | 'nackMessage' | 'nackedTime'> {
  if (nack === undefined) return { nackedVersion: '', nackMessage: '' };
  return { nackedVersion: nack.version, nackMessage: nack.message, nackedTime: toTime(nack.atMs) };
}

/** `type` is the last part of its URL. */
export function isOfType(subscription: Subscription, type: string): boolean {
  return shortTypeName(subscription.type) === type;
}

function shortTypeName(typeUrl: string): string {
  return typeUrl.slice(Math.max(typeUrl.lastIndexOf('.'), typeUrl.lastIndexOf('/')) + 1);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
