/**
 * A store that several processes share, with a lease that the test hands out. Each process hears of the others' writes when
 * the test lets it, may be cut off, and may go on in the belief that it leads.
 */
import type { ServiceKey } from '../../engine/model.ts';
import type { Problem } from '../../engine/problem.ts';
import type {
  JsonValue,
  SaveGlobalResult,
  SaveResult,
  Store,
  StoredRecord,
  StoreWatcher,
} from '../../engine/store/store.ts';

export interface ClusterStore {
  readonly records: ReadonlyMap<ServiceKey, StoredRecord>;
  /** Everything that was ever written, in order. */
  readonly history: readonly StoredRecord[];
  readonly global: JsonValue | undefined;
  open(name: string): ClusterProcess;
  /** Whose the lease is. */
  leader(): ClusterProcess | undefined;
  /** The lease is this one's from now on; without a name nobody's. Who held it is told, unless it is stopped or cut. */
  elect(name?: string): void;
  /** The object that keeps the record is gone. */
  drop(service: ServiceKey): void;
}

export interface ClusterProcess {
  readonly name: string;
  readonly store: Store;
  /** Neither reads nor writes get through. */
  isCut: boolean;
  /** What others wrote is not heard of until `hear`. */
  isLate: boolean;
  /** It believes that it leads, whatever the lease says: stopped for longer than that. */
  isStopped: boolean;
  /** The next write is kept, and its answer lost. */
  losesAnswer: boolean;
  hear(): void;
  /** Nothing of it happens any more. */
  kill(): void;
}

interface Member extends ClusterProcess {
  watcher?: StoreWatcher;
  believes: boolean;
  waiting: (() => void)[];
}

const problem: Problem = { code: 'KV0499', severity: 'error', message: 'the API server is away' };

export function createClusterStore(): ClusterStore {
  const records = new Map<ServiceKey, StoredRecord>();
  const history: StoredRecord[] = [];
  const members = new Map<string, Member>();
  let global: JsonValue | undefined;
  let version = 0;
  let transitions = 0;
  let holder: string | undefined;

  const copyOf = (body: JsonValue): JsonValue => JSON.parse(JSON.stringify(body)) as JsonValue;

  function tell(member: Member, what: (watcher: StoreWatcher) => void): void {
    const run = (): void => {
      if (member.watcher !== undefined) what(member.watcher);
    };
    if (member.isLate || member.isCut || member.isStopped) member.waiting.push(run);
    else run();
  }

  function tellOthers(writer: string | undefined, what: (watcher: StoreWatcher) => void): void {
    for (const member of members.values()) if (member.name !== writer) tell(member, what);
  }

  function handOver(member: Member): void {
    for (const record of records.values()) member.watcher?.record(record.service, record);
  }

  function open(name: string): ClusterProcess {
    const attempt = async <Result>(run: () => Result): Promise<Result | { kind: 'failed'; problem: Problem }> => {
      if (members.get(name) !== member) return new Promise(() => undefined);
      if (member.isCut) return { kind: 'failed', problem };
      const result = run();
      if (!member.losesAnswer) return result;
      member.losesAnswer = false;
      // Nobody knows that it is ours.
      for (const [service, record] of records) {
        if (record.revision === version) tell(member, (watcher) => watcher.record(service, record));
      }
      return { kind: 'failed', problem };
    };
    const member: Member = {
      name,
      isCut: false,
      isLate: false,
      isStopped: false,
      losesAnswer: false,
      believes: false,
      waiting: [],
      hear() {
        const { waiting } = member;
        member.waiting = [];
        for (const run of waiting) run();
      },
      kill() {
        members.delete(name);
        if (holder === name) holder = undefined;
      },
      store: {
        load: async () => ({
          records: new Map(records),
          epoch: 0,
          problems: [],
          ...(global === undefined ? {} : { global }),
        }),
        watch(watcher) {
          member.watcher = watcher;
        },
        leads: () => member.believes,
        save: (service, body, expected) =>
          attempt((): SaveResult => {
            const current = records.get(service);
            if (expected !== (current?.revision ?? 0))
              return { kind: 'conflict', ...(current === undefined ? {} : { current }) };
            version += 1;
            const record = { service, revision: version, body: copyOf(body) };
            records.set(service, record);
            history.push(record);
            tellOthers(name, (watcher) => watcher.record(service, record));
            return { kind: 'saved', revision: version };
          }),
        remove: () => Promise.resolve({ kind: 'removed' }),
        saveGlobal: (body, givesWayTo) =>
          attempt((): SaveGlobalResult => {
            if (givesWayTo?.(global) === true) return { kind: 'overtaken', current: global };
            global = copyOf(body);
            tellOthers(name, (watcher) => watcher.global(global));
            return { kind: 'saved' };
          }),
        retellGlobal: () => tell(member, (watcher) => watcher.global(global)),
        close: () => Promise.resolve(),
      },
    };
    members.set(name, member);
    return member;
  }

  return {
    records,
    history,
    get global() {
      return global;
    },
    open,
    leader: () => (holder === undefined ? undefined : members.get(holder)),
    elect(name) {
      const before = holder === undefined ? undefined : members.get(holder);
      holder = name;
      if (before !== undefined && before.name !== name) {
        if (!before.isStopped) before.believes = false;
        tell(before, (watcher) => {
          before.believes = false;
          watcher.role({ kind: 'following', ...(name === undefined ? {} : { leader: name }) });
        });
      }
      const next = name === undefined ? undefined : members.get(name);
      if (next === undefined) return;
      transitions += 1;
      const epoch = transitions + 1;
      // Whatever it had not heard of yet, it reads afresh.
      next.hear();
      handOver(next);
      next.believes = true;
      next.watcher?.role({ kind: 'leading', epoch });
    },
    drop(service) {
      records.delete(service);
      tellOthers(undefined, (watcher) => watcher.record(service, undefined));
    },
  };
}
