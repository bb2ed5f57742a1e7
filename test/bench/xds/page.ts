/** The generated part of docs/performance.md. What people wrote around it stays. */
import { writeBetweenMarks } from '../marks.ts';
import { type Goal, isReached, type Rounds, type Row, rowsOf } from './rows.ts';
import { type Scenario, type ServerName, serverNames } from './scenarios.ts';

export interface Measured {
  readonly scenario: Scenario;
  readonly rounds: Rounds;
}

const titles: Readonly<Record<ServerName, string>> = {
  kubervisor: 'Kubervisor',
  linear: 'LinearCache',
  snapshot: 'SnapshotCache',
};

export function writePage(machine: string, all: readonly Measured[]): void {
  writeBetweenMarks('performance.md', 'npm run bench -- xds', markdown(machine, all));
}

export function markdown(machine: string, all: readonly Measured[]): string {
  return [machine, ...stalledCost(all), ...all.map(section)].join('\n\n');
}

/** The same with half of the streams stalled and with none: what those cost. */
function stalledCost(all: readonly Measured[]): readonly string[] {
  const half = all.find(({ scenario }) => scenario.name === 'half-stalled');
  const none = all.find(({ scenario }) => scenario.name === 'none-stalled');
  if (half === undefined || none === undefined) return [];
  const costs = half.scenario.servers.map((server) => {
    const [stalled = Number.NaN, usual = Number.NaN] = [half, none].map(({ rounds }) => {
      const used = (rounds[server] ?? []).map(({ memory }) => memory.usedMiB);
      return used.reduce((sum, each) => sum + each, 0) / used.length;
    });
    const kB = Math.max(0, ((stalled - usual) * 2 ** 20) / 1000 / half.scenario.stalled);
    return `${titles[server]} ${figure(kB)} kB`;
  });
  return [
    `What one stalled reader costs in memory, more than one that reads (goal: under 1 MiB): ${costs.join(', ')}.`,
  ];
}

function section({ scenario, rounds }: Measured): string {
  const servers = serverNames.filter((name) => rounds[name] !== undefined);
  const header = ['', ...servers.map((name) => titles[name]), 'ratio', 'goal'];
  const lines = rowsOf(scenario, rounds).map((row) => cells(row, servers));
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [`### ${scenario.title}`, '', ...[header, rule, ...lines].map((line) => `| ${line.join(' | ')} |`)].join('\n');
}

function cells(row: Row, servers: readonly ServerName[]): readonly string[] {
  const { what, unit, values, ratio, goal } = row;
  const value = (name: ServerName): string => {
    const found = values[name];
    return found === undefined ? '' : `${figure(found)} ${unit}`.trim();
  };
  return [
    what,
    ...servers.map(value),
    ratio === undefined ? '' : ratio.toFixed(2),
    goal === undefined ? '' : `${goalText(goal, unit)}, ${isReached(row) ? 'reached' : 'missed'}`,
  ];
}

function goalText(goal: Goal, unit: string): string {
  switch (goal.kind) {
    case 'ratio':
      return `at most ${goal.atMost}`;
    case 'value':
      return `at most ${goal.atMost} ${unit}`;
    case 'exactly':
      return String(goal.value);
  }
}

function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value.toLocaleString('en', value < 10 ? { maximumFractionDigits: 2 } : { maximumFractionDigits: 0 });
}
