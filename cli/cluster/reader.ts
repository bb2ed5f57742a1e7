/** Services as the cluster shows them, by the handlers of the admin API: the same views, over what a follower knows. */
import { createAdminHandlers, type AdminHandlers } from '../../engine/admin/handlers.ts';
import { Refusal } from '../../engine/admin/refusal.ts';
import { systemClock } from '../../engine/clock.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { configMapsPath, stateMapName } from '../../engine/kubernetes/paths.ts';
import { sleep } from '../../engine/kubernetes/sleep.ts';
import { serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Suspension } from '../../engine/rotation/state.ts';
import { globalIn } from '../../engine/store/kubernetes/state-map.ts';
import { readGlobal } from '../../engine/suspension.ts';
import type { Context } from '../context.ts';
import { Exit, exitCodes } from '../exit.ts';
import { printable } from '../printable.ts';
import { askLeader, nobodyToAsk } from '../note.ts';
import type { Reader, ReaderOptions, Scope } from '../reader.ts';
import { type Leadership, leadershipOf, type ReplicasOptions } from './leader.ts';
import { type Cluster, clusterFailure, openCluster, serviceIn } from './open.ts';
import { type ClusterStates, createClusterStates } from './states.ts';

const lookEveryMs = 20;
/** Deployments tell how many pods there should be, and are waited for as long as this. */
const helpersMs = 2_000;

export async function clusterReader(
  service: string | undefined,
  options: ReaderOptions,
  context: Context,
): Promise<Reader> {
  const cluster = await openCluster(options, context);
  const scope = scopeOf(cluster, service, options);
  const stopping = new AbortController();
  const signal = AbortSignal.any([cluster.signal, stopping.signal]);
  const namespaces = scope.namespace === undefined ? [] : [scope.namespace];
  const states = createClusterStates(cluster.client, systemClock, namespaces, (error) => {
    throw error;
  });
  let handlers: AdminHandlers | undefined;
  let leadership: Leadership | undefined;

  async function opened(): Promise<AdminHandlers> {
    if (handlers !== undefined) return handlers;
    await untilRead(states, signal);
    const named = scope.name === undefined ? undefined : serviceKey(scope.namespace ?? '', scope.name);
    for (const problem of states.problems(named)) context.stderr.write(`${printable(formatProblem(problem))}\n`);
    const suspension = await globalSuspension(cluster, options, context);
    leadership = await leadershipOf(cluster, options, context.now());
    handlers = handlersOver(states, suspension, leadership);
    return handlers;
  }

  /** What is asked once is answered, and nothing is followed any more. */
  async function once<Response>(ask: (from: AdminHandlers) => Response): Promise<Response> {
    try {
      return ask(await opened());
    } catch (error) {
      throw asExit(error);
    } finally {
      stopping.abort();
    }
  }

  const { namespace = '', name = '' } = scope;
  return {
    scope,
    list: () => once((from) => from.list({ namespace, backends: false })),
    get: () => once((from) => from.get({ namespace, name })),
    why: (backend) => once((from) => from.why({ backend, namespace, name })),
    async *watch() {
      const from = await opened().catch((error: unknown) => {
        throw asExit(error);
      });
      yield* from.watch({ namespace, name, backends: false }, signal);
      throw cluster.signal.reason;
    },
    note: () => noteAbout(leadership, options),
  };
}

function scopeOf(cluster: Cluster, service: string | undefined, options: ReaderOptions): Scope {
  if (service !== undefined) return serviceIn(cluster, service, options.namespace);
  return options.allNamespaces === undefined ? { namespace: options.namespace ?? cluster.namespace } : {};
}

/** A replica would go on asking; a person wants to know what is in the way. */
async function untilRead(states: ClusterStates, signal: AbortSignal): Promise<void> {
  let isRead = false;
  const reading = states.start(signal).then(() => {
    isRead = true;
  });
  // Rejected only when the signal aborts, which is seen below.
  reading.catch(() => undefined);
  const startedMs = systemClock.now();
  for (;;) {
    signal.throwIfAborted();
    const waiting = states.health().filter(({ heardAtMs }) => heardAtMs === undefined);
    const denied = waiting.find(({ path, error }) => error !== undefined && !isHelper(path));
    if (denied?.error !== undefined) throw clusterFailure(denied.error, `list ${denied.path}`);
    const isHelped = waiting.every(({ error }) => error !== undefined) || systemClock.now() - startedMs > helpersMs;
    if (isRead && isHelped) return;
    await sleep(systemClock, lookEveryMs, signal);
  }
}

function isHelper(path: string): boolean {
  return path.startsWith('/apis/apps/');
}

function handlersOver(
  states: ClusterStates,
  suspension: Suspension | undefined,
  leadership: Leadership,
): AdminHandlers {
  const leader = leadership.kind === 'leads' ? { leader: leadership.holder } : {};
  return createAdminHandlers({
    engine: {
      states: states.states,
      suspension: () => suspension,
      problemsOf: states.problemsOf,
      bringBackHere: () => false,
      command: () => Promise.reject(new Error('a reader acts on nothing')),
      suspendAll: () => Promise.reject(new Error('a reader acts on nothing')),
    },
    clock: systemClock,
    timing: defaultTiming,
    proxies: () => [],
    role: () => ({ kind: 'following', ...leader }),
    words: states.words,
    subscribe: states.subscribe,
  });
}

/** Whoever looks at Services need not be allowed to look where Kubervisor runs. */
async function globalSuspension(
  { client, signal }: Cluster,
  { controllerNamespace, lease }: ReaderOptions,
  { stderr }: Context,
): Promise<Suspension | undefined> {
  const path = `${configMapsPath(controllerNamespace)}/${stateMapName(lease)}`;
  try {
    const reading = readGlobal(globalIn(await client.get(path, {}, signal)));
    if (reading.kind === 'unreadable') throw new Error(reading.problem.message);
    return reading.suspension;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    stderr.write(`whether everything is suspended is not known: ${printable(why)}\n`);
    return undefined;
  }
}

function noteAbout(leadership: Leadership | undefined, options: ReplicasOptions): readonly string[] {
  switch (leadership?.kind) {
    case 'leads':
      return askLeader(leadership.holder, options);
    case 'nobody':
      return nobodyToAsk(`nobody leads: ${leadership.why}`);
    case 'unknown':
      return nobodyToAsk(leadership.why);
    case undefined:
      return [];
  }
}

function asExit(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  return new Exit(error.status === 'invalid' ? exitCodes.badInput : exitCodes.error, error.problem);
}
