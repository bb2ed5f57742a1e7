/** What was decided, and how often breakers were asked. */
import { Histogram, type Registry } from 'prom-client';
import type { Judgement } from '../breakers/verdict.ts';
import { type ServiceKey, serviceKey, splitServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { RotationState } from '../rotation/decision.ts';
import type { Effect } from '../rotation/event.ts';
import type { ServiceState } from '../rotation/state.ts';
import { createTally, type Tally } from './tally.ts';

export interface DecisionCounters {
  effect(effect: Effect, state: ServiceState): void;
  evaluated(breaker: Breaker, judgement: Judgement, durationMs: number, state: ServiceState): void;
  /** Forgets the series of Services that are gone, and of breakers that their policy does not have any more. */
  retain(states: ReadonlyMap<ServiceKey, ServiceState>): void;
}

/** The `breaker` of what a person did. Prometheus takes an empty label for an absent one. */
const nobody = '';

export function createDecisionCounters(registry: Registry): DecisionCounters {
  const tally = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    createTally({ registry, name, help, labels: ['namespace', 'service', ...labels] });
  const ejections = tally('kubervisor_ejections_total', 'Backends taken out, again or anew', 'breaker', 'enforced');
  const suppressed = tally(
    'kubervisor_ejections_suppressed_total',
    'Backends found anomalous and left in, or out but not evicted, by cause',
    'breaker',
    'cause',
    'enforced',
  );
  const readmissions = tally(
    'kubervisor_readmissions_total',
    'Ends of a time out, by outcome: back in rotation for a reason, or out again',
    'outcome',
    'enforced',
  );
  const manual = tally(
    'kubervisor_manual_actions_total',
    'What people asked for, by verb and result',
    'verb',
    'result',
  );
  const evaluations = tally('kubervisor_breaker_evaluations_total', 'Evaluations of a breaker', 'breaker', 'result');
  const durations = new Histogram({
    name: 'kubervisor_breaker_evaluation_duration_seconds',
    help: 'Duration of an evaluation, query included, by kind of breaker',
    labelNames: ['detector'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });

  function transition(effect: Extract<Effect, { kind: 'transition' }>, labels: ServiceLabels): void {
    const { from, to, track, decision, why, by } = effect;
    const enforced = String(track === 'enforced');
    const breaker = decision.cause.kind === 'breaker' ? decision.cause.breaker : nobody;
    if (isAway(to) && !isAway(from)) ejections.add({ ...labels, breaker, enforced });
    if (from === 'probing' || from === 'ramping') {
      if (isAway(to)) readmissions.add({ ...labels, outcome: to === 'ejected' ? 'rebroken' : to, enforced });
    }
    if (to === 'serving' && from !== 'serving') readmissions.add({ ...labels, outcome: why, enforced });
    if (by !== undefined && why === 'manual') {
      const verb = isAway(to) && decision.cause.kind === 'manual' ? decision.cause.verb : 'restore';
      manual.add({ ...labels, verb, result: 'done' });
    }
  }

  return {
    effect(effect, state) {
      const labels = labelsOf(state.service);
      switch (effect.kind) {
        case 'transition':
          transition(effect, labels);
          break;
        case 'held': {
          const { breaker, cause, track } = effect;
          suppressed.add({ ...labels, breaker, cause, enforced: String(track === 'enforced') });
          break;
        }
        case 'refused':
          manual.add({ ...labels, verb: effect.command.verb, result: effect.cause });
          break;
        case 'suspension':
          manual.add({ ...labels, verb: effect.suspended ? 'suspend' : 'resume', result: 'done' });
          break;
        case 'freeze':
          if (effect.frozen) manual.add({ ...labels, verb: 'freeze', result: 'done' });
          else if (effect.by !== undefined) manual.add({ ...labels, verb: 'unfreeze', result: 'done' });
          break;
        case 'evict':
          break;
      }
    },
    evaluated({ name: breaker, detector }, { kind: result }, durationMs, { service }) {
      evaluations.add({ ...labelsOf(service), breaker, result });
      durations.observe({ detector: detector.kind }, durationMs / 1000);
    },
    retain(states) {
      const isKnown = ({ namespace, service }: ServiceLabels): boolean => states.has(serviceKey(namespace, service));
      const hasBreaker = ({ namespace, service, breaker }: ServiceLabels & { readonly breaker: string }): boolean => {
        const state = states.get(serviceKey(namespace, service));
        if (state === undefined) return false;
        return breaker === nobody || state.policy?.breakers.some(({ name }) => name === breaker) === true;
      };
      for (const each of [ejections, suppressed, evaluations] as readonly Tally<
        'namespace' | 'service' | 'breaker'
      >[]) {
        each.retain(hasBreaker);
      }
      readmissions.retain(isKnown);
      manual.retain(isKnown);
    },
  };
}

interface ServiceLabels {
  readonly namespace: string;
  readonly service: string;
}

function labelsOf(key: ServiceKey): ServiceLabels {
  const { namespace, name: service } = splitServiceKey(key);
  return { namespace, service };
}

/** Gets no traffic at all. */
function isAway(state: RotationState): boolean {
  return state === 'ejected' || state === 'paused' || state === 'evicted';
}
