/**
 * Decisions in the status of the policies, shared by all replicas: each follows what is on record, and the one that
 * leads writes it, by compare-and-set. What concerns no single Service is in a ConfigMap.
 */
import { aborted } from '../../aborted.ts';
import type { Clock } from '../../clock.ts';
import { defect } from '../../defect.ts';
import type { KubeClient } from '../../kubernetes/kube-client.ts';
import { stateMapName } from '../../kubernetes/paths.ts';
import type { ServiceKey } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import { createAlarm } from '../../sources/alarm.ts';
import type { PolicyFeed } from '../../sources/kubernetes/policy-feed.ts';
import { reflectorProblem } from '../../sources/kubernetes/problems.ts';
import type { PoliciesKnown } from '../../sources/kubernetes/source.ts';
import { logDifference, type SourceLog } from '../../sources/log-difference.ts';
import type { Store, StoredRecord, StoreWatcher } from '../store.ts';
import { createLeadership, type LeadershipOptions } from './leadership.ts';
import { createPace, type PaceSettings } from './pace.ts';
import { createPatchStatus, type PatchOptions } from './patch-status.ts';
import { createPeople, type DescribePolicy } from './people.ts';
import { createRecords } from './records.ts';
import { createRefusals } from './refusals.ts';
import { createShelf, type Holding, type Shelf } from './shelf.ts';
import { createStateMap } from './state-map.ts';
import { createTold } from './told.ts';

export interface StatusStoreOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly policies: PolicyFeed;
  /** Where the Lease is, and the ConfigMap. */
  readonly namespace: string;
  /** Of the Lease; the ConfigMap is called `<lease>-state`. */
  readonly lease: string;
  readonly elect: LeadershipOptions['elect'];
  /** What a policy's status says to people. */
  readonly describe: DescribePolicy;
  /** Told of each policy as it was, and of what was written into its status. */
  readonly onWritten?: PatchOptions['onWritten'];
  readonly onProblem: (problem: Problem) => void;
  /** Told when what stands between us and the API server changes. */
  readonly log?: SourceLog;
  readonly timing?: Partial<StatusTiming>;
}

export interface StatusTiming extends PaceSettings {
  /** How long one request may take. */
  readonly deadlineMs: number;
  /** How soon what is only for people is written again. */
  readonly peopleMs: number;
  /** How often the leader looks whether there is anything to put right. */
  readonly lookMs: number;
}

export interface StatusStore extends Store {
  /**
   * Which policy decides about each Service, by `namespace/name`: the source says so after each change, and for the first
   * time when it has read everything. Until then nobody here stands for election.
   */
  onPolicies(known: Pick<PoliciesKnown, 'owners' | 'editions'>): void;
  problems(): readonly Problem[];
}

const defaultTiming: StatusTiming = {
  // A little more than a second: with the first one at once, a second each would come to more than one a second.
  perObjectMs: 1_100,
  perSecond: 20,
  burst: 50,
  deadlineMs: 10_000,
  peopleMs: 10_000,
  lookMs: 1_000,
};

/** The first writes of a thousand new policies take 50 s. */
const patienceMs = 60_000;

export function createStatusStore(options: StatusStoreOptions): StatusStore {
  const { client, clock, random, policies, namespace, lease, onProblem } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const stopping = new AbortController();
  const { signal } = stopping;
  const shelf = createShelf();
  const pace = createPace(timing, clock);
  let known: Pick<PoliciesKnown, 'owners' | 'editions'> | undefined;
  let watcher: StoreWatcher | undefined;
  let isStanding = false;
  /**
   * Of Services that had an epoch on record, when we came to lead, that is not below ours: each is written above its own, so
   * that whoever may write one record cannot count for all.
   */
  let bases: ReadonlyMap<ServiceKey, number> = new Map();
  let reported: readonly Problem[] = [];

  const ownerOf = (service: ServiceKey): string | undefined => known?.owners.get(service);
  const isKnown = ({ object }: Holding): boolean => known?.editions.has(object.edition) === true;
  const ownEpoch = (service: ServiceKey): number | undefined => {
    const epoch = leadership.epoch();
    return epoch === undefined ? undefined : epoch + (bases.get(service) ?? 0);
  };
  const told = createTold(shelf, ownEpoch);
  const patch = createPatchStatus({
    client,
    clock,
    deadlineMs: timing.deadlineMs,
    signal,
    onObject: (object) => told.tell(shelf.put(object)),
    onWritten: (before, status) => options.onWritten?.(before, status),
    onGone: (holding) => told.tell(shelf.gone(holding)),
  });
  const refusals = createRefusals(shelf, report);
  const people = createPeople({
    clock,
    shelf,
    pace,
    patch,
    describe: options.describe,
    everyMs: timing.peopleMs,
    isSaving: ({ kept }) => kept !== undefined && records.isSaving(kept.record.service),
    onWritten: refusals.note,
    onProblem,
    signal,
  });
  const records = createRecords({
    shelf,
    told,
    pace,
    patch,
    ownerOf,
    isKnown,
    ownEpoch,
    peopleOf: people.of,
    onPut: refusals.note,
    signal,
  });
  const state = createStateMap({
    client,
    clock,
    random,
    namespace,
    name: stateMapName(lease),
    deadlineMs: timing.deadlineMs,
    signal,
    onGlobal: (global) => watcher?.global(global),
    onHealth: report,
    onProblem,
  });
  const leadership = createLeadership({
    clock,
    elect: options.elect,
    namespace,
    claimEpoch: state.claimEpoch,
    async readAll() {
      told.tell(shelf.doubt(await policies.refresh()));
    },
    readWithinMs: timing.deadlineMs,
    onRole(role) {
      if (role.kind === 'leading') bases = basesOf(shelf, role.epoch);
      // Who leads no more follows what is on record, its own last writes included.
      if (role.kind === 'following') told.tellAll();
      watcher?.role(role);
      if (role.kind === 'leading') looking.set(clock.now());
    },
    onHealth: report,
  });
  const looking = createAlarm(clock, () => void look());

  /** Who has not read everything yet would take what it does not see for gone. */
  function stand(): void {
    if (isStanding || watcher === undefined || known === undefined) return;
    isStanding = true;
    leadership.run(signal);
  }

  policies.subscribe((change) => told.tell(shelf.follow(change)));

  /** What the leader does beside writing what it is given; one at a time, and again and again. */
  async function look(): Promise<void> {
    if (leadership.epoch() === undefined || signal.aborted) return;
    try {
      await records.tidy();
      await people.look();
    } catch (error) {
      onProblem(defect('keeping the status of policies true', error));
    }
    if (leadership.epoch() !== undefined && !signal.aborted) looking.set(clock.now() + timing.lookMs);
  }

  /** Of the election, of policies and of records others tell. */
  function report(): void {
    const found = [
      ...[reflectorProblem(state.health()), leadership.problem()].flatMap((problem) => problem ?? []),
      ...refusals.problems(),
    ];
    logDifference(options.log, reported, found);
    reported = found;
  }

  return {
    async load(starting) {
      policies.start(starting);
      state.start(starting);
      await Promise.race([aborted(starting), Promise.all([policies.synced, state.synced])]);
      starting.throwIfAborted();
      const found = new Map<ServiceKey, StoredRecord>();
      for (const service of shelf.services()) {
        const kept = shelf.current(service);
        if (kept === undefined) continue;
        told.knows(service, kept);
        found.set(service, kept.record);
      }
      const global = state.global();
      return { records: found, epoch: 0, problems: [], ...(global === undefined ? {} : { global }) };
    },
    save: records.save,
    patienceMs,
    // What the policy held went with it, and what another one holds is put away by whoever leads.
    remove: async () => ({ kind: 'removed' }),
    saveGlobal: state.saveGlobal,
    watch(given) {
      watcher = given;
      told.listen(given);
      told.tellAll();
      stand();
    },
    retellGlobal: () => watcher?.global(state.global()),
    leads: () => leadership.epoch() !== undefined,
    resign: () => leadership.release(),
    async close() {
      looking.cancel();
      await Promise.all([records.idle(), state.idle()]);
      await leadership.release();
      stopping.abort();
    },
    onPolicies(now) {
      known = now;
      for (const service of shelf.orphans()) {
        if (ownerOf(service) !== undefined) continue;
        shelf.forget(service);
        told.tell([service]);
      }
      stand();
    },
    problems: () => [
      ...[reflectorProblem(state.health())].flatMap((problem) => problem ?? []),
      ...leadership.problems(),
      ...refusals.problems(),
    ],
  };
}

function basesOf(shelf: Shelf, epoch: number): ReadonlyMap<ServiceKey, number> {
  const bases = new Map<ServiceKey, number>();
  for (const service of shelf.services()) {
    const kept = shelf.current(service);
    if (kept?.isReadable === true && kept.epoch >= epoch) bases.set(service, kept.epoch);
  }
  return bases;
}
