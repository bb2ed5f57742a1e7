/** What a cluster gets from us besides assignments: Events, and what is done to pods. Nothing that is served waits for it. */

import type { Clock } from './clock.ts';
import type { Engine } from './engine.ts';
import type { References } from './events/kube-event.ts';
import { createClusterEvents } from './events/observe.ts';
import { createTeller, tellerLimits } from './events/teller.ts';
import type { Fields } from './is-record.ts';
import type { KubeClient } from './kubernetes/kube-client.ts';
import type { EngineObserver } from './loop.ts';
import { splitServiceKey } from './model.ts';
import { createPodActs, type PodSettings } from './pods/acts.ts';
import { newlyInvalid } from './policy-status/refused.ts';
import type { Problem } from './problem.ts';
import type { PolicyObject } from './sources/kubernetes/policy-book.ts';
import type { ClusterObjects } from './sources/kubernetes/source.ts';
import { logDifference } from './sources/log-difference.ts';
import { type Audit, evictedRecord } from './telemetry/audit.ts';
import type { ClusterMetrics } from './telemetry/cluster-metrics.ts';
import type { Log } from './telemetry/log.ts';

export interface ClusterSideOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly engine: Pick<Engine, 'onRecord' | 'answerEviction'>;
  /** Everything is done and told once, however many replicas there are. */
  readonly leads: () => boolean;
  readonly objects: ClusterObjects;
  readonly pods: PodSettings;
  /** Of this process, for people who read an Event. */
  readonly instance: string;
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: ClusterMetrics;
}

export interface ClusterSide {
  /** The observer of the engine, and the cluster told besides. */
  around(observer: EngineObserver): EngineObserver;
  /** Until the signal aborts. */
  start(signal: AbortSignal): void;
  /** The leader wrote into the status of the policy, which was so before. */
  policyWritten(before: PolicyObject, status: Fields): void;
  problems(): readonly Problem[];
}

export function createClusterSide(options: ClusterSideOptions): ClusterSide {
  const { client, clock, engine, leads, objects, log, audit, metrics } = options;
  let reported: readonly Problem[] = [];

  const teller = createTeller({
    client,
    clock,
    instance: options.instance,
    limits: tellerLimits,
    count: (result) => {
      metrics.event(result);
      report();
    },
  });
  const events = createClusterEvents({ clock, teller, leads, references: referencesTo(objects) });
  const acts = createPodActs({
    client,
    clock,
    engine,
    leads,
    objects,
    settings: options.pods,
    onEviction(result, decision, state) {
      metrics.eviction(state.service, result);
      if (result === 'evicted') {
        audit.write(evictedRecord(decision, state, clock.now()));
        events.evicted(decision, state);
      }
      report();
    },
    onMark(result) {
      metrics.mark(result);
      report();
    },
    onProblem: (problem) => log.problem(problem),
  });

  function problems(): readonly Problem[] {
    return [...acts.problems(), ...teller.problems()];
  }

  function report(): void {
    const found = problems();
    logDifference(log, reported, found);
    reported = found;
  }

  return {
    around(observer) {
      const told = events.around(observer);
      return {
        ...told,
        changed(state) {
          told.changed(state);
          acts.wake();
        },
      };
    },
    start(signal) {
      void teller.run(signal);
      void acts.run(signal);
    },
    policyWritten({ namespace, name, uid, status: before }, status) {
      const note = newlyInvalid(before, status);
      const regarding = note === undefined ? undefined : referTo(...policyKind, namespace, name, uid);
      if (note !== undefined && regarding !== undefined) {
        teller.tell({ reason: 'PolicyInvalid', type: 'Warning', note, regarding });
      }
    },
    // Who leads no more has nothing left to do, and nobody has to mend what it once could not.
    problems: () => (leads() ? problems() : []),
  };
}

const policyKind = ['breaker.kubervisor.io/v1', 'KubervisorService'] as const;

function referencesTo({ pods, services, policyUid }: ClusterObjects): References {
  return {
    pod: (namespace, name) => referTo('v1', 'Pod', namespace, name, pods.get(`${namespace}/${name}`)?.metadata?.uid),
    service(key) {
      const { namespace, name } = splitServiceKey(key);
      return referTo('v1', 'Service', namespace, name, services.get(key)?.metadata?.uid);
    },
    policy: (namespace, name) => referTo(...policyKind, namespace, name, policyUid(`${namespace}/${name}`)),
  };
}

function referTo(apiVersion: string, kind: string, namespace: string, name: string, uid: string | undefined) {
  return uid === undefined ? undefined : { apiVersion, kind, namespace, name, uid };
}
