/** Tells log, audit and metrics what the engine does. */
import type { Clock } from '../clock.ts';
import type { EngineObserver } from '../loop.ts';
import type { ServiceKey } from '../model.ts';
import { type Audit, auditRecord } from './audit.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface ObserverOptions {
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: Pick<Metrics, 'effect' | 'evaluated'>;
  readonly clock: Clock;
}

type Sight = 'judged' | 'nobody' | 'fleet-wide' | 'unusable';

export function createObserver({ log, audit, metrics, clock }: ObserverOptions): EngineObserver {
  /** By Service and breaker: only changes are worth a line, an outage of an hour is not 720 of them. */
  const sights = new Map<ServiceKey, Map<string, Sight>>();

  return {
    effect(effect, state) {
      audit.write(auditRecord(effect, state, clock.now()));
      metrics.effect(effect, state);
    },
    evaluated(breaker, judgement, durationMs, state) {
      metrics.evaluated(breaker, judgement, durationMs, state);
      const { service } = state;
      const known = sights.get(service) ?? new Map<string, Sight>();
      const before = known.get(breaker.name) ?? 'judged';
      const { kind, reason } = judgement;
      const sight = kind === 'judged' && reason !== undefined ? 'nobody' : kind;
      sights.set(service, known.set(breaker.name, sight));
      if (before === sight) return;
      const fields = { service, breaker: breaker.name };
      switch (sight) {
        case 'judged':
          log.info(fields, 'the breaker judges again');
          break;
        case 'nobody':
          log.warn({ ...fields, reason }, 'the breaker has nobody to judge: its groups are too small, or not known');
          break;
        case 'fleet-wide':
          log.warn({ ...fields, reason }, 'the breaker sees the whole fleet moved: nobody is ejected for it');
          break;
        case 'unusable':
          log.warn({ ...fields, reason }, 'the breaker cannot judge: nothing changes until it can');
          break;
      }
    },
    changed() {
      // The present is read at each scrape.
    },
    gone(service) {
      sights.delete(service);
      log.info({ service }, 'the Service is gone');
    },
    problem: (problem) => log.problem(problem),
  };
}
