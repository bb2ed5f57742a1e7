/** A cluster as the input: Services, EndpointSlices, Pods and policies, each listed once and watched from there. */
import type { Clock } from '../../clock.ts';
import { defect } from '../../defect.ts';
import { scopesOf } from '../../kubernetes/paths.ts';
import { createPolicyParser, type PolicyParserOptions } from '../../policy/parse.ts';
import type { ServiceKey } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import { createAlarm } from '../alarm.ts';
import { logDifference, type SourceLog } from '../log-difference.ts';
import { type PoliciesState, type PolicyClaim, policyChanges, updatePolicies } from '../policies.ts';
import type { PodObject, ServiceObject } from '../kubernetes-objects.ts';
import type { Source, SourceChange } from '../source.ts';
import { createCluster } from './cluster.ts';
import type { KubeClient } from '../../kubernetes/kube-client.ts';
import { keepPod, keepService, keepSlice } from './objects.ts';
import { createPolicyBook } from './policy-book.ts';
import { createPolicyFeed, type PolicyFeed } from './policy-feed.ts';
import { helperProblems, isDenied, reflectorProblem } from './problems.ts';
import { keepWorkload, workloadKinds } from './workloads.ts';
import {
  type Change,
  createReflector,
  type Reflector,
  type ReflectorHealth,
  type WatchTiming,
} from '../../kubernetes/reflector.ts';

export interface KubernetesSourceOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces to look into; empty: all of them. */
  readonly namespaces: readonly string[];
  /** For policies that do not say. Default Enforce. */
  readonly defaultEnforcement?: PolicyParserOptions['defaultEnforcement'];
  /** How soon endpoints that vanished from a list are looked for again, in milliseconds. Default 1000. */
  readonly confirmAfterMs?: number;
  /** Whether Deployments and StatefulSets are read as well, as far as we may. Default true. */
  readonly workloads?: boolean;
  readonly log?: SourceLog;
  /** Followed by others too; default: a feed of our own. */
  readonly policies?: PolicyFeed;
  /** Default: see the reflector. */
  readonly watching?: WatchTiming;
  /** Told after each batch in which another policy may have come to decide about a Service, or have ceased to. */
  readonly onPolicies?: (known: PoliciesKnown) => void;
  /** Told of defects; what is wrong outside is in `problems()`. */
  readonly onProblem: (problem: Problem) => void;
}

/** What is known of all policies, in force or not. */
export interface PoliciesKnown extends Pick<PoliciesState, 'owners'> {
  readonly claims: readonly PolicyClaim[];
  /** Of the objects that this takes into account: whoever follows the same feed hears of new ones a moment before. */
  readonly editions: ReadonlySet<string>;
  readonly fleets: ReadonlyMap<ServiceKey, unknown>;
}

export interface KubernetesSource extends Source {
  /** One for each kind of object and namespace. */
  health(): readonly ReflectorHealth[];
  readonly objects: ClusterObjects;
}

/** The objects behind fleets and policies, for whoever acts on them or tells about them; all by `namespace/name`. */
export interface ClusterObjects {
  readonly services: ReadonlyMap<string, ServiceObject>;
  readonly pods: ReadonlyMap<string, PodObject>;
  policyUid(key: string): string | undefined;
}

/** What was read before the right was taken away would be true for ever. */
function isKnown(health: ReflectorHealth): boolean {
  return health.heardAtMs !== undefined && !isDenied(health);
}

type Followed = Pick<Reflector<unknown>, 'run' | 'synced' | 'relist' | 'health'>;

/** Events that come together become one batch: a rollout changes a slice and its pods within a few milliseconds. */
const gatherMs = 5;

/**
 * `start` resolves when everything was listed, however long that takes: until then nothing is served, and `problems()`
 * says what it waits for. Afterwards nothing that happens to the API server takes away what was read before.
 */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { client, clock, random, log, onProblem, defaultEnforcement, confirmAfterMs = 1000 } = options;
  // An object written for a newer version of the same API must not lose its protection.
  const parser = createPolicyParser({
    unknownFields: 'warning',
    ...(defaultEnforcement === undefined ? {} : { defaultEnforcement }),
  });
  const cluster = createCluster();
  const book = createPolicyBook(parser);
  const feed = options.policies ?? createPolicyFeed(options);
  const slices: Followed[] = [];
  const others: Followed[] = [];
  /** Of each namespace: a help to judge, which nothing waits for. */
  const helpers: Followed[] = [];
  let reported: readonly Problem[] = [];
  let policies: PoliciesState | undefined;
  let hand: ((changes: readonly SourceChange[]) => void) | undefined;

  const gathering = createAlarm(clock, settle);
  const doubting = createAlarm(clock, () => {
    for (const reflector of slices) void reflector.relist();
    gather();
  });
  let isGathering = false;

  function gather(): void {
    if (isGathering || hand === undefined) return;
    isGathering = true;
    gathering.set(clock.now() + gatherMs);
  }

  function settle(): void {
    isGathering = false;
    const fleetChanges = cluster.settle(clock.now());
    const before = policies;
    // A policy also has to know whether its Service is there.
    if (book.hasChanged() || fleetChanges.length > 0 || before === undefined) {
      policies = updatePolicies(before, book.claims(), cluster.fleets(), 'the cluster');
    }
    // Fleets come before the policies that judge them, and go after them.
    const changes = [
      ...fleetChanges.filter(({ kind }) => kind === 'fleet'),
      ...(policies === undefined || policies === before ? [] : policyChanges(before, policies)),
      ...fleetChanges.filter(({ kind }) => kind !== 'fleet'),
    ];
    if (cluster.isDoubting()) doubting.set(clock.now() + confirmAfterMs);
    else doubting.cancel();
    if (changes.length > 0 || before === undefined) hand?.(changes);
    if (policies !== undefined && policies !== before) {
      const { owners } = policies;
      options.onPolicies?.({ owners, claims: book.claims(), editions: book.editions(), fleets: cluster.fleets() });
    }
    report();
  }

  function problems(): readonly Problem[] {
    return [
      ...[...slices, ...others].flatMap((each) => reflectorProblem(each.health()) ?? []),
      ...feed.health().flatMap((each) => reflectorProblem(each) ?? []),
      ...helperProblems(helpers.map((each) => each.health())),
      ...cluster.problems(),
      ...(policies?.problems ?? []),
    ];
  }

  function report(): void {
    const found = problems();
    logDifference(log, reported, found);
    reported = found;
  }

  for (const namespace of scopesOf(options.namespaces)) {
    const reflect = <T>(
      api: string,
      resource: string,
      keep: (raw: Readonly<Record<string, unknown>>) => T,
      obey: (change: Change<T>) => void,
      onHealth = report,
    ): Followed =>
      createReflector<T>({
        path: `${api}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${resource}`,
        client,
        clock,
        random,
        keep,
        onProblem,
        onHealth,
        ...(options.watching === undefined ? {} : { watching: options.watching }),
        onChange(change) {
          obey(change);
          gather();
        },
      });
    slices.push(
      reflect('/apis/discovery.k8s.io/v1', 'endpointslices', keepSlice, (change) => cluster.slices(change, namespace)),
    );
    others.push(
      reflect('/api/v1', 'services', keepService, cluster.services),
      reflect('/api/v1', 'pods', keepPod, cluster.pods),
    );
    if (options.workloads === false) continue;
    const own = workloadKinds.map((kind) =>
      reflect(
        '/apis/apps/v1',
        `${kind.toLowerCase()}s`,
        (raw) => keepWorkload(kind, raw),
        (change) => {
          cluster.workloads(kind, change);
          know();
        },
        () => {
          know();
          report();
        },
      ),
    );
    const know = (): void => {
      cluster.knowWorkloads(
        own.every((each) => isKnown(each.health())),
        namespace,
      );
      gather();
    };
    helpers.push(...own);
  }
  feed.subscribe((change) => {
    book.follow(change);
    void book.reading()?.then(gather, (failure: unknown) => onProblem(defect('reading policies', failure)));
    gather();
  });
  feed.onHealth(report);
  const reflectors = [...slices, ...others];

  function health(): readonly ReflectorHealth[] {
    return [...[...reflectors, ...helpers].map((reflector) => reflector.health()), ...feed.health()];
  }

  return {
    health,
    problems,
    objects: { ...cluster.objects, policyUid: book.uidOf },
    async start(onChanges, signal) {
      signal.throwIfAborted();
      const stopped = Promise.withResolvers<void>();
      signal.addEventListener('abort', stop, { once: true });
      for (const reflector of [...reflectors, ...helpers]) void reflector.run(signal);
      feed.start(signal);
      const synced = [...reflectors.map((reflector) => reflector.synced), feed.synced];
      await Promise.race([stopped.promise, Promise.all(synced)]);
      await book.open(signal);
      signal.throwIfAborted();
      hand = onChanges;
      settle();

      function stop(): void {
        gathering.cancel();
        doubting.cancel();
        stopped.resolve();
      }
    },
  };
}
