/** The page docs/arena.md, between its marks, and the plots beside it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeBetweenMarks } from '../bench/marks.ts';
import { tunedDetection } from './envoys.ts';
import { plotOf } from './plot.ts';
import { standardSpec } from './policy.ts';
import { contenderNames, type Recording } from './recording.ts';
import type { Scenario } from './scenario.ts';
import { type Score, scoreOf } from './score.ts';

export interface Played {
  readonly scenario: Scenario;
  readonly recording: Recording;
}

const columns = [
  'contender',
  'bad answers',
  'of them slow',
  'of all',
  'taken out',
  'after',
  'healthy pod-seconds lost',
  'all back after',
  'false ejections',
  'fewest serving',
];

export function writePage(machine: string, played: readonly Played[]): void {
  const plots = join(import.meta.dirname, '../../docs/arena');
  mkdirSync(plots, { recursive: true });
  for (const { scenario, recording } of played) {
    writeFileSync(join(plots, `${scenario.name}.svg`), plotOf(scenario, recording));
  }
  writeBetweenMarks('arena.md', 'npm run arena', markdown(machine, played));
}

function markdown(machine: string, played: readonly Played[]): string {
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)}, on ${machine}. The latest request was sent ${latestSendMs(played)} ms late.`,
    summary(played),
    ...played.map(section),
    '## What they were told',
    'The tuned profile, as the `outlier_detection` of the cluster:',
    yaml(tunedDetection),
    'The policy of Kubervisor, which serves all scenarios but those that show how theirs differs:',
    yaml(standardSpec),
  ].join('\n\n');
}

function latestSendMs(played: readonly Played[]): number {
  return Math.max(...played.map(({ recording }) => recording.latestSendMs));
}

/** For a terminal. */
export function report({ scenario, recording }: Played): string {
  return `${scenario.name}: ${scenario.title}\n${table(scenario, recording)}`;
}

/** Bad answers of all scenarios in one look. */
function summary(played: readonly Played[]): string {
  const rows = played.map(({ scenario, recording }) => [
    `[${scenario.title}](#${anchor(scenario.title)})`,
    ...contenderNames.map((name) => String(scoreOf(scenario, recording.contenders[name]).bad)),
  ]);
  return ['Bad answers that clients got:', '', ...tableLines(['scenario', ...contenderNames], rows)].join('\n');
}

function section({ scenario, recording }: Played): string {
  const differs = Object.keys(scenario.policy).length > 0;
  return [
    `### ${scenario.title}`,
    scenario.story,
    table(scenario, recording),
    `![Bad answers over time and pods that are out, in the scenario "${scenario.title}"](arena/${scenario.name}.svg)`,
    ...(scenario.lesson === '' ? [] : [scenario.lesson]),
    ...(differs
      ? ['In the policy, instead of what [all others have](#what-they-were-told):', yaml(scenario.policy)]
      : []),
  ].join('\n\n');
}

function yaml(value: object): string {
  return ['```yaml', stringify(value).trim(), '```'].join('\n');
}

function table(scenario: Scenario, recording: Recording): string {
  const rows = contenderNames.map((name) => [name, ...cells(scoreOf(scenario, recording.contenders[name]), scenario)]);
  return tableLines(columns, rows).join('\n');
}

function cells(score: Score, scenario: Scenario): readonly string[] {
  const hasFault = scenario.faults.length > 0;
  return [
    String(score.bad),
    String(score.slow),
    `${score.badPercent.toFixed(2)} %`,
    score.broken === 0 ? '' : `${score.ejected} of ${score.broken}`,
    score.secondsToEject === null ? '' : `${score.secondsToEject.toFixed(1)} s`,
    score.healthySecondsLost.toFixed(0),
    hasFault ? (score.secondsToRecover === null ? 'not by the end' : `${score.secondsToRecover.toFixed(0)} s`) : '',
    score.falseEjections === 0 ? '0' : `${score.falseEjections}, out up to ${score.longestFalseSeconds.toFixed(0)} s`,
    `${score.minServing} of ${scenario.pods.length}, floor ${score.floor}`,
  ];
}

function tableLines(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const rule = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((row) => `| ${row.join(' | ')} |`);
}

/** As GitHub makes it from a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}
