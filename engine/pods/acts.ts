/**
 * What is done to pods because of decisions. It follows from the record and from what the cluster has now, and from
 * nothing that this process remembers: whoever leads next carries on where the last one was stopped.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import { rotationLabel } from '../kubernetes/mark-names.ts';
import { splitServiceKey } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { Decision } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';
import { isPodLeaving, type PodObject, type ServiceObject } from '../sources/kubernetes-objects.ts';
import { createEvictor, type DueEviction, type EvictorTiming, evictorTiming } from './evictor.ts';
import { createMarker, type MarkerTiming, markerTiming } from './marker.ts';
import { type WantedMarks, wantedMarks } from './marks.ts';
import { selectorProblem } from './problems.ts';
import { createRounds } from '../rounds.ts';

/** What may be done to pods; nothing, unless the admin says so. */
export interface PodSettings {
  /** Evicts what a policy says has to be. */
  readonly evict: boolean;
  /** Puts the state of pods that are out into a label. */
  readonly label: boolean;
  /** Lowers the deletion cost of pods that are out. */
  readonly deletionCost: boolean;
}

export interface PodActsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly engine: Pick<Engine, 'onRecord' | 'answerEviction'>;
  /** Asked again before each act: several replicas may watch, one acts. */
  readonly leads: () => boolean;
  readonly objects: {
    readonly pods: ReadonlyMap<string, PodObject>;
    readonly services: ReadonlyMap<string, ServiceObject>;
  };
  readonly settings: PodSettings;
  readonly onEviction: (result: 'evicted' | 'refused' | 'failed', decision: Decision, state: ServiceState) => void;
  readonly onMark: (result: 'written' | 'failed') => void;
  readonly onProblem: (problem: Problem) => void;
  readonly timing?: Partial<EvictorTiming & MarkerTiming & RoundsTiming>;
}

interface RoundsTiming {
  /** Between two rounds at least. Default 200 ms. */
  readonly pauseMs: number;
  /** The same for marks, for which all pods are looked at. Default 1 s. */
  readonly marksPauseMs: number;
  /** Between two rounds at most: what a watch did not tell, and what somebody else has undone, is found then. Default 30 s. */
  readonly longestMs: number;
}

export interface PodActs {
  /** Something was decided, or another role taken. */
  wake(): void;
  /** Resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  problems(): readonly Problem[];
}

export function createPodActs(options: PodActsOptions): PodActs {
  const { client, clock, engine, leads, objects, settings, onEviction, onMark, onProblem } = options;
  const timing = {
    pauseMs: 200,
    marksPauseMs: 1000,
    longestMs: 30_000,
    ...evictorTiming,
    ...markerTiming,
    ...options.timing,
  };

  const evictor = createEvictor({
    client,
    clock,
    timing,
    due: () => (settings.evict && leads() ? dueEvictions(engine, objects.pods) : []),
    answer: ({ state, decision }, answer) => {
      if (leads()) engine.answerEviction(state.service, decision.backend, answer);
    },
    tell: ({ state, decision }, result) => onEviction(result, decision, state),
  });
  const marker = createMarker({
    client,
    clock,
    timing,
    marks: settings,
    pods: () => ofKnown(engine, objects.pods),
    wanted: () => (leads() ? marksOnRecord(engine) : undefined),
    tell: onMark,
  });
  // Two lines of work: a pod that has to go does not wait until others are labelled.
  const common = { clock, longestMs: timing.longestMs, doing: 'acting on pods', onProblem };
  const rounds = [
    createRounds({ ...common, pauseMs: timing.pauseMs, round: evictor.round }),
    createRounds({ ...common, pauseMs: timing.marksPauseMs, round: marker.round }),
  ];

  return {
    wake() {
      for (const each of rounds) each.wake();
    },
    async run(signal) {
      await Promise.all(rounds.map((each) => each.run(signal)));
    },
    problems: () => [
      ...evictor.problems(),
      ...marker.problems(),
      ...(settings.label ? selectorProblems(objects.services) : []),
    ],
  };
}

/** On record, still so, ours to decide, not frozen by a person, and of a pod that is there and not leaving. */
function dueEvictions(engine: Pick<Engine, 'onRecord'>, pods: ReadonlyMap<string, PodObject>): readonly DueEviction[] {
  return engine.onRecord().flatMap(({ decides, state, decisions }) => {
    if (!decides || state.freeze !== undefined) return [];
    const { namespace } = splitServiceKey(state.service);
    return [...decisions.values()].flatMap((onRecord): readonly DueEviction[] => {
      const { backend, name } = onRecord;
      const decision = state.enforced.decisions.get(backend);
      if (onRecord.state !== 'evicted' || decision?.state !== 'evicted') return [];
      const pod = pods.get(`${namespace}/${name}`);
      if (pod === undefined || pod.metadata?.uid !== backend || isPodLeaving(pod)) return [];
      return [{ namespace, name, uid: backend, state, decision }];
    });
  });
}

/** Where nobody knows who is out, whoever bears a mark may well be. */
function ofKnown(
  engine: Pick<Engine, 'onRecord'>,
  pods: ReadonlyMap<string, PodObject>,
): ReadonlyMap<string, PodObject> {
  const unknown = engine.onRecord().filter(({ isKnown }) => !isKnown);
  if (unknown.length === 0) return pods;
  const known = new Map(pods);
  for (const { state } of unknown) {
    const { namespace } = splitServiceKey(state.service);
    for (const { name } of state.fleet.backends) known.delete(`${namespace}/${name}`);
  }
  return known;
}

function marksOnRecord(engine: Pick<Engine, 'onRecord'>): ReadonlyMap<string, WantedMarks> {
  return wantedMarks(
    engine.onRecord().map(({ state, decisions }) => ({
      namespace: splitServiceKey(state.service).namespace,
      decisions: decisions.values(),
    })),
  );
}

function selectorProblems(services: ReadonlyMap<string, ServiceObject>): readonly Problem[] {
  return [...services].flatMap(([key, { spec }]) =>
    spec?.selector?.[rotationLabel] === undefined ? [] : [selectorProblem(key, rotationLabel)],
  );
}
