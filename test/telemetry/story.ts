/** A Service whose life the test tells, run by the real state machine: what telemetry says is what really happens. */
import type { Judgement, Verdict } from '../../engine/breakers/verdict.ts';
import { type Backend, type BackendId, backendId, type ServiceKey, serviceKey } from '../../engine/model.ts';
import type { Breaker, Policy } from '../../engine/policy/policy.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Command, Effect, RotationEvent } from '../../engine/rotation/event.ts';
import { initialState, type ServiceState } from '../../engine/rotation/state.ts';
import { step } from '../../engine/rotation/step.ts';

export interface Story {
  readonly breaker: Breaker;
  state(): ServiceState;
  /** What happened since the last call. */
  effects(): readonly Effect[];
  now(): number;
  wait(ms: number): void;
  /** One evaluation: backends by number with what the breaker saw; over 10 is anomalous. */
  judge(values: Readonly<Record<number, number>>): Judgement;
  /** One evaluation that found just this. */
  tell(judgement: Judgement): Judgement;
  command(command: Command): void;
  /** Another policy; undefined: none any more. */
  setPolicy(policy: Policy | undefined): void;
  setFleet(backends: readonly Backend[]): void;
}

export const startMs = Date.UTC(2026, 10, 23, 12);

export function backend(index: number, change: Partial<Backend> = {}): Backend {
  return {
    id: backendIdOf(index),
    name: `pricer-${index}`,
    podName: `pricer-${index}`,
    ready: true,
    serving: true,
    terminating: false,
    endpoints: [{ portName: 'http', address: `10.0.0.${index}`, port: 8080 }],
    ...change,
  };
}

export function backendIdOf(index: number): BackendId {
  return backendId(`uid-${index}`);
}

export const breaker: Breaker = {
  name: 'errors',
  enforcement: 'Enforce',
  evaluationPeriodMs: 1000,
  confirm: { of: 1, atLeast: 1 },
  onNoData: 'Hold',
  source: 'default',
  match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
  detector: { kind: 'threshold', query: 'rate(errors[1s])', operator: '>', value: 10 },
  lookbackMs: 1000,
  fingerprint: 'errors-1',
};

export function policyOf(service: ServiceKey, change: Partial<Policy> = {}): Policy {
  return {
    namespace: 'shop',
    name: 'pricer-policy',
    service,
    enforcement: 'Enforce',
    settle: 0,
    eject: { how: 'Drain', then: 'None' },
    budget: {
      minAvailableCount: 2,
      minAvailableRatioPercent: 50,
      maxEjectedPercent: 34,
      velocity: { count: 3, percent: 10 },
      holdAbovePercent: 80,
      onBreach: 'Readmit',
    },
    proximity: 'None',
    warmUpMs: 0,
    breakers: [breaker],
    activator: {
      mode: 'periodic',
      periodMs: 10_000,
      maxRetryCount: 3,
      maxPauseCount: 1,
      resetAfterMs: 600_000,
      maxEvictionsPerHour: 2,
      ramp: { weights: [5, 100], stepPeriodMs: 1000 },
    },
    fingerprint: 'policy-1',
    ...change,
  };
}

export function tell(options: {
  readonly size: number;
  readonly name?: string;
  readonly policy?: Partial<Policy>;
}): Story {
  const service = serviceKey('shop', options.name ?? 'pricer');
  let nowMs = startMs;
  let effects: Effect[] = [];
  let state = initialState({ service, ports: [{ name: 'http', number: 80 }], backends: [] });

  function happen(event: RotationEvent): void {
    const result = step(state, event, {
      now: nowMs,
      epoch: 7,
      canReduce: true,
      globalVelocity: 10,
      globallySuspended: false,
      timing: defaultTiming,
    });
    state = result.state;
    effects = [...effects, ...result.effects];
  }

  const story: Story = {
    breaker,
    state: () => state,
    effects() {
      const told = effects;
      effects = [];
      return told;
    },
    now: () => nowMs,
    wait(ms) {
      nowMs += ms;
      happen({ kind: 'tick' });
    },
    judge(values) {
      nowMs += 1;
      const verdicts = new Map(
        Object.entries(values).map(([index, value]) => [backendIdOf(Number(index)), verdictOf(value)]),
      );
      return story.tell({ kind: 'judged', verdicts });
    },
    tell(judgement) {
      const baseline = { agreements: 0 };
      happen({ kind: 'judgement', breaker: breaker.name, judgement, baseline, evaluatedAtMs: nowMs, lookbackMs: 0 });
      return judgement;
    },
    command: (command) => happen({ kind: 'command', command }),
    setPolicy: (policy) => happen({ kind: 'policy', policy }),
    setFleet: (backends) => happen({ kind: 'fleet', fleet: { ...state.fleet, backends } }),
  };
  story.setFleet(Array.from({ length: options.size }, (_, index) => backend(index + 1)));
  story.setPolicy(policyOf(service, options.policy));
  story.effects();
  return story;
}

function verdictOf(value: number): Verdict {
  const bound = 10;
  return value > bound
    ? { kind: 'anomalous', severity: value / bound, value, bound, reason: `${value} is above ${bound}` }
    : { kind: 'normal', value, bound };
}
