/**
 * The play once more: `kubervisor simulate`, as a person runs it, over the Prometheus that watched. Whom it would have
 * taken out must be whom Kubervisor took out.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SimulationReport } from '../engine/simulate/report.ts';
import type { AuditRecord } from '../engine/telemetry/audit.ts';
import type { Stage } from './stage.ts';

/** A backend goes out: for the first time, or again from its probe. */
export interface Ejection {
  readonly backend: string;
  readonly breaker: string;
  readonly atMs: number;
}

export interface Replayed {
  readonly live: readonly Ejection[];
  readonly simulated: readonly Ejection[];
}

/** Longer than any play: the simulation begins where the data does. */
const since = '15m';

/** What a person types to see it for themselves, while everything runs. */
export function simulateArguments({ input, prometheusUrl }: Stage): readonly string[] {
  return ['simulate', '-f', input, '--since', since, '--source', prometheusUrl];
}

export async function replay(stage: Stage, signal: AbortSignal): Promise<Replayed> {
  const main = join(import.meta.dirname, '../cli/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...simulateArguments(stage), '-o', 'json'], {
    signal,
    maxBuffer: 2 ** 26,
  });
  const report = JSON.parse(stdout) as SimulationReport;
  return { live: ejectionsIn(await readFile(stage.auditFile, 'utf8')), simulated: ejectionsOf(report) };
}

/**
 * How the two differ, in words; undefined: they do not. Live may be later: the simulation has every sample at the moment
 * it speaks of, and `serve` had those that had arrived.
 */
export function differenceOf({ live, simulated }: Replayed, notBeforeMs: number, slackMs: number): string | undefined {
  const same =
    live.length === simulated.length &&
    live.every(({ backend, breaker, atMs }, index) => {
      const other = simulated[index];
      return (
        other !== undefined &&
        other.backend === backend &&
        other.breaker === breaker &&
        other.atMs >= notBeforeMs &&
        other.atMs <= atMs + slackMs
      );
    });
  return same ? undefined : `live ${text(live)}; simulated ${text(simulated)}`;
}

function text(ejections: readonly Ejection[]): string {
  const each = ejections.map(
    ({ backend, breaker, atMs }) => `${backend} by ${breaker} at ${new Date(atMs).toISOString()}`,
  );
  return each.length === 0 ? 'nobody' : each.join(', ');
}

function ejectionsIn(audit: string): readonly Ejection[] {
  return audit
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditRecord)
    .filter(({ action, enforced }) => enforced && action === 'eject')
    .map(({ name = '', breaker = '', time }) => ({ backend: name, breaker, atMs: Date.parse(time) }));
}

function ejectionsOf({ services }: SimulationReport): readonly Ejection[] {
  return services
    .flatMap(({ episodes }) => episodes)
    .flatMap(({ backend, breaker = '', states }) =>
      states
        .filter(({ state }) => state === 'ejected')
        .map(({ from }) => ({ backend, breaker, atMs: Date.parse(from) })),
    )
    .toSorted((a, b) => a.atMs - b.atMs);
}
