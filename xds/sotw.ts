/** State of the world: each request has all names the client wants now. */
import { decodeSotwRequest, type SotwRequest } from './decode.ts';
import { type Protocol, wildcard } from './protocol.ts';

const nothingKnown: ReadonlyMap<string, string> = new Map();

export const sotw: Protocol<SotwRequest> = {
  variant: 'sotw',
  absence(isFullState, dialect) {
    if (isFullState) return 'left out';
    // Envoy does not know the field for it, would take a response without endpoints as the end of its wait, and run with
    // an empty cluster. gRPC clients wait for something to tell their callers; an error is of a name that was said.
    return dialect === 'grpc' ? 'named if asked for' : 'silent';
  },
  decode: decodeSotwRequest,
  createReader(subscription, legacyWildcard) {
    /** Until the client names anything, no names may mean everything; afterwards they mean nothing. */
    let hasNamed = false;

    return ({ names }, answer) => {
      hasNamed ||= names.length > 0;
      // Most acknowledgements: they come by the thousand, and need no sets to be compared.
      const [only = wildcard] = names;
      if (names.length === 1 && subscription.size() === 1 && subscription.has(only) && !subscription.hasAll()) {
        if (answer.kind === 'repeated') subscription.repeat();
        return;
      }
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
