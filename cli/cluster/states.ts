/**
 * What is known of Services from the cluster alone, as a replica that follows knows it: the fleet as it is, the policy in
 * force, and the decisions on record. Nothing is judged and nothing moves here.
 */
import { recordReady } from '../../engine/budget/base.ts';
import type { Clock } from '../../engine/clock.ts';
import { fieldsOf } from '../../engine/is-record.ts';
import type { KubeClient } from '../../engine/kubernetes/kube-client.ts';
import type { Change, ReflectorHealth } from '../../engine/kubernetes/reflector.ts';
import { type Fleet, members, type ServiceKey, serviceKey } from '../../engine/model.ts';
import { createNotifier } from '../../engine/notify.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { recordIn } from '../../engine/rotation/read-record.ts';
import { fromRecord, type ServiceRecord } from '../../engine/rotation/record.ts';
import { emptyBreaker, initialState, type ServiceState } from '../../engine/rotation/state.ts';
import { type PolicyObject } from '../../engine/sources/kubernetes/policy-book.ts';
import { createPolicyFeed } from '../../engine/sources/kubernetes/policy-feed.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { parseRecord } from '../../engine/store/record.ts';
import type { JsonValue } from '../../engine/store/store.ts';

export interface ClusterStates {
  states(): readonly ServiceState[];
  subscribe(listener: (service: ServiceKey) => void): () => void;
  health(): readonly ReflectorHealth[];
  /** Resolves when all was read; until then there are no states. */
  start(signal: AbortSignal): Promise<void>;
}

/** As in the budget of a replica. */
const peakWindowMs = 600_000;

export function createClusterStates(
  client: KubeClient,
  clock: Clock,
  namespaces: readonly string[],
  onDefect: (error: Error) => void,
): ClusterStates {
  const notifier = createNotifier();
  const fleets = new Map<ServiceKey, Fleet>();
  const policies = new Map<ServiceKey, Policy>();
  /** By `namespace/name` of the policy. */
  const records = new Map<string, ServiceRecord>();
  const shared = {
    client,
    clock,
    random: Math.random,
    namespaces,
    onProblem: ({ message }: { readonly message: string }) => onDefect(new Error(message)),
  };
  const feed = createPolicyFeed(shared);
  const source = createKubernetesSource({ ...shared, policies: feed });

  feed.subscribe((change: Change<PolicyObject>) => {
    if (change.kind === 'listed') {
      for (const key of change.gone.keys()) records.delete(key);
      for (const object of change.items.values()) keep(object);
    } else if (change.kind === 'changed') keep(change.object);
    else records.delete(change.key);
  });

  function keep({ namespace, name, object, status }: PolicyObject): void {
    const spec = fieldsOf(object, 'spec');
    const service = serviceKey(namespace, String(spec['service']));
    const record = readRecord(status['record'], service);
    if (record === undefined) records.delete(`${namespace}/${name}`);
    else records.set(`${namespace}/${name}`, record);
    notifier.notify(service);
  }

  function onChanges(changes: readonly SourceChange[]): void {
    for (const change of changes) {
      switch (change.kind) {
        case 'fleet':
          fleets.set(change.fleet.service, change.fleet);
          notifier.notify(change.fleet.service);
          break;
        case 'fleet-gone':
          fleets.delete(change.service);
          notifier.notify(change.service);
          break;
        case 'policy':
          policies.set(change.policy.service, change.policy);
          notifier.notify(change.policy.service);
          break;
        case 'policy-gone':
          policies.delete(change.service);
          notifier.notify(change.service);
          break;
        case 'policy-invalid':
          // The last accepted one, which is on record, is in force.
          break;
      }
    }
  }

  function stateOf(fleet: Fleet): ServiceState {
    const now = clock.now();
    const policy = policies.get(fleet.service);
    const record = policy === undefined ? undefined : records.get(`${policy.namespace}/${policy.name}`);
    const known = record === undefined ? initialState(fleet) : fromRecord(record, fleet);
    const inForce = policy ?? known.policy;
    const ready = members(fleet).filter((backend) => backend.ready).length;
    return {
      ...known,
      ...(inForce === undefined ? {} : { policy: inForce }),
      breakers: new Map(
        inForce?.breakers.map(({ name, fingerprint }) => [name, known.breakers.get(name) ?? emptyBreaker(fingerprint)]),
      ),
      peaks: recordReady(known.peaks, ready, now, peakWindowMs),
      asOfMs: now,
    };
  }

  return {
    states: () => [...fleets.values()].map(stateOf),
    subscribe: notifier.subscribe,
    health: source.health,
    start: (signal) => source.start(onChanges, signal),
  };
}

/** Undefined where there is none that this version can read: nobody is known to be out then. */
function readRecord(text: unknown, service: ServiceKey): ServiceRecord | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return recordIn(service, parseRecord(JSON.parse(text) as JsonValue, service)?.record.body);
  } catch {
    return undefined;
  }
}
