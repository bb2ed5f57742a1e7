/** A policy over the past of its metrics. Needs the metric sources and nothing that runs. */
import type { Clock } from '../clock.ts';
import type { PrometheusSettings } from '../metrics/config.ts';
import { createPrometheusSource } from '../metrics/prometheus.ts';
import { createRangeReader } from '../metrics/range.ts';
import { boundTo, readerBoundTo } from '../metrics/tenancy.ts';
import { type EpochMs, type Fleet, type ServiceKey, splitServiceKey } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import { ProblemError } from '../problem.ts';
import type { Timing } from '../rotation/context.ts';
import type { Diary } from './diary.ts';
import { fetchHistory } from './fetch.ts';
import { fleetHistory, recordingsOf } from './fleet.ts';
import { type Period, questionsOf } from './questions.ts';
import { createRecordedSource, type RecordedSource } from './recorded-source.ts';
import { type Recording, spanOf } from './recording.ts';
import { replay, type ReplayedPolicy, type Watch } from './replay.ts';
import { reportOf, type SimulationReport } from './report.ts';

export interface SimulationOptions {
  /** Each list is one run over the same history; in a list, one policy for a Service. */
  readonly runs: readonly Run[];
  readonly period: Period;
  /** Settings of a source by the name that breakers have for it. */
  readonly settings: (source: string) => PrometheusSettings | undefined;
  readonly timing: Timing;
  readonly maxEjectionsPerMinute: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface Run {
  readonly policies: readonly Policy[];
  readonly fleets: ReadonlyMap<ServiceKey, Fleet>;
}

export interface Progress {
  readonly stage: 'fetching' | 'replaying';
  /** 0 to 1. */
  readonly share: number;
}

export interface Simulation {
  readonly report: SimulationReport;
  readonly policies: readonly ReplayedPolicy[];
  readonly diary: Diary;
}

/** The history, once it is there. */
export interface Past {
  readonly recordings: readonly Recording[];
  /** @param at of all stages of replaying, which this one is. */
  replay(run: Run, at: Stage, watch?: Watch): Promise<Simulation>;
}

export interface Stage {
  readonly index: number;
  readonly of: number;
}

/**
 * @returns one simulation for each run, in their order.
 * @throws ProblemError when the history cannot be had, or there is none.
 */
export function simulate(options: SimulationOptions): Promise<readonly Simulation[]> {
  const { runs } = options;
  return withPast(options, async (past) => {
    const simulations: Simulation[] = [];
    for (const [index, run] of runs.entries()) {
      simulations.push(await past.replay(run, { index, of: runs.length }));
    }
    return simulations;
  });
}

/** Gets what the runs need of the past, and lets it be used. */
export async function withPast<T>(options: SimulationOptions, use: (past: Past) => Promise<T>): Promise<T> {
  const { runs, period, settings, clock, signal, onProgress } = options;
  const questions = questionsOf(
    runs.flatMap(({ policies }) => policies),
    period,
  );
  const names = [...new Set(questions.map(({ source }) => source))];
  const known = new Map(names.flatMap((name) => [settings(name)].flatMap((found) => (found ? [[name, found]] : []))));
  const namespace = namespaceOf(runs, known);
  const readers = new Map(
    [...known].map(([name, found]) => [name, readerBoundTo(namespace, found, name, createRangeReader(found, clock))]),
  );
  const instants = new Map(
    [...known].map(([name, found]) => [
      name,
      createPrometheusSource({ name, settings: found, clock, random: Math.random }),
    ]),
  );
  try {
    const recordings = await fetchHistory({
      questions,
      reader: (name) => readers.get(name),
      signal,
      onProgress: (done, total) => onProgress({ stage: 'fetching', share: total === 0 ? 1 : done / total }),
    });
    const sources = new Map<string, RecordedSource>();
    for (const [name, instant] of instants) {
      const found = known.get(name);
      if (found === undefined) continue;
      const { queryOffsetMs } = found;
      const own = recordings.filter(({ source }) => source === name);
      sources.set(
        name,
        createRecordedSource({
          recordings: own,
          queryOffsetMs,
          instant: boundTo(namespace, found, name, instant),
        }),
      );
    }
    return await use({
      recordings,
      async replay(run, { index, of }, watch) {
        const replayed = withData(run, recordings, period);
        const diary = await replay({
          ...options,
          ...replayed,
          sources,
          ...(watch === undefined ? {} : { watch }),
          onProgress: (share) => onProgress({ stage: 'replaying', share: (index + share) / of }),
        });
        return { report: reportOf(diary, replayed.policies, replayed.period), policies: replayed.policies, diary };
      },
    });
  } finally {
    for (const reader of readers.values()) reader.close();
    for (const instant of instants.values()) instant.close();
  }
}

/**
 * The namespace that asks. Where a source shows each namespace its own, or is not for all, there must be one only:
 * recordings are kept by their query, which would stand for two answers.
 * @throws ProblemError
 */
function namespaceOf(runs: readonly Run[], sources: ReadonlyMap<string, PrometheusSettings>): string {
  const services = runs.flatMap(({ policies }) => policies.map(({ service }) => service));
  const namespaces = [...new Set(services.map((service) => splitServiceKey(service).namespace))];
  const [namespace = '', second] = namespaces;
  const bound = [...sources].find(([, { tenant, allowNamespaces }]) => (tenant ?? allowNamespaces) !== undefined);
  if (second === undefined || bound === undefined) return namespace;
  throw new ProblemError({
    code: 'KV0851',
    severity: 'error',
    message: `metric source ${bound[0]} is not the same for ${namespace} and ${second}`,
    remedy: 'simulate the policies of one namespace at a time',
  });
}

/** The replay begins with the data: before it there is nothing to judge, and nothing to settle on. */
function withData(
  run: Run,
  recordings: readonly Recording[],
  period: Period,
): { readonly policies: readonly ReplayedPolicy[]; readonly period: Period } {
  const firsts = run.policies.flatMap((policy) =>
    recordingsOf(policy, recordings, period).flatMap(({ recording }) =>
      [...recording.series.values()].flatMap((series) => spanOf(recording, series)?.firstMs ?? []),
    ),
  );
  if (firsts.length === 0) throw noData(period);
  // One moment earlier, so that the first evaluation is the one that finds the data.
  const fromMs = Math.max(period.fromMs, earliest(firsts) - 1);
  const policies = run.policies.map((policy) => ({
    policy,
    fleet: fleetHistory(policy, run.fleets.get(policy.service), recordings, period),
  }));
  return { policies, period: { ...period, fromMs } };
}

function earliest(times: readonly EpochMs[]): EpochMs {
  return times.reduce((first, atMs) => Math.min(first, atMs));
}

function noData({ fromMs, untilMs }: Period): ProblemError {
  return new ProblemError({
    code: 'KV0747',
    severity: 'error',
    message: `no query of the policies finds a series from ${new Date(fromMs).toISOString()} to ${new Date(untilMs).toISOString()}`,
    remedy: 'ask the queries at the source, and see how far back its data goes (--since)',
  });
}
