/** Processes that are broken on purpose, each in one way, and the invariant that must notice. */
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import type { Gather } from '../../engine/loop.ts';
import { backendId, type Fleet } from '../../engine/model.ts';
import type { Store, StoredRecord } from '../../engine/store/store.ts';
import { evidenceOf } from '../support/fixtures.ts';
import { withEndpoints } from './broken-steps.ts';
import { lab, shop } from './installation.ts';
import { type ReplicaOptions, startReplica } from './replica.ts';

export interface BrokenInstallation {
  readonly mistake: string;
  readonly caughtBy: string;
  readonly start: typeof startReplica;
}

export const brokenInstallations: readonly BrokenInstallation[] = [
  serving('lets everybody go', 'I1 replica nobody', (endpoints) =>
    endpoints.map((each) => ({ ...each, status: 'DRAINING' as const })),
  ),
  serving('serves one and lets the others go', 'I1 replica', (endpoints) =>
    endpoints.map((each, index) => (index === 0 ? each : { ...each, status: 'DRAINING' as const })),
  ),
  serving('takes everybody for healthy', 'I2 replica', (endpoints) =>
    endpoints.map((each) => ({ ...each, status: 'HEALTHY' as const })),
  ),
  storing('says it has written what it has not', 'I4 on record', () => ({
    save: async (_service, _body, revision) => ({ kind: 'saved', revision }),
  })),
  storing('writes under an old epoch', 'I5 written', ({ save }) => ({
    save: (service, body, revision) => save(service, { ...(body as object), epoch: 1_000 - revision }, revision),
  })),
  storing('counts its epochs backwards', 'I5 given', ({ load }) => ({
    async load(signal) {
      const state = await load(signal);
      return { ...state, epoch: 1_000 - state.epoch };
    },
  })),
  measuring(
    'takes an outage of the metrics for one of the pods',
    'I6 replica',
    (gather) =>
      async (breaker, fleet, ...rest) => {
        const gathered = await gather(breaker, fleet, ...rest);
        return gathered.evidence.kind === 'unusable' ? { ...gathered, evidence: firstIsBad(fleet) } : gathered;
      },
  ),
  starting('has no limit for all Services', 'I7 rate', () => ({ maxEjectionsPerMinute: 100 })),
  serving('lists endpoints as they come', 'I8 served', (endpoints) => endpoints.toReversed()),
  storing('forgets who was out', 'I8 next process', ({ load }) => ({
    async load(signal) {
      const state = await load(signal);
      return { ...state, records: new Map([...state.records].map(([key, record]) => [key, withoutDecisions(record)])) };
    },
  })),
  measuring('waits for metrics for ever', 'I9 limbo', () => () => new Promise(() => undefined)),
  serving('lets one go whatever the policy says', 'I15 replica', drainFirst),
  serving('lets one go for a suspended policy', 'I20 one policy', drainFirst),
  serving('lets one go while all is suspended', 'I20 everything', drainFirst),
  measuring('confuses Services of the same name', 'I19 namesake', (gather) => async (breaker, fleet, ...rest) => {
    const gathered = await gather(breaker, fleet, ...rest);
    return fleet.service === lab ? { ...gathered, evidence: firstIsBad(fleet) } : gathered;
  }),
  starting('takes the policy of another namespace', 'I19 policy', ({ input }) => ({
    input: input.map((change) =>
      change.kind === 'policy' && change.policy.service === shop
        ? { ...change, policy: { ...change.policy, namespace: 'lab' } }
        : change,
    ),
  })),
  measuring('throws', 'defect', () => () => Promise.reject(new Error('a bug'))),
];

function starting(
  mistake: string,
  caughtBy: string,
  change: (options: ReplicaOptions) => Partial<ReplicaOptions>,
): BrokenInstallation {
  return { mistake, caughtBy, start: (options) => startReplica({ ...options, ...change(options) }) };
}

function serving(
  mistake: string,
  caughtBy: string,
  change: (endpoints: readonly AssignedEndpoint[]) => readonly AssignedEndpoint[],
): BrokenInstallation {
  return starting(mistake, caughtBy, () => ({ serve: (assignment) => withEndpoints(assignment, change) }));
}

function storing(mistake: string, caughtBy: string, change: (store: Store) => Partial<Store>): BrokenInstallation {
  return starting(mistake, caughtBy, ({ store }) => ({ store: { ...store, ...change(store) } }));
}

function measuring(mistake: string, caughtBy: string, change: (gather: Gather) => Gather): BrokenInstallation {
  return starting(mistake, caughtBy, ({ gather }) => ({ gather: change(gather) }));
}

function drainFirst(endpoints: readonly AssignedEndpoint[]): readonly AssignedEndpoint[] {
  return endpoints.map((each, index) => (index === 0 ? { ...each, status: 'DRAINING' as const } : each));
}

function firstIsBad({ backends }: Fleet): ReturnType<typeof evidenceOf> {
  return evidenceOf(Object.fromEntries(backends.map(({ id }, index) => [backendId(id), index === 0 ? 500 : 100])));
}

function withoutDecisions(record: StoredRecord): StoredRecord {
  const none = { decisions: [], ejections: [] };
  return { ...record, body: { ...(record.body as object), enforced: none, shadow: none } };
}
