/** Delta: requests add and take away names; responses have a version for each resource, and say what does not exist. */
import { type DeltaRequest, decodeDeltaRequest } from './decode.ts';
import { type Protocol, wildcard } from './protocol.ts';

export const delta: Protocol<DeltaRequest> = {
  variant: 'delta',
  absence: () => 'named',
  decode: decodeDeltaRequest,
  createReader(subscription, legacyWildcard) {
    return ({ subscribe, unsubscribe, known }, answer) => {
      // What a client says to know is taken into account for everything only. A name it asks for is always sent, even
      // one it says it has: it may have dropped it since, and an endpoint list is small.
      const remembered = answer.kind === 'first' ? known : new Map<string, string>();
      if (legacyWildcard && answer.kind === 'first' && subscribe.length === 0) subscription.subscribeAll(remembered);

      for (const name of new Set(unsubscribe)) {
        if (name === wildcard) subscription.unsubscribeAll();
        else subscription.unsubscribe(name);
      }
      for (const name of new Set(subscribe)) {
        if (name === wildcard) subscription.subscribeAll(remembered);
        else subscription.subscribe(name);
      }
    };
  },
};
