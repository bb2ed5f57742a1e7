/** One connected client as people are shown it: plain data. */
import type { EpochMs, ServiceKey } from '../engine/model.ts';
import { dialectOf } from './client.ts';
import type { Exchange, ExchangeView } from './exchange.ts';
import { type Holding, type HoldingStatus, holdingStatus } from './holding.ts';
import type { Resource, VariantName } from './resource.ts';
import type { Stream } from './stream.ts';
import type { NameView, Subscription } from './subscription.ts';

export interface ProxyView {
  /** Empty when it gave none. */
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** Such as `envoy 1.40.0`; empty when it gave none. */
  readonly version: string;
  /** Empty when it gave none. */
  readonly zone: string;
  /** What it is served as. */
  readonly dialect: 'envoy' | 'grpc';
  /** The names of its certificate; absent where it showed none. */
  readonly identity?: string;
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
  /** What it has of the names that were asked about; absent when none were. */
  readonly holdings?: readonly HoldingView[];
}

export interface HoldingView {
  readonly name: string;
  readonly service: ServiceKey;
  readonly status: HoldingStatus;
  /** Absent when nothing was sent, and when the client was told that there is no such thing. */
  readonly sentVersion?: string;
  readonly acceptedVersion?: string;
  /** Refused, and nothing accepted since. */
  readonly nack?: NonNullable<ExchangeView['nack']>;
  /** What is served by this name now. */
  readonly current?: { readonly version: string; readonly sinceMs: EpochMs };
}

/** One node on one connection. An Envoy without ADS has a stream for each of its clusters on it. Never empty. */
export type ConnectedClient = readonly [Stream, ...(readonly Stream[])];

/** The Service that a name is about, if anybody wants to know of it. */
export type WantedService = (name: string) => ServiceKey | undefined;

/** With `wanted` it has holdings, and only subscriptions that have any. */
export function proxyView(client: ConnectedClient, wanted?: WantedService): ProxyView {
  const [{ info }] = client;
  const node = info.node();
  const { id = '', cluster = '', zone = '', userAgentName = '', userAgentVersion = '' } = node ?? {};
  return {
    nodeId: id,
    nodeCluster: cluster,
    version: `${userAgentName} ${userAgentVersion}`.trim(),
    zone,
    dialect: dialectOf(node),
    ...(info.names.length === 0 ? {} : { identity: info.names.map(({ value }) => value).join(' ') }),
    address: info.peer,
    // Streams are in the order in which they were opened.
    connectedAtMs: client[0].openedAtMs,
    subscriptions: client.flatMap((stream) =>
      [...stream.exchanges()].flatMap((exchange) => subscriptionView(exchange, stream.info.variant, wanted)),
    ),
  };
}

function subscriptionView(
  exchange: Exchange,
  variant: VariantName,
  wanted: WantedService | undefined,
): readonly SubscriptionView[] {
  const { typeUrl, subscription } = exchange;
  const holdings = wanted && holdingViews(subscription, wanted);
  if (holdings?.length === 0) return [];
  return [
    {
      type: typeUrl,
      variant,
      resources: subscription.count(),
      ...exchange.view(),
      // Most who look at ten thousand proxies do not look at a million names.
      get names() {
        return subscription.view();
      },
      ...(holdings === undefined ? {} : { holdings }),
    },
  ];
}

function holdingViews(subscription: Subscription, wanted: WantedService): readonly HoldingView[] {
  const views: HoldingView[] = [];
  for (const name of subscription.watched()) {
    const service = wanted(name);
    const holding = service === undefined ? undefined : subscription.holding(name);
    if (service === undefined || holding === undefined) continue;
    views.push(holdingView(holding, service, subscription.current(name)));
  }
  return views;
}

function holdingView(holding: Holding, service: ServiceKey, current: Resource | undefined): HoldingView {
  const { name, sent, accepted, refused } = holding;
  return {
    name,
    service,
    status: holdingStatus(holding),
    ...(sent === undefined ? {} : { sentVersion: sent.version }),
    ...(accepted === undefined ? {} : { acceptedVersion: accepted.version }),
    ...(refused === undefined
      ? {}
      : { nack: { version: refused.resource.version, message: refused.message, atMs: refused.atMs } }),
    ...(current === undefined ? {} : { current: { version: current.version, sinceMs: current.servedSinceMs } }),
  };
}
