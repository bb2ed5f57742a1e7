/** State of the world: each request has all names the client wants now. */
import { decodeSotwRequest, type SotwRequest } from './decode.ts';
import { type Protocol, wildcard } from './protocol.ts';

const nothingKnown: ReadonlyMap<string, string> = new Map();

export const sotw: Protocol<SotwRequest> = {
  variant: 'sotw',
  // An empty response would not say it: Envoy takes that as the end of its wait and runs with an empty cluster.
  tellsAbsence: false,
  decode: decodeSotwRequest,
  createReader(subscription, legacyWildcard) {
    /** Until the client names anything, no names may mean everything; afterwards they mean nothing. */
    let hasNamed = false;

    return ({ names }, answer) => {
      hasNamed ||= names.length > 0;
      const wanted = new Set(names);
      const isWildcard = wanted.delete(wildcard) || (legacyWildcard && !hasNamed);

      let isChanged = isWildcard !== subscription.hasAll();
      if (isChanged && isWildcard) subscription.subscribeAll(nothingKnown);
      if (isChanged && !isWildcard) subscription.unsubscribeAll();
      if (wanted.size < subscription.size() || names.some((name) => name !== wildcard && !subscription.has(name))) {
        isChanged = true;
        for (const name of subscription.names()) if (!wanted.has(name)) subscription.unsubscribe(name);
        for (const name of wanted) if (!subscription.has(name)) subscription.subscribe(name);
      }

      // An Envoy that replaces a cluster repeats its last request and waits for an answer, changed or not. Without one
      // the new cluster stays cold until a timeout.
      if (answer.kind === 'repeated' && !isChanged) subscription.repeat();
    };
  },
};
