/** The present of every Service, as its state has it at the moment of a scrape. */
import { outOf } from '../budget/arithmetic.ts';
import { Gauge, type Registry } from 'prom-client';
import { members } from '../model.ts';
import { budgetOfService, servingIn } from '../rotation/capacity.ts';
import { isOut } from '../rotation/decision.ts';
import type { LastJudgement, ServiceState } from '../rotation/state.ts';
import { createCohortGauges } from './cohort-gauges.ts';
import { type BackendState, backendStates, splitLabels, stateOf } from './service-labels.ts';

export interface ServiceGauges {
  show(states: readonly ServiceState[]): void;
}

export function createServiceGauges(registry: Registry, maxBackendSeries: number): ServiceGauges {
  const gauge = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    new Gauge({ name, help, labelNames: ['namespace', 'service', ...labels], registers: [registry] });
  const endpoints = gauge('kubervisor_endpoints', 'Backends by state; every state but serving counts as out', 'state');
  const minAvailable = gauge('kubervisor_budget_min_available', 'Backends that must stay ready and serving');
  const allowed = gauge('kubervisor_budget_ejections_allowed', 'Backends that may still be taken out');
  const lastEvaluation = gauge(
    'kubervisor_breaker_last_evaluation_timestamp_seconds',
    'When the breaker was evaluated last, usable or not',
    'breaker',
  );
  const coverage = gauge(
    'kubervisor_breaker_coverage_ratio',
    'Share of the backends that serve, are ready and warm of which the breaker had data last',
    'breaker',
  );
  const values = gauge('kubervisor_breaker_value', 'What the breaker saw of the backend', 'breaker', 'backend');
  const thresholds = gauge(
    'kubervisor_breaker_threshold',
    'The bound that the value of the backend was compared with',
    'breaker',
    'backend',
  );
  const cohorts = createCohortGauges(registry);
  const all = [coverage, endpoints, minAvailable, allowed, lastEvaluation, values, thresholds];

  function showBreakers(state: ServiceState, onlyConspicuous: boolean): void {
    const names = new Map(state.fleet.backends.map(({ id, name }) => [id, name]));
    for (const [breaker, { last }] of state.breakers) {
      if (last === undefined) continue;
      lastEvaluation.set({ ...splitLabels(state), breaker }, last.receivedAtMs / 1000);
      coverage.set({ ...splitLabels(state), breaker }, shareSeen(last));
      for (const [id, verdict] of last.verdicts) {
        const backend = names.get(id);
        if (backend === undefined || (verdict.kind !== 'normal' && verdict.kind !== 'anomalous')) continue;
        const isConspicuous = verdict.kind === 'anomalous' || isOut(state.enforced.decisions.get(id));
        if (onlyConspicuous && !isConspicuous) continue;
        const labels = { ...splitLabels(state), breaker, backend };
        values.set(labels, verdict.value);
        thresholds.set(labels, verdict.bound);
      }
    }
  }

  return {
    show(states) {
      for (const each of all) each.reset();
      cohorts.reset();
      const onlyConspicuous = countVerdicts(states) * 2 > maxBackendSeries;
      for (const state of states) {
        const labels = splitLabels(state);
        const counts = countStates(state);
        for (const each of backendStates) endpoints.set({ ...labels, state: each }, counts.get(each) ?? 0);
        const budget = budgetOfService(state);
        minAvailable.set(labels, budget.floor);
        const out = outOf(budget, servingIn(state, 'enforced').length);
        allowed.set(labels, Math.max(0, budget.maxOut - out));
        showBreakers(state, onlyConspicuous);
        cohorts.show(state, labels);
      }
    },
  };
}

function countStates(state: ServiceState): ReadonlyMap<BackendState, number> {
  const counts = new Map<BackendState, number>();
  for (const backend of members(state.fleet)) {
    const its = stateOf(state, backend);
    counts.set(its, (counts.get(its) ?? 0) + 1);
  }
  return counts;
}

function countVerdicts(states: readonly ServiceState[]): number {
  let count = 0;
  for (const { breakers } of states) for (const { last } of breakers.values()) count += last?.verdicts.size ?? 0;
  return count;
}

/** Of an evaluation that could not be used nothing was seen; where there is nobody to see, nothing is missing. */
function shareSeen({ kind, coverage }: LastJudgement): number {
  if (kind === 'unusable') return 0;
  return coverage === undefined || coverage.of === 0 ? 1 : coverage.seen / coverage.of;
}
