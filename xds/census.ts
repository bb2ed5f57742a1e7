/** How many are connected, by what they are: the present for metrics. */
import { dialectOf } from './client.ts';
import type { VariantName } from './resource.ts';
import type { Stream } from './stream.ts';
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

/** A scrape of two hundred thousand streams must not keep the others waiting: no more is looked at than is counted. */
export function takeCensus(streams: Iterable<Stream>, present: Pick<Census, 'waiting' | 'watchedNames'>): Census {
  const addresses = new Map<string, Set<string>>();
  const counts = new Map<string, StreamCount>();
  const subscriptions = new Map<string, number>();
  const unanswered = new Map<string, number>();
  for (const stream of streams) {
    const { info } = stream;
    const { peer, variant, onlyType } = info;
    // Who has not introduced itself yet may be anybody.
    const dialect = info.node() === undefined ? 'unknown' : dialectOf(info.node());
    const known = addresses.get(dialect);
    if (known === undefined) addresses.set(dialect, new Set([peer]));
    else known.add(peer);
    const type = onlyType === undefined ? 'ads' : shortType(onlyType);
    const key = `${dialect} ${variant} ${type}`;
    counts.set(key, { dialect, variant, type, count: (counts.get(key)?.count ?? 0) + 1 });
    for (const exchange of stream.exchanges()) {
      const short = shortType(exchange.typeUrl);
      add(subscriptions, short, exchange.subscription.size());
      if (exchange.isUnanswered()) add(unanswered, short, 1);
    }
  }
  const clients = new Map([...addresses].map(([dialect, { size }]) => [dialect, size]));
  return { clients, streams: [...counts.values()], subscriptions, unanswered, ...present };
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
