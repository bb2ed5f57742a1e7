/** What each breaker sees, and when that changes: an outage of an hour is one piece of news and not 720. */
import type { Judgement } from '../breakers/verdict.ts';
import type { ServiceKey } from '../model.ts';

/** `nobody`: it has data, and nobody that it could judge by it. */
export type Sight = 'judged' | 'nobody' | 'fleet-wide' | 'unusable';

export interface Sights {
  /** Undefined while it sees what it saw before; a breaker that was not heard of is taken to judge. */
  look(
    service: ServiceKey,
    breaker: string,
    judgement: Judgement,
  ): { readonly before: Sight; readonly now: Sight } | undefined;
  forget(service: ServiceKey): void;
}

export function createSights(): Sights {
  const sights = new Map<ServiceKey, Map<string, Sight>>();
  return {
    look(service, breaker, { kind, reason }) {
      const known = sights.get(service) ?? new Map<string, Sight>();
      const before = known.get(breaker) ?? 'judged';
      const now = kind === 'judged' && reason !== undefined ? 'nobody' : kind;
      sights.set(service, known.set(breaker, now));
      return before === now ? undefined : { before, now };
    },
    forget: (service) => void sights.delete(service),
  };
}
