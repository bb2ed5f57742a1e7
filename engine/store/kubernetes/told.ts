/**
 * What the engine knows of each record. Whatever we hear of one, by the watch, by an answer, or by a question of our own,
 * it is told once, in order, and not at all if it is what the engine has just had written.
 */
import type { ServiceKey } from '../../model.ts';
import type { StoreWatcher } from '../store.ts';
import { isNewer, isSameRecord, type KeptRecord } from './record-text.ts';
import type { Shelf } from './shelf.ts';

export interface Told {
  /** The engine asked for it to be written and was told that it is, or has read it itself. */
  knows(service: ServiceKey, kept: KeptRecord | undefined): void;
  /** Tells what is new of these Services. */
  tell(services: Iterable<ServiceKey>): void;
  /** All that is not told yet, our own writes included: who leads no more follows what is on record. */
  tellAll(): void;
  listen(watcher: Pick<StoreWatcher, 'record'>): void;
}

/** Under which we write the Service, while we lead. */
export type OwnEpoch = (service: ServiceKey) => number | undefined;

/** @param ownEpoch what was written in it, we wrote */
export function createTold(shelf: Shelf, ownEpoch: OwnEpoch): Told {
  const known = new Map<ServiceKey, KeptRecord>();
  let watcher: Pick<StoreWatcher, 'record'> | undefined;

  function knows(service: ServiceKey, kept: KeptRecord | undefined): void {
    if (kept === undefined) known.delete(service);
    else known.set(service, kept);
  }

  function tell(services: Iterable<ServiceKey>): void {
    for (const service of services) {
      const kept = shelf.current(service);
      const before = known.get(service);
      if (isSameRecord(kept, before)) continue;
      // Ours, unless somebody has put it back over what was told since.
      if (kept !== undefined && kept.epoch === ownEpoch(service) && isNewer(kept, before)) continue;
      knows(service, kept);
      watcher?.record(service, kept?.record);
    }
  }

  return {
    knows,
    tell,
    tellAll: () => tell(new Set([...shelf.services(), ...known.keys()])),
    listen(other) {
      watcher = other;
    },
  };
}
