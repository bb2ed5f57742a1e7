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
import type { ServiceProblem } from '../../engine/engine.ts';
import { createNotifier } from '../../engine/notify.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { createPolicyWords, type PolicyWords } from '../../engine/policy-status/word.ts';
import type { Problem } from '../../engine/problem.ts';
import { type Reading, readRecord } from '../../engine/rotation/read-record.ts';
import { fromRecord } from '../../engine/rotation/record.ts';
import { emptyBreaker, initialState, type ServiceState } from '../../engine/rotation/state.ts';
import { type PolicyObject } from '../../engine/sources/kubernetes/policy-book.ts';
import { createPolicyFeed } from '../../engine/sources/kubernetes/policy-feed.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { placeIn } from '../../engine/store/kubernetes/problems.ts';
import { readRecordText } from '../../engine/store/kubernetes/record-text.ts';

export interface ClusterStates {
  states(): readonly ServiceState[];
  subscribe(listener: (service: ServiceKey) => void): () => void;
  readonly words: PolicyWords;
  health(): readonly ReflectorHealth[];
  /** Records that cannot be read, of the Service or of all: nobody is known to be out of these. */
  problems(service?: ServiceKey): readonly Problem[];
  /** As `Engine.problemsOf`. */
  problemsOf(service: ServiceKey): readonly ServiceProblem[];
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
  /** Of those that cannot be accepted, why. */
  const refused = new Map<ServiceKey, readonly Problem[]>();
  /** `namespace/name` of the policy that governs, acceptable or not: its record counts. */
  let owners: ReadonlyMap<ServiceKey, string> = new Map();
  /** By `namespace/name` of the policy. */
  const records = new Map<string, Reading & { readonly service: ServiceKey }>();
  const shared = {
    client,
    clock,
    random: Math.random,
    namespaces,
    onProblem: ({ message }: { readonly message: string }) => onDefect(new Error(message)),
  };
  const feed = createPolicyFeed(shared);
  const words = createPolicyWords(feed);
  const source = createKubernetesSource({
    ...shared,
    policies: feed,
    onPolicies(known) {
      owners = known.owners;
    },
  });

  feed.subscribe((change: Change<PolicyObject>) => {
    if (change.kind === 'listed') {
      for (const key of change.gone.keys()) records.delete(key);
      for (const object of change.items.values()) keep(object);
    } else if (change.kind === 'changed') keep(change.object);
    else records.delete(change.key);
  });

  function keep(policy: PolicyObject): void {
    const { namespace, name, object, status } = policy;
    const spec = fieldsOf(object, 'spec');
    const service = serviceKey(namespace, String(spec['service']));
    const text = status['record'];
    const kept =
      typeof text === 'string' && text !== '' ? readRecordText(text, namespace, String(spec['service'])) : undefined;
    const before = records.get(`${namespace}/${name}`)?.service;
    if (kept === undefined) records.delete(`${namespace}/${name}`);
    else {
      // Not of the spec: where that is spoiled, the record says which Service it is about.
      const { service: about, body } = kept.record;
      records.set(`${namespace}/${name}`, { ...readRecord(about, body, placeIn(policy)), service: about });
    }
    for (const each of new Set([service, before, kept?.record.service])) if (each !== undefined) notifier.notify(each);
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
          refused.delete(change.policy.service);
          notifier.notify(change.policy.service);
          break;
        case 'policy-gone':
          policies.delete(change.service);
          refused.delete(change.service);
          notifier.notify(change.service);
          break;
        case 'policy-invalid':
          // The last accepted one, which is on record, is in force.
          policies.delete(change.service);
          refused.set(change.service, change.problems);
          notifier.notify(change.service);
          break;
      }
    }
  }

  function stateOf(fleet: Fleet): ServiceState {
    const now = clock.now();
    const policy = policies.get(fleet.service);
    const kept = records.get(owners.get(fleet.service) ?? '');
    // One may be of the Service that its policy was for before: the leader puts it away.
    const known =
      kept?.kind === 'record' && kept.service === fleet.service ? fromRecord(kept.record, fleet) : initialState(fleet);
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

  function problems(of?: ServiceKey): readonly Problem[] {
    return [...records.values()].flatMap((kept) =>
      kept.kind === 'unreadable' && (of ?? kept.service) === kept.service ? [kept.problem] : [],
    );
  }

  return {
    states: () => [...fleets.values()].map(stateOf),
    subscribe: notifier.subscribe,
    words,
    health: source.health,
    problems,
    problemsOf: (service) => [
      ...problems(service).map((problem) => ({ about: 'record', problem }) as const),
      ...(refused.get(service) ?? []).map((problem) => ({ about: 'policy', problem }) as const),
    ],
    start: (signal) => source.start(onChanges, signal),
  };
}
