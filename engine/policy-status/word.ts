/**
 * What an API server has about the policy of each Service besides its spec: the conditions that the leader wrote, and who
 * suspended it. It is all that whoever does not judge knows of how its breakers are.
 */
import { isDeepStrictEqual } from 'node:util';
import { fieldsOf, isRecord } from '../is-record.ts';
import { type EpochMs, type ServiceKey, serviceKey } from '../model.ts';
import type { Change } from '../kubernetes/reflector.ts';
import { createNotifier } from '../notify.ts';
import { byAge } from '../policy/conflicts.ts';
import type { Suspension } from '../rotation/state.ts';
import type { PolicyObject } from '../sources/kubernetes/policy-book.ts';
import type { PolicyFeed } from '../sources/kubernetes/policy-feed.ts';
import type { Condition } from './conditions.ts';
import { suspensionOn } from './suspended.ts';

export interface PolicyWord {
  readonly name: string;
  /** As they were written last; empty before the first time. */
  readonly conditions: readonly Condition[];
  /** By `kubervisor suspend`, in the policy itself. */
  readonly suspension?: Suspension;
}

export interface PolicyWords {
  /** Of several policies for the Service the oldest: it governs, valid or not. */
  of(service: ServiceKey): PolicyWord | undefined;
  /** Calls back when there is another word about a Service; the returned function ends that. */
  subscribe(listener: (service: ServiceKey) => void): () => void;
}

interface Entry {
  readonly service: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly createdAtMs: EpochMs;
  readonly word: PolicyWord;
}

/** To be called before the feed starts. */
export function createPolicyWords(feed: Pick<PolicyFeed, 'subscribe'>): PolicyWords {
  const entries = new Map<string, Entry>();
  const keysOf = new Map<ServiceKey, Set<string>>();
  const notifier = createNotifier();

  function put(key: string, entry: Entry | undefined): void {
    const before = entries.get(key);
    if (isDeepStrictEqual(before, entry)) return;
    if (before !== undefined) {
      keysOf.get(before.service)?.delete(key);
      if (keysOf.get(before.service)?.size === 0) keysOf.delete(before.service);
      entries.delete(key);
    }
    if (entry !== undefined) {
      entries.set(key, entry);
      keysOf.set(entry.service, (keysOf.get(entry.service) ?? new Set()).add(key));
    }
    for (const service of new Set([before?.service, entry?.service])) {
      if (service !== undefined) notifier.notify(service);
    }
  }

  feed.subscribe((change: Change<PolicyObject>) => {
    switch (change.kind) {
      case 'listed':
        for (const key of change.gone.keys()) if (!change.items.has(key)) put(key, undefined);
        for (const [key, policy] of change.items) put(key, entryOf(policy));
        break;
      case 'changed':
        put(change.key, entryOf(change.object));
        break;
      case 'gone':
        put(change.key, undefined);
        break;
    }
  });

  return {
    of(service) {
      const found = [...(keysOf.get(service) ?? [])].flatMap((key) => entries.get(key) ?? []);
      return found.toSorted(byAge)[0]?.word;
    },
    subscribe: notifier.subscribe,
  };
}

function entryOf({ namespace, name, object, status }: PolicyObject): Entry | undefined {
  const { service, enforcement } = fieldsOf(object, 'spec');
  if (typeof service !== 'string') return undefined;
  const { creationTimestamp, annotations } = fieldsOf(object, 'metadata');
  const suspension = enforcement === 'Suspended' ? suspensionOn(fieldsOf(annotations)) : undefined;
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [];
  return {
    service: serviceKey(namespace, service),
    namespace,
    name,
    createdAtMs: Date.parse(String(creationTimestamp)),
    word: {
      name,
      conditions: conditions.map(({ type, status: is, reason, message }) => ({
        type: String(type),
        status: is === 'True' || is === 'False' ? is : 'Unknown',
        reason: String(reason),
        message: String(message),
      })),
      ...(suspension === undefined ? {} : { suspension }),
    },
  };
}
