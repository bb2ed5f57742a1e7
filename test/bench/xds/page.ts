/** The generated part of docs/performance.md. What people wrote around it stays. */
import { writeBetweenMarks } from '../marks.ts';
import { type Rounds, type Row, rowsOf } from './rows.ts';
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
  return [machine, ...all.map(section)].join('\n\n');
}

function section({ scenario, rounds }: Measured): string {
  const servers = serverNames.filter((name) => rounds[name] !== undefined);
  const header = ['', ...servers.map((name) => titles[name]), 'ratio', 'goal'];
  const lines = rowsOf(scenario, rounds).map((row) => cells(row, servers));
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [`### ${scenario.title}`, '', ...[header, rule, ...lines].map((line) => `| ${line.join(' | ')} |`)].join('\n');
}

function cells({ what, unit, values, ratio, goal }: Row, servers: readonly ServerName[]): readonly string[] {
  const value = (name: ServerName): string => {
    const found = values[name];
    return found === undefined ? '' : `${figure(found)} ${unit}`.trim();
  };
  return [what, ...servers.map(value), ratio === undefined ? '' : ratio.toFixed(2), goal ?? ''];
}

function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value.toLocaleString('en', value < 10 ? { maximumFractionDigits: 2 } : { maximumFractionDigits: 0 });
}
