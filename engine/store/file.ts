/**
 * Decisions in a directory: one document per Service (`NAMESPACE.SERVICE.json`), `global.json` and `epoch.json`. For
 * one process on one machine; documents.ts says why a crash at any instant loses nothing that was acknowledged.
 */
import { join } from 'node:path';
import type { ServiceKey } from '../model.ts';
import type { Problem } from '../problem.ts';
import { ProblemError } from '../problem.ts';
import type { FoundDocument } from './documents.ts';
import { openDocuments } from './documents.ts';
import type { FileOps } from './file-ops.ts';
import { nodeFileOps } from './file-ops.ts';
import type { Lane } from './lane.ts';
import { createLane } from './lane.ts';
import { lockDirectory } from './lock.ts';
import { failedWrite, foreignFile, misplacedState, noRoom, placeIn, unusableDirectory } from './problems.ts';
import type { Processes } from './processes.ts';
import { linuxProcesses } from './processes.ts';
import { documentName, epochPayload, parseDocumentName, parseEpoch, parseRecord, recordPayload } from './record.ts';
import type {
  JsonValue,
  RemoveResult,
  SaveGlobalResult,
  SaveResult,
  Store,
  StoredRecord,
  StoredState,
} from './store.ts';
import { noRevision } from './store.ts';

export interface FileStoreOptions {
  /** Created, for the owner only, where missing. */
  readonly directory: string;
  /** For tests. Default: the file system. */
  readonly ops?: FileOps;
  /** For tests. Default: /proc. */
  readonly processes?: Processes;
}

/** One Service: what is durable as far as we were told, and its writes. */
interface Slot {
  record: StoredRecord | undefined;
  /** Its removal is the last thing that was asked for: whoever asked may count it as gone already. */
  leaving: boolean;
  readonly lane: Lane<JsonValue, SaveResult>;
}

type Failure = Extract<SaveResult, { readonly kind: 'full' | 'failed' }>;

const epochName = 'epoch';
const globalName = 'global';

export function createFileStore(options: FileStoreOptions): Store {
  const { directory, ops = nodeFileOps, processes = linuxProcesses } = options;
  const documents = openDocuments(directory, ops);
  const slots = new Map<ServiceKey, Slot>();
  let epoch = 0;
  let lastRevision = noRevision;
  let unlock: (() => Promise<void>) | undefined;

  function slotOf(service: ServiceKey): Slot {
    const existing = slots.get(service);
    if (existing !== undefined) return existing;
    const slot: Slot = {
      record: undefined,
      leaving: false,
      lane: createLane((body) =>
        attempt(service, async () => {
          // Never the number of a write that failed: it may have reached the disk, with another body.
          lastRevision += 1;
          const record = { service, revision: lastRevision, body };
          await documents.write(documentName(service), recordPayload(record, epoch));
          slot.record = record;
          return { kind: 'saved', revision: record.revision };
        }),
      ),
    };
    slots.set(service, slot);
    return slot;
  }

  const globalLane = createLane<JsonValue, SaveGlobalResult>((body) =>
    attempt('the whole installation', async () => {
      await documents.write(globalName, body);
      return { kind: 'saved' };
    }),
  );

  async function attempt<Result>(what: string, write: () => Promise<Result>): Promise<Result | Failure> {
    try {
      return await write();
    } catch (error) {
      const full = noRoom(directory, what, error);
      return full === undefined
        ? { kind: 'failed', problem: failedWrite(directory, what, error) }
        : { kind: 'full', problem: full };
    }
  }

  /** Why a change of this record may not even begin. */
  function refusal(service: ServiceKey, { record, leaving }: Slot, expectedRevision: number) {
    if (unlock === undefined) return { kind: 'failed', problem: failedWrite(directory, service, notOpen) } as const;
    const isExpected = expectedRevision === (record?.revision ?? noRevision);
    if (isExpected || (leaving && expectedRevision === noRevision)) return undefined;
    return record === undefined ? ({ kind: 'conflict' } as const) : ({ kind: 'conflict', current: record } as const);
  }

  async function readAll(signal: AbortSignal): Promise<StoredState> {
    const problems: Problem[] = [];
    const read = async (name: string): Promise<FoundDocument | undefined> => {
      signal.throwIfAborted();
      const document = await documents.read(name);
      if (document?.problem !== undefined) problems.push(document.problem);
      return document;
    };

    let highestEpoch = 0;
    const epochDocument = await read(epochName);
    if (epochDocument !== undefined) {
      const stored = parseEpoch(epochDocument.payload);
      if (stored === undefined) throw misplacedState(join(directory, `${epochName}.json`));
      // The copy has this epoch or the one before it, and the lost one must not be handed out again.
      highestEpoch = stored + (epochDocument.fromCopy ? 1 : 0);
    }
    const global = await read(globalName);
    for (const name of await documents.names()) {
      if (name === epochName || name === globalName) continue;
      const file = join(directory, `${name}.json`);
      const service = parseDocumentName(name);
      if (service === undefined) {
        problems.push(foreignFile(file));
        continue;
      }
      const document = await read(name);
      if (document === undefined) continue;
      const parsed = parseRecord(document.payload, service);
      if (parsed === undefined) throw misplacedState(file);
      slotOf(service).record = { ...parsed.record, place: placeIn(file) };
      lastRevision = Math.max(lastRevision, parsed.record.revision);
      highestEpoch = Math.max(highestEpoch, parsed.epoch);
    }

    epoch = highestEpoch + 1;
    await documents.write(epochName, epochPayload(epoch));
    await documents.removeLeftovers();
    const records = new Map<ServiceKey, StoredRecord>();
    for (const [service, { record }] of slots) if (record !== undefined) records.set(service, record);
    return { records, ...(global === undefined ? {} : { global: global.payload }), epoch, problems };
  }

  return {
    async load(signal) {
      let release: (() => Promise<void>) | undefined;
      try {
        await ops.makeDirectory(directory);
        release = await lockDirectory(directory, ops, processes);
        const state = await readAll(signal);
        unlock = release;
        return state;
      } catch (error) {
        slots.clear();
        await release?.().catch(() => {});
        if (error instanceof ProblemError || signal.aborted) throw error;
        throw unusableDirectory(directory, error);
      }
    },

    async save(service, body, expectedRevision) {
      const slot = slotOf(service);
      const refused = refusal(service, slot, expectedRevision);
      if (refused !== undefined) return refused;
      slot.leaving = false;
      return slot.lane.write(body);
    },

    async remove(service, expectedRevision) {
      const slot = slotOf(service);
      const refused = refusal(service, slot, expectedRevision);
      if (refused !== undefined) return refused;
      slot.leaving = true;
      return slot.lane.after<RemoveResult>(() =>
        attempt(service, async () => {
          await documents.remove(documentName(service));
          slot.record = undefined;
          return { kind: 'removed' };
        }),
      );
    },

    async saveGlobal(body) {
      if (unlock === undefined) return { kind: 'failed', problem: failedWrite(directory, globalName, notOpen) };
      return globalLane.write(body);
    },

    async close() {
      const release = unlock;
      unlock = undefined;
      await Promise.all([globalLane.idle(), ...[...slots.values()].map((slot) => slot.lane.idle())]);
      await release?.();
    },
  };
}

const notOpen = 'the store is not open';
