/** Who is connected, what each asked for, and how far it has followed: made from the streams when somebody asks. */
import type { ServiceKey } from '../engine/model.ts';
import { type ConnectedClient, type ProxyView, proxyView } from './proxy-view.ts';
import type { Stream } from './stream.ts';

export interface Book {
  /** Open streams. */
  readonly streams: ReadonlySet<Stream>;
  add(stream: Stream): void;
  remove(stream: Stream): void;
  /** In the order in which they connected. */
  clients(): readonly ConnectedClient[];
  /** In that order: all; or those that ask for Services of which `about` is true, with what they have of these. */
  proxies(about?: ServiceFilter): readonly ProxyView[];
}

export type ServiceFilter = (service: ServiceKey) => boolean;

/** @param serviceOf what the name of a resource is about; undefined for what can name nothing of ours */
export function createBook(serviceOf: (name: string) => ServiceKey | undefined): Book {
  const streams = new Set<Stream>();

  function clients(): readonly ConnectedClient[] {
    const found = new Map<string, [Stream, ...Stream[]]>();
    for (const stream of streams) {
      const { info } = stream;
      const key = `${info.peer} ${info.node()?.id ?? ''}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, [stream]);
      else known.push(stream);
    }
    return [...found.values()];
  }

  return {
    streams,
    add: (stream) => void streams.add(stream),
    remove: (stream) => void streams.delete(stream),
    clients,
    proxies(about) {
      if (about === undefined) return clients().map((client) => proxyView(client));
      // Ten thousand proxies ask for the same few hundred names.
      const known = new Map<string, ServiceKey | undefined>();
      const wanted = (name: string): ServiceKey | undefined => {
        if (known.has(name)) return known.get(name);
        const service = serviceOf(name);
        const answer = service !== undefined && about(service) ? service : undefined;
        known.set(name, answer);
        return answer;
      };
      return clients()
        .map((client) => proxyView(client, wanted))
        .filter(({ subscriptions }) => subscriptions.length > 0);
    },
  };
}
