/**
 * Where the decisions about each Service are: in the status of policies, as far as we have heard. The record follows the
 * Service, not the object: when the policy that holds it goes and another takes over, what was decided still stands.
 */
import type { ServiceKey } from '../../model.ts';
import { isOlder } from '../../kubernetes/resource-version.ts';
import { isRecord } from '../../is-record.ts';
import type { Change } from '../../kubernetes/reflector.ts';
import type { PolicyObject } from '../../sources/kubernetes/policy-book.ts';
import { placeIn } from './problems.ts';
import { isNewer, type KeptRecord, readRecordText, unreadable } from './record-text.ts';

/** A policy in the cluster. */
export interface Holding {
  /** `namespace/name`. */
  readonly key: string;
  readonly object: PolicyObject;
  readonly kept?: KeptRecord;
}

export interface Shelf {
  /** @returns the Services whose record may be another one now */
  follow(change: Change<PolicyObject>): readonly ServiceKey[];
  /** What a request of our own has shown, before the watch tells it. @returns as `follow` */
  put(object: PolicyObject): readonly ServiceKey[];
  /** A request of our own has shown that it is not there any more. @returns as `follow` */
  gone(holding: Holding): readonly ServiceKey[];
  /**
   * What is on record in these namespaces may be another by now, and nobody lets us look: until that is heard of again it is
   * none that can be read. @returns as `follow`
   */
  doubt(namespaces: ReadonlySet<string>): readonly ServiceKey[];
  holding(key: string): Holding | undefined;
  holdings(): readonly Holding[];
  /** The newest record of the Service, wherever it is, and if only in memory. */
  current(service: ServiceKey): KeptRecord | undefined;
  /** Services of which there is a record. */
  services(): readonly ServiceKey[];
  /** Services whose record lost its policy and is in memory only. */
  orphans(): readonly ServiceKey[];
  /** Nobody decides about the Service any more. */
  forget(service: ServiceKey): void;
}

/** More deletions than can pass between a request and its answer. */
const rememberedDeletions = 1000;

export function createShelf(): Shelf {
  const holdings = new Map<string, Holding>();
  const keysOf = new Map<ServiceKey, Set<string>>();
  const orphans = new Map<ServiceKey, KeptRecord>();
  /** An answer that comes after the object's end must not bring it back. */
  const deleted = new Set<string>();

  /** What the API server tells by itself, it knows: a cluster that was restored has objects that were deleted once. */
  function take(object: PolicyObject): readonly ServiceKey[] {
    deleted.delete(object.uid);
    return put(object);
  }

  function put(object: PolicyObject): readonly ServiceKey[] {
    const key = `${object.namespace}/${object.name}`;
    const before = holdings.get(key);
    if (deleted.has(object.uid)) return [];
    if (before?.object.uid === object.uid && isOlder(object.version, before.object.version)) return [];
    const orphaned = before !== undefined && before.object.uid !== object.uid ? clear(key, before) : [];
    const kept = keptIn(object);
    unindex(key, before);
    holdings.set(key, { key, object, ...(kept === undefined ? {} : { kept }) });
    if (kept !== undefined) keysOf.set(kept.record.service, (keysOf.get(kept.record.service) ?? new Set()).add(key));
    return [...orphaned, ...serviceOf(before), ...serviceOf(holdings.get(key))];
  }

  function drop(key: string, uid: string): readonly ServiceKey[] {
    deleted.add(uid);
    for (const each of deleted) if (deleted.size > rememberedDeletions) deleted.delete(each);
    const before = holdings.get(key);
    return before?.object.uid === uid ? clear(key, before) : [];
  }

  /** Its record may be the last there is, and its Service may have another policy: that is for others to know. */
  function clear(key: string, before: Holding): readonly ServiceKey[] {
    unindex(key, before);
    holdings.delete(key);
    const { kept } = before;
    if (kept === undefined) return [];
    const { service } = kept.record;
    if (kept.isReadable && isNewer(kept, current(service))) orphans.set(service, kept);
    return [service];
  }

  function unindex(key: string, before: Holding | undefined): void {
    for (const service of serviceOf(before)) {
      const keys = keysOf.get(service);
      keys?.delete(key);
      if (keys?.size === 0) keysOf.delete(service);
    }
  }

  function current(service: ServiceKey): KeptRecord | undefined {
    let newest = orphans.get(service);
    for (const key of keysOf.get(service) ?? []) {
      const kept = holdings.get(key)?.kept;
      if (kept !== undefined && (newest === undefined || !isNewer(newest, kept))) newest = kept;
    }
    return newest;
  }

  return {
    follow(change) {
      switch (change.kind) {
        case 'listed':
          return [
            ...[...change.gone].flatMap(([key, { uid }]) => drop(key, uid)),
            ...[...change.items.values()].flatMap(take),
          ];
        case 'changed':
          return take(change.object);
        case 'gone':
          return drop(change.key, change.before.uid);
      }
    },
    put,
    gone: ({ key, object }) => drop(key, object.uid),
    doubt(namespaces) {
      return [...holdings.values()].flatMap((holding) => {
        const { key, object, kept } = holding;
        if (kept?.isReadable !== true || !namespaces.has(object.namespace)) return [];
        const { service } = kept.record;
        const unread = `policies in ${object.namespace} cannot be listed, and who led before may have decided since`;
        holdings.set(key, { ...holding, kept: unreadable({ service, revision: 0, body: null, unread }) });
        return [service];
      });
    },
    holding: (key) => holdings.get(key),
    holdings: () => [...holdings.values()],
    current,
    services: () => [...new Set([...keysOf.keys(), ...orphans.keys()])],
    orphans: () => [...orphans].flatMap(([service, kept]) => (current(service) === kept ? [service] : [])),
    forget: (service) => void orphans.delete(service),
  };
}

function serviceOf(holding: Holding | undefined): readonly ServiceKey[] {
  return holding?.kept === undefined ? [] : [holding.kept.record.service];
}

function keptIn(policy: PolicyObject): KeptRecord | undefined {
  const { namespace, object, status } = policy;
  const text = status['record'];
  if (typeof text !== 'string' || text === '') return undefined;
  const { spec } = object;
  const service = isRecord(spec) && typeof spec['service'] === 'string' ? spec['service'] : '';
  const kept = readRecordText(text, namespace, service);
  return { ...kept, record: { ...kept.record, place: placeIn(policy) } };
}
