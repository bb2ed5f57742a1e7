/** Writes records into the status of the policies that govern, and out of that of those that do not. */
import type { ServiceKey } from '../../model.ts';
import type { Lane } from '../lane.ts';
import { createLane } from '../lane.ts';
import type { JsonValue, SaveResult } from '../store.ts';
import { noRevision } from '../store.ts';
import { KubeError } from '../../kubernetes/kube-client.ts';
import type { Pace } from './pace.ts';
import type { PatchResult, PatchStatus, StatusPatch } from './patch-status.ts';
import { noPolicy, notLeading, notWritten, recordFull } from './problems.ts';
import { isSameRecord, isTooLarge, recordText } from './record-text.ts';
import type { Holding, Shelf } from './shelf.ts';
import type { OwnEpoch, Told } from './told.ts';

export interface RecordsOptions {
  readonly shelf: Shelf;
  readonly told: Told;
  readonly pace: Pace;
  readonly patch: PatchStatus;
  /** `namespace/name` of the policy that governs the Service. */
  readonly ownerOf: (service: ServiceKey) => string | undefined;
  /** Whether `ownerOf` takes this object into account, as it is. */
  readonly isKnown: (holding: Holding) => boolean;
  readonly ownEpoch: OwnEpoch;
  /** What the status says to people, with this record. */
  readonly peopleOf: (holding: Holding, body: JsonValue | undefined) => StatusPatch;
  /** What came of a write with all that a status has. */
  readonly onPut: (holding: Holding, result: PatchResult) => void;
  readonly signal: AbortSignal;
}

export interface Records {
  /** As `Store.save`. */
  save(service: ServiceKey, body: JsonValue, expectedRevision: number): Promise<SaveResult>;
  /** Whether a write of the Service is under way. */
  isSaving(service: ServiceKey): boolean;
  /** Every record to the policy that governs its Service, and to no other. Does what it can; to be called again. */
  tidy(): Promise<void>;
  idle(): Promise<void>;
}

/** One Service. */
interface Slot {
  /** Given and not taken for a write yet. */
  body: JsonValue | undefined;
  /** The revision that the caller knew when it gave it. */
  basis: number;
  /** The highest revision that any write of ours had, whatever came of it. */
  tried: number;
  result: SaveResult | undefined;
  pending: number;
  readonly lane: Lane<JsonValue, SaveResult>;
}

/** Somebody edits the object again and again just then: more often than this it is not a person. */
const attempts = 5;
/** Where the server says wait without saying how long. */
const pauseMs = 1_000;

export function createRecords(options: RecordsOptions): Records {
  const { shelf, told, pace, patch, ownerOf, isKnown, ownEpoch, peopleOf, onPut, signal } = options;
  const slots = new Map<ServiceKey, Slot>();

  function slotOf(service: ServiceKey): Slot {
    const existing = slots.get(service);
    if (existing !== undefined) return existing;
    const slot: Slot = {
      body: undefined,
      basis: noRevision,
      tried: noRevision,
      result: undefined,
      pending: 0,
      lane: createLane(() => write(service, slot)),
    };
    slots.set(service, slot);
    return slot;
  }

  /** Why the record that is there may not be replaced by one that is based on `basis`. */
  function isOvertaken(service: ServiceKey, basis: number): boolean {
    const kept = shelf.current(service);
    if (kept === undefined) return basis !== noRevision;
    const own = ownEpoch(service);
    if (!kept.isReadable || kept.epoch > (own ?? 0)) return true;
    // A write of ours of which we had no answer is no other's.
    return kept.record.revision !== basis && kept.epoch !== own;
  }

  function conflict(service: ServiceKey): SaveResult {
    const current = shelf.current(service)?.record;
    return current === undefined ? { kind: 'conflict' } : { kind: 'conflict', current };
  }

  async function write(service: ServiceKey, slot: Slot): Promise<SaveResult> {
    const key = ownerOf(service);
    if (key !== undefined) await pace.turn(key, signal);
    // What was given while we waited goes with it, and then the write that was to follow has nothing left to do.
    if (slot.body === undefined && slot.result !== undefined) return slot.result;
    const body = slot.body ?? null;
    slot.body = undefined;
    slot.result = await writeNow(service, slot, body);
    return slot.result;
  }

  async function writeNow(service: ServiceKey, slot: Slot, body: JsonValue): Promise<SaveResult> {
    let error = new KubeError('it is changed by others again and again');
    for (let left = attempts; left > 0; left--) {
      const epoch = ownEpoch(service);
      if (epoch === undefined) return { kind: 'failed', problem: notLeading(service) };
      if (isOvertaken(service, slot.basis)) return conflict(service);
      const current = shelf.current(service);
      const key = ownerOf(service);
      const holding = key === undefined ? undefined : shelf.holding(key);
      if (key === undefined || holding === undefined) return { kind: 'failed', problem: noPolicy(service) };
      await makeRoom(holding, service);

      slot.tried = Math.max(current?.record.revision ?? noRevision, slot.tried) + 1;
      const record = { service, revision: slot.tried, body };
      const text = recordText(record, epoch);
      if (isTooLarge(text)) return { kind: 'full', problem: recordFull(service) };
      const result = await put(shelf.holding(key) ?? holding, body, text);
      if (result.kind === 'done' || shelf.holding(key)?.object.status['record'] === text) {
        told.knows(service, { record, epoch, isReadable: true });
        return { kind: 'saved', revision: record.revision };
      }
      if (result.kind === 'overtaken') continue;
      error = result.error;
      if (error.status === 413) return { kind: 'full', problem: recordFull(service) };
      if (result.kind === 'unknown' || error.status !== 429) break;
      pace.holdOff(error.retryAfterMs ?? pauseMs);
      await pace.turn(key, signal);
    }
    const { namespace } = splitKey(ownerOf(service) ?? service);
    return { kind: 'failed', problem: notWritten(service, verb, namespace, error) };
  }

  /** With what people read beside it, or without, where the API server does not take that. */
  async function put(holding: Holding, body: JsonValue | undefined, record: string | null): Promise<PatchResult> {
    const result = await patch(holding, { ...peopleOf(holding, body), record });
    onPut(holding, result);
    const isInvalid = result.kind === 'refused' && result.error.status === 422;
    return isInvalid ? patch(shelf.holding(holding.key) ?? holding, { record }) : result;
  }

  /** A policy that was for another Service before may hold the last that is known of that one. */
  async function makeRoom({ kept }: Holding, service: ServiceKey): Promise<void> {
    if (kept !== undefined && kept.record.service !== service) await carry(kept.record.service);
  }

  /** The record to the policy that governs now, as it is. */
  async function carry(service: ServiceKey): Promise<void> {
    const kept = shelf.current(service);
    const key = ownerOf(service);
    const holding = key === undefined ? undefined : shelf.holding(key);
    const epoch = ownEpoch(service);
    if (kept === undefined || !kept.isReadable || holding === undefined || epoch === undefined) return;
    if (isSameRecord(holding.kept, kept) || kept.epoch > epoch) return;
    const slot = slotOf(service);
    slot.tried = Math.max(kept.record.revision, slot.tried) + 1;
    const { body } = kept.record;
    const text = recordText({ service, revision: slot.tried, body }, epoch);
    await pace.turn(holding.key, signal);
    await put(holding, body, text);
  }

  async function clear(holding: Holding): Promise<void> {
    await pace.turn(holding.key, signal);
    const now = shelf.holding(holding.key);
    if (now === undefined || !isSameRecord(now.kept, holding.kept)) return;
    await put(now, undefined, null);
  }

  return {
    async save(service, body, expectedRevision) {
      if (ownEpoch(service) === undefined) return { kind: 'failed', problem: notLeading(service) };
      if (isOvertaken(service, expectedRevision)) return conflict(service);
      const slot = slotOf(service);
      slot.body = body;
      slot.basis = expectedRevision;
      slot.pending += 1;
      try {
        return await slot.lane.write(body);
      } finally {
        slot.pending -= 1;
      }
    },
    isSaving: (service) => (slots.get(service)?.pending ?? 0) > 0,
    async tidy() {
      for (const service of shelf.orphans()) if (ownerOf(service) !== undefined) await carry(service);
      for (const holding of shelf.holdings()) {
        const { key, kept } = holding;
        if (kept === undefined || !kept.isReadable || ownEpoch(kept.record.service) === undefined) continue;
        const { service } = kept.record;
        const owner = ownerOf(service);
        if (owner === key) continue;
        if (owner !== undefined && isSameRecord(shelf.current(service), kept)) await carry(service);
        // What we have heard of before those who say who governs is nobody's to put away yet.
        const isOver = owner === undefined ? isKnown(holding) : !isSameRecord(shelf.current(service), kept);
        if (isOver) await clear(holding);
      }
      for (const [service, { pending }] of slots) {
        if (pending === 0 && shelf.current(service) === undefined && ownerOf(service) === undefined)
          slots.delete(service);
      }
    },
    async idle() {
      await Promise.all([...slots.values()].map(({ lane }) => lane.idle()));
    },
  };
}

const verb = 'patch kubervisorservices/status';

function splitKey(key: string): { readonly namespace: string } {
  return { namespace: key.slice(0, key.indexOf('/')) };
}
