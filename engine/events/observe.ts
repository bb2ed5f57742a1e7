/** Tells the cluster, by Events, what the engine tells its observers; only whoever leads does. */
import type { Clock } from '../clock.ts';
import type { EngineObserver } from '../loop.ts';
import type { Decision } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';
import { createSights } from '../telemetry/sight.ts';
import { detector, evicted, type Happening, happeningsOf } from './happening.ts';
import { type References, tellingsOf } from './kube-event.ts';
import type { Teller } from './teller.ts';

export interface EventsOptions {
  readonly clock: Clock;
  readonly teller: Pick<Teller, 'tell'>;
  readonly references: References;
  /** Everything is told once, however many replicas there are. */
  readonly leads: () => boolean;
}

export interface ClusterEvents {
  /** The observer, and Events besides. */
  around(observer: EngineObserver): EngineObserver;
  evicted(decision: Decision, state: ServiceState): void;
}

export function createClusterEvents({ clock, teller, references, leads }: EventsOptions): ClusterEvents {
  const sights = createSights();

  function tell(happenings: readonly Happening[], { service, policy }: ServiceState): void {
    for (const happening of happenings) {
      for (const telling of tellingsOf(happening, service, policy, references)) teller.tell(telling);
    }
  }

  return {
    around: (observer) => ({
      ...observer,
      effect(effect, state) {
        observer.effect(effect, state);
        if (leads()) tell(happeningsOf(effect, state, clock.now()), state);
      },
      evaluated(breaker, judgement, durationMs, state) {
        observer.evaluated(breaker, judgement, durationMs, state);
        const change = sights.look(state.service, breaker.name, judgement);
        if (change === undefined || !leads()) return;
        const isBlind = change.now === 'unusable';
        if (isBlind || change.before === 'unusable') tell([detector(breaker.name, !isBlind)], state);
      },
      gone(service) {
        observer.gone(service);
        sights.forget(service);
      },
    }),
    evicted(decision, state) {
      tell([evicted(decision, state, clock.now())], state);
    },
  };
}
