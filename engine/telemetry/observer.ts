/** Tells log, audit and metrics what the engine does. */
import type { Clock } from '../clock.ts';
import type { EngineObserver } from '../loop.ts';
import type { ServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';
import { type Audit, auditRecord } from './audit.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { createSights } from './sight.ts';

export interface ObserverOptions {
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: Pick<Metrics, 'effect' | 'evaluated'>;
  readonly clock: Clock;
  /** Why a breaker can have no answer whomever it asks; undefined: nothing of the kind. */
  readonly whyBlind?: (service: ServiceKey, breaker: Breaker) => Problem | undefined;
}

export function createObserver({ log, audit, metrics, clock, whyBlind }: ObserverOptions): EngineObserver {
  const sights = createSights();

  return {
    effect(effect, state) {
      audit.write(auditRecord(effect, state, clock.now()));
      metrics.effect(effect, state);
    },
    evaluated(breaker, judgement, durationMs, state) {
      metrics.evaluated(breaker, judgement, durationMs, state);
      const { service } = state;
      const { reason } = judgement;
      const change = sights.look(service, breaker.name, judgement);
      if (change === undefined) return;
      const fields = { service, breaker: breaker.name };
      switch (change.now) {
        case 'judged':
          log.info(fields, 'the breaker judges again');
          break;
        case 'nobody':
          log.warn({ ...fields, reason }, 'the breaker has nobody to judge: its groups are too small, or not known');
          break;
        case 'fleet-wide':
          log.warn({ ...fields, reason }, 'the breaker sees the whole fleet moved: nobody is ejected for it');
          break;
        case 'unusable': {
          const problem = whyBlind?.(service, breaker);
          if (problem !== undefined) log.problem(problem, fields);
          else log.warn({ ...fields, reason }, 'the breaker cannot judge: nothing changes until it can');
          break;
        }
      }
    },
    changed() {
      // The present is read at each scrape.
    },
    gone(service) {
      sights.forget(service);
      log.info({ service }, 'the Service is gone');
    },
    problem: (problem) => log.problem(problem),
    role(role) {
      if (role.kind === 'leading') log.info({ epoch: role.epoch }, 'leading: this replica decides');
      else log.info({ leader: role.leader ?? '' }, 'following: another replica decides, or none; what is served stays');
    },
  };
}
