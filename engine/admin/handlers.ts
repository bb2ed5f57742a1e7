/**
 * The admin API itself: request message in, response message out, a `Refusal` thrown where it cannot be done. Both wires
 * call these and nothing else, so they cannot disagree.
 */
import type { ServiceKey } from '../model.ts';
import type { Timing } from '../rotation/context.ts';
import type { ServiceState } from '../rotation/state.ts';
import { type Acts, type ActsOptions, createActs } from './acts.ts';
import { checkFilter, findAnywhere, findService, matches } from './find.ts';
import type {
  GetRequest,
  GetResponse,
  ListRequest,
  ListResponse,
  ProxiesRequest,
  ProxiesResponse,
  ReplicaView,
  ServiceView,
  WatchRequest,
  WatchResponse,
  WhyRequest,
  WhyResponse,
} from './messages.ts';
import { panicNotes } from './panic-note.ts';
import { type ConnectedProxy, proxyViews } from './proxies.ts';
import { replicaView, serviceView, suspensionView } from './view.ts';
import { sorted, watchServices } from './watch.ts';
import { contextsOf } from './view-context.ts';
import { explain } from './why.ts';

export interface AdminOptions extends ActsOptions {
  /** The engine's own, so that `why` judges guards as the engine does. */
  readonly timing: Timing;
  /** All that are connected; or those that ask for Services of which `about` is true, with what they have of these. */
  proxies(about?: (service: ServiceKey) => boolean): readonly ConnectedProxy[];
  /** Calls back whenever a Service changed or is gone; the returned function ends that. */
  subscribe(listener: (service: ServiceKey) => void): () => void;
}

/** One name a method of the proto, in lower camel case. */
export interface AdminHandlers extends Acts {
  list(request: ListRequest): ListResponse;
  get(request: GetRequest): GetResponse;
  watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchResponse, void, void>;
  why(request: WhyRequest): WhyResponse;
  proxies(request: ProxiesRequest): ProxiesResponse;
}

export function createAdminHandlers(options: AdminOptions): AdminHandlers {
  const { engine, clock, timing } = options;
  const contextOf = contextsOf(options);
  const view = (state: ServiceState, withBackends: boolean): ServiceView =>
    serviceView(state, contextOf(state), withBackends);

  const replica = (): { readonly replica?: ReplicaView } => {
    const role = options.role?.();
    return role === undefined ? {} : { replica: replicaView(role) };
  };

  return {
    ...createActs(options),
    list({ namespace, backends }) {
      const suspension = engine.suspension();
      return {
        services: sorted(engine.states())
          .filter(({ service }) => matches(service, { namespace, name: '' }))
          .map((state) => view(state, backends)),
        ...(suspension === undefined ? {} : { suspension: suspensionView('everything', suspension) }),
        ...replica(),
      };
    },
    get: ({ namespace, name }) => ({
      service: view(findService(engine.states(), namespace, name), true),
      ...replica(),
    }),
    watch: (request, signal) =>
      watchServices(
        { clock, view, replica, states: () => engine.states(), subscribe: (listener) => options.subscribe(listener) },
        request,
        signal,
      ),
    why({ backend: text, ...filter }) {
      const { state, backend } = findAnywhere(engine.states(), text, filter);
      return { ...explain(state, backend, { ...contextOf(state), timing }), ...replica() };
    },
    proxies(filter) {
      checkFilter(filter);
      if (filter.namespace === '') return { proxies: proxyViews(options.proxies()), notes: [] };
      const isAskedFor = (service: ServiceKey): boolean => matches(service, filter);
      const proxies = options.proxies(isAskedFor);
      const states = sorted(engine.states()).filter(({ service }) => isAskedFor(service));
      return { proxies: proxyViews(proxies), notes: panicNotes(states, proxies) };
    },
  };
}
