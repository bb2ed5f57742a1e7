/** What the serving config says to obey, and where decisions are kept. */

import type { Clock } from './clock.ts';
import type { ClusterSideOptions } from './cluster-side.ts';
import { configDefaults } from './config/defaults.ts';
import type { Config } from './config.ts';
import { connect } from './kubernetes/connect.ts';
import type { ReflectorHealth } from './kubernetes/reflector.ts';
import { createElection } from './leader/election.ts';
import { placeOf } from './leader/place.ts';
import type { PolicyStatus } from './policy-status/describe.ts';
import { createPolicyWords, type PolicyWords } from './policy-status/word.ts';
import type { Problem } from './problem.ts';
import { createFilesSource } from './sources/files/source.ts';
import { createPolicyFeed } from './sources/kubernetes/policy-feed.ts';
import { createKubernetesSource } from './sources/kubernetes/source.ts';
import type { SourceLog } from './sources/log-difference.ts';
import type { Source } from './sources/source.ts';
import { createFileStore } from './store/file.ts';
import { createStatusStore, type StatusStoreOptions } from './store/kubernetes/status-store.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';

export interface Input {
  readonly source: Source;
  readonly store: Store;
  readonly storeProblems?: () => readonly Problem[];
  readonly cluster?: Pick<ClusterSideOptions, 'client' | 'objects' | 'pods'>;
  readonly reflectors?: () => readonly ReflectorHealth[];
  readonly words?: PolicyWords;
}

/**
 * What is obeyed, and where decisions are kept: with a cluster both are the same objects.
 * @param clusterLog shared with whatever else reads the cluster
 */
export async function createInput(
  config: Config,
  status: PolicyStatus,
  onWritten: NonNullable<StatusStoreOptions['onWritten']>,
  clock: Clock,
  log: Log,
  clusterLog: SourceLog,
): Promise<Input> {
  const { source, defaultEnforcement } = config;
  const { confirmVanishedMs: confirmAfterMs, leaseMs, renewDeadlineMs, leaseRetryMs } = config.timing;
  if (source.kind === 'files') {
    const { directory } = source;
    return {
      source: createFilesSource({ directory, clock, log, defaultEnforcement, confirmAfterMs }),
      store: createFileStore({ directory: config.stateDirectory }),
    };
  }
  const { namespaces, workloads, pods } = source;
  const client = await connect(source, clock);
  const onProblem = (problem: Problem): void => log.problem(problem);
  const { random } = Math;
  const place = await placeOf(config.replicas ?? configDefaults.replicas);
  const policies = createPolicyFeed({ client, clock, random, namespaces, onProblem });
  const words = createPolicyWords(policies);
  const store = createStatusStore({
    client,
    clock,
    random,
    policies,
    namespace: place.namespace,
    lease: place.lease,
    elect: (onChange) =>
      createElection({
        client,
        clock,
        monotonicMs: () => performance.now(),
        random,
        namespace: place.namespace,
        name: place.lease,
        identity: place.identity,
        timing: { leaseMs, renewDeadlineMs, leaseRetryMs },
        onChange,
        onProblem,
      }),
    describe: status.describe,
    onWritten,
    onProblem,
    log: clusterLog,
  });
  const watched = createKubernetesSource({
    client,
    clock,
    random,
    namespaces,
    workloads,
    policies,
    log: clusterLog,
    defaultEnforcement,
    confirmAfterMs,
    onProblem,
    onPolicies(known) {
      status.onPolicies(known);
      store.onPolicies(known);
    },
  });
  return {
    source: watched,
    store,
    storeProblems: store.problems,
    cluster: { client, objects: watched.objects, pods },
    reflectors: watched.health,
    words,
  };
}
