/** How many are connected, by what they are: the present for metrics. */
import { clientOf, everywhere } from './client.ts';
import type { ConnectedClient } from './proxy-view.ts';
import type { VariantName } from './resource.ts';
import { shortType } from './types.ts';

export interface Census {
  /** Connections with at least one stream, by dialect. */
  readonly clients: ReadonlyMap<string, number>;
  readonly streams: readonly StreamCount[];
  /** Names asked for, by short type; everything counts as none. */
  readonly subscriptions: ReadonlyMap<string, number>;
  /** Responses that the client has not answered yet, by short type. */
  readonly unanswered: ReadonlyMap<string, number>;
  /** Streams that wait to be let in. */
  readonly waiting: number;
  /** Names that are kept because somebody watches them, each counted once. */
  readonly watchedNames: number;
}

export interface StreamCount {
  readonly dialect: string;
  readonly variant: VariantName;
  /** Short type, or `ads` for an aggregated stream. */
  readonly type: string;
  readonly count: number;
}

export function takeCensus(
  clients: readonly ConnectedClient[],
  present: Pick<Census, 'waiting' | 'watchedNames'>,
): Census {
  const dialects = new Map<string, number>();
  const streams = new Map<string, StreamCount>();
  const subscriptions = new Map<string, number>();
  const unanswered = new Map<string, number>();
  for (const client of clients) {
    // Who has not introduced itself yet may be anybody.
    const node = client[0].info.node();
    const dialect = node === undefined ? 'unknown' : clientOf(node, everywhere).class.dialect;
    add(dialects, dialect, 1);
    for (const stream of client) {
      const { info } = stream;
      const type = info.onlyType === undefined ? 'ads' : shortType(info.onlyType);
      const key = `${dialect} ${info.variant} ${type}`;
      const count = (streams.get(key)?.count ?? 0) + 1;
      streams.set(key, { dialect, variant: info.variant, type, count });
      for (const exchange of stream.exchanges()) {
        const type = shortType(exchange.typeUrl);
        add(subscriptions, type, exchange.subscription.size());
        if (exchange.isUnanswered()) add(unanswered, type, 1);
      }
    }
  }
  return { clients: dialects, streams: [...streams.values()], subscriptions, unanswered, ...present };
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
