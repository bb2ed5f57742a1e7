/** Measurements of one scenario as rows of a table: what a reader compares, and how ours stands to the peer. */
import type { Measurement } from './measure.ts';
import type { Scenario, ServerName } from './scenarios.ts';

/** All rounds of a server. */
export type Rounds = Readonly<Partial<Record<ServerName, readonly Measurement[]>>>;

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly values: Readonly<Partial<Record<ServerName, number>>>;
  /** Ours to LinearCache's; absent where a ratio says nothing. */
  readonly ratio?: number;
  readonly goal?: Goal;
}

/** What is asked of ours: of its ratio to LinearCache, or of the figure itself. */
export type Goal =
  | { readonly kind: 'ratio'; readonly atMost: number }
  | { readonly kind: 'value'; readonly atMost: number }
  | { readonly kind: 'exactly'; readonly value: number };

export function isReached({ goal, ratio, values: { kubervisor } }: Row): boolean {
  switch (goal?.kind) {
    case 'ratio':
      return ratio !== undefined && ratio <= goal.atMost;
    case 'value':
      return kubervisor !== undefined && kubervisor <= goal.atMost;
    case 'exactly':
      return kubervisor === goal.value;
    case undefined:
      return true;
  }
}

interface Metric {
  readonly what: string;
  readonly unit: string;
  /** Over all rounds; undefined where the scenario has no such figure. */
  readonly pick: (rounds: readonly Measurement[], scenario: Scenario) => number | undefined;
  readonly goal?: (scenario: Scenario) => Goal | undefined;
  readonly hasRatio: boolean;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const largest = (values: readonly number[]): number => Math.max(...values);

const streams = ({ subscribers, bystanders }: Scenario): number => subscribers + bystanders;
const isBar = ({ name }: Scenario): boolean => name === 'sotw-10000' || name === 'delta-10000';
const barOf = (goal: Goal) => (scenario: Scenario) => (isBar(scenario) ? goal : undefined);

const flipsOf = (rounds: readonly Measurement[]): Measurement['flips'] => rounds.flatMap(({ flips }) => flips);
const flipCount = (rounds: readonly Measurement[]): number => flipsOf(rounds).length;
const stormsOf = (rounds: readonly Measurement[]): readonly NonNullable<Measurement['storm']>[] =>
  rounds.flatMap(({ storm }) => storm ?? []);
const over = <T>(all: readonly T[], pick: (all: readonly T[]) => number): number | undefined =>
  all.length === 0 ? undefined : pick(all);

const metrics: readonly Metric[] = [
  {
    what: 'one flip: received by half of the subscribers',
    unit: 'ms',
    pick: (rounds) => median(flipsOf(rounds).map(({ p50Ms }) => p50Ms)),
    hasRatio: true,
  },
  {
    what: 'by 99 %',
    unit: 'ms',
    pick: (rounds) => median(flipsOf(rounds).map(({ p99Ms }) => p99Ms)),
    hasRatio: true,
  },
  {
    what: 'by the last',
    unit: 'ms',
    pick: (rounds) => median(flipsOf(rounds).map(({ lastMs }) => lastMs)),
    goal: barOf({ kind: 'ratio', atMost: 0.7 }),
    hasRatio: true,
  },
  {
    what: 'server CPU for it, until acknowledged',
    unit: 'ms',
    pick: (rounds) => rounds.reduce((sum, { flipsCpuMs }) => sum + flipsCpuMs, 0) / flipCount(rounds),
    goal: barOf({ kind: 'ratio', atMost: 0.8 }),
    hasRatio: true,
  },
  {
    what: 'memory of the process afterwards',
    unit: 'MiB',
    pick: (rounds) => mean(rounds.map(({ memory }) => memory.usedMiB)),
    goal: barOf({ kind: 'ratio', atMost: 0.8 }),
    hasRatio: true,
  },
  {
    what: 'without clients',
    unit: 'MiB',
    pick: (rounds) => mean(rounds.map(({ memory }) => memory.emptyMiB)),
    hasRatio: false,
  },
  {
    what: 'after a forced collection',
    unit: 'MiB',
    pick: (rounds) => mean(rounds.map(({ memory }) => memory.collectedMiB)),
    hasRatio: true,
  },
  {
    what: 'memory per stream',
    unit: 'kB',
    pick: (rounds, scenario) =>
      mean(rounds.map(({ memory }) => ((memory.usedMiB - memory.emptyMiB) * 2 ** 20) / 1000 / streams(scenario))),
    goal: barOf({ kind: 'ratio', atMost: 0.8 }),
    hasRatio: true,
  },
  {
    what: 'after a forced collection',
    unit: 'kB',
    pick: (rounds, scenario) =>
      mean(rounds.map(({ memory }) => ((memory.collectedMiB - memory.emptyMiB) * 2 ** 20) / 1000 / streams(scenario))),
    hasRatio: true,
  },
  {
    what: 'messages per subscriber and flip',
    unit: '',
    pick: (rounds, { subscribers, stalled }) =>
      rounds.reduce((sum, { messages }) => sum + messages, 0) / (flipCount(rounds) * (subscribers - stalled)),
    goal: () => ({ kind: 'exactly', value: 1 }),
    hasRatio: false,
  },
  {
    what: 'messages to others',
    unit: '',
    pick: (rounds) => rounds.reduce((sum, { strays }) => sum + strays, 0),
    goal: () => ({ kind: 'exactly', value: 0 }),
    hasRatio: false,
  },
  {
    what: 'bytes of a message',
    unit: 'B',
    pick: (rounds) => mean(rounds.map(({ bytesPerMessage }) => bytesPerMessage)),
    hasRatio: false,
  },
  {
    what: 'health while pushing, slowest answer',
    unit: 'ms',
    pick: (rounds) => largest(rounds.map(({ health }) => health.maxMs)),
    hasRatio: false,
  },
  {
    what: 'all connect at once: first connection to last first answer',
    unit: 's',
    pick: (rounds) => mean(rounds.map(({ servedMs }) => servedMs)) / 1000,
    goal: barOf({ kind: 'value', atMost: 10 }),
    hasRatio: false,
  },
  {
    what: 'health meanwhile, slowest answer',
    unit: 'ms',
    pick: (rounds) => largest(rounds.map(({ servedHealth }) => servedHealth.maxMs)),
    goal: barOf({ kind: 'value', atMost: 100 }),
    hasRatio: false,
  },
  {
    what: 'server CPU for it',
    unit: 'ms',
    pick: (rounds) => mean(rounds.map(({ servedCpuMs }) => servedCpuMs)),
    hasRatio: true,
  },
  {
    what: 'CPU while idle',
    unit: 'ms/s',
    pick: (rounds) => mean(rounds.map(({ idleCpuMs }) => idleCpuMs)),
    hasRatio: false,
  },
  {
    what: 'all are cut and connect again: cut to last first answer',
    unit: 's',
    pick: (rounds) => over(stormsOf(rounds), (all) => mean(all.map(({ servedMs }) => servedMs)) / 1000),
    goal: barOf({ kind: 'value', atMost: 10 }),
    hasRatio: false,
  },
  {
    what: 'health meanwhile, 99 % of answers within',
    unit: 'ms',
    pick: (rounds) => over(stormsOf(rounds), (all) => largest(all.map(({ health }) => health.p99Ms))),
    hasRatio: false,
  },
  {
    what: 'health meanwhile, slowest answer',
    unit: 'ms',
    pick: (rounds) => over(stormsOf(rounds), (all) => largest(all.map(({ health }) => health.maxMs))),
    goal: barOf({ kind: 'value', atMost: 100 }),
    hasRatio: false,
  },
];

export function rowsOf(scenario: Scenario, rounds: Rounds): readonly Row[] {
  return metrics.flatMap(({ what, unit, pick, goal, hasRatio }): readonly Row[] => {
    const values = Object.fromEntries(
      Object.entries(rounds).flatMap(([server, all]) => {
        const value = pick(all, scenario);
        return value === undefined ? [] : [[server, value]];
      }),
    ) as Row['values'];
    if (Object.keys(values).length === 0) return [];
    const aim = goal?.(scenario);
    const { kubervisor, linear } = values;
    return [
      {
        what,
        unit,
        values,
        // Little enough time counts as none, in ticks of 10 ms.
        ...(hasRatio && kubervisor !== undefined && linear !== undefined && linear > 0
          ? { ratio: kubervisor / linear }
          : {}),
        ...(aim === undefined ? {} : { goal: aim }),
      },
    ];
  });
}
