/** Makes the marks of pods agree with what is on record: those of pods that are out come, all others of ours go. */
import type { Clock } from '../clock.ts';
import { isForbidden, type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { sleep } from '../kubernetes/sleep.ts';
import type { EpochMs } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { PodObject } from '../sources/kubernetes-objects.ts';
import { type MarkOptions, type MarkPatch, markPatch, type OutState, type WantedMarks } from './marks.ts';
import { type PodName, podOf, podPath } from './pod.ts';
import { markProblem, marksLeft, marksRefused } from './problems.ts';

export interface MarkerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly marks: MarkOptions;
  /** As the watch has them, by `namespace/name`. */
  readonly pods: () => ReadonlyMap<string, PodObject>;
  /** Of all that are out, by record; undefined while somebody else leads. */
  readonly wanted: () => ReadonlyMap<string, WantedMarks> | undefined;
  readonly tell: (result: 'written' | 'failed') => void;
  readonly timing: MarkerTiming;
}

export interface MarkerTiming {
  /** Between one pod and the next. Default 100 ms: ten a second, which is what a cluster notices least. */
  readonly gapMs: number;
  /** Until a pod that could not be written is tried again. Default 30 s. */
  readonly retryMs: number;
  /**
   * The same where we may not, and need not: nothing is to be marked, and of what was marked before the right may have been
   * taken away with the option. Default 10 min.
   */
  readonly refusedMs: number;
}

export const markerTiming: MarkerTiming = { gapMs: 100, retryMs: 30_000, refusedMs: 600_000 };

export interface Marker {
  /** Writes what has to change, one pod after the other. @returns when to come again */
  round(signal: AbortSignal): Promise<EpochMs | undefined>;
  problems(): readonly Problem[];
}

interface Failure {
  readonly againMs: EpochMs;
  readonly problem: Problem;
}

export function createMarker(options: MarkerOptions): Marker {
  const { client, clock, marks, pods, wanted, tell, timing } = options;
  /** By pod, or by namespace: a right that is missing of one pod is missing of all of them. */
  const failures = new Map<string, Failure>();
  const isOff = !marks.label && !marks.deletionCost;

  /** Asked anew for each pod: while the one before was written, it may have come back. */
  function stateOf(key: string, uid: string | undefined): OutState | undefined | 'unknown' {
    const all = wanted();
    if (all === undefined) return 'unknown';
    const mark = all.get(key);
    return mark?.uid === uid ? mark?.state : undefined;
  }

  async function write({ key, pod }: Todo, all: readonly Todo[], signal: AbortSignal): Promise<void> {
    const path = podPath(pod);
    try {
      // What the watch has of it may be old. What is read here is what is changed, or nothing is.
      const fresh = podOf(await client.get(path, {}, signal));
      if (fresh === undefined || fresh.uid !== pod.uid || fresh.isLeaving) return;
      const state = stateOf(key, pod.uid);
      const patch = state === 'unknown' ? undefined : markPatch(fresh, state, marks);
      if (patch === undefined) return;
      await client.send('patch', path, bodyOf(patch, fresh.uid, fresh.resourceVersion), signal);
      failures.delete(key);
      failures.delete(pod.namespace);
      tell('written');
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Gone, or changed meanwhile: the next round sees.
      if (signal.aborted || error.status === 404 || error.status === 409) return;
      tell('failed');
      if (!isForbidden(error)) {
        failures.set(key, { againMs: clock.now() + timing.retryMs, problem: markProblem(pod, error) });
        return;
      }
      const here = all.filter((each) => each.pod.namespace === pod.namespace).map((each) => each.key);
      failures.set(pod.namespace, {
        againMs: clock.now() + (isOff ? timing.refusedMs : timing.retryMs),
        problem: isOff ? marksLeft(here, error) : marksRefused(pod.namespace, error),
      });
    }
  }

  return {
    async round(signal) {
      const todo = todoOf(pods(), wanted(), marks);
      const keys = new Set(todo.flatMap(({ key, pod }) => [key, pod.namespace]));
      for (const key of failures.keys()) if (!keys.has(key)) failures.delete(key);
      for (const each of todo) {
        const failed = failures.get(each.key) ?? failures.get(each.pod.namespace);
        if ((failed?.againMs ?? 0) > clock.now()) continue;
        await write(each, todo, signal);
        await sleep(clock, timing.gapMs, signal);
        if (signal.aborted) return undefined;
      }
      return failures.size === 0 ? undefined : Math.min(...[...failures.values()].map(({ againMs }) => againMs));
    },
    problems: () => [...failures.values()].map(({ problem }) => problem),
  };
}

interface Todo {
  readonly key: string;
  readonly pod: PodName;
}

/** Pods whose marks are not as they should be. All are looked at: nobody else remembers whom a process before us marked. */
function todoOf(
  pods: ReadonlyMap<string, PodObject>,
  wanted: ReadonlyMap<string, WantedMarks> | undefined,
  marks: MarkOptions,
): readonly Todo[] {
  if (wanted === undefined) return [];
  const todo: Todo[] = [];
  for (const [key, { metadata }] of pods) {
    const { namespace, name, uid, deletionTimestamp } = metadata ?? {};
    if (metadata === undefined || namespace === undefined || name === undefined || uid === undefined) continue;
    if (deletionTimestamp !== undefined) continue;
    const mark = wanted.get(key);
    const state = mark?.uid === uid ? mark.state : undefined;
    if (markPatch(metadata, state, marks) !== undefined) todo.push({ key, pod: { namespace, name, uid } });
  }
  return todo;
}

function bodyOf(patch: MarkPatch, uid: string, resourceVersion: string) {
  return { metadata: { uid, resourceVersion, ...patch } };
}
