/**
 * The xDS server against go-control-plane's caches: one client, one machine, in turn. Progress goes to standard error;
 * what was measured before, by the same source, is not measured again.
 */
import { installPart } from '../../../scripts/parts.ts';
import { findPart } from '../../../demo/world/parts.ts';
import { type Measurement, measure } from './measure.ts';
import type { Measured } from './page.ts';
import { openResults } from './results.ts';
import { quickScenarios, type Scenario, scenarios, type ServerName } from './scenarios.ts';

export interface XdsBenchOptions {
  /** Small sizes, nothing kept. */
  readonly quick: boolean;
  /** Only scenarios whose names start with one of these; all if empty. */
  readonly only: readonly string[];
  /** Measures again what was measured before. */
  readonly fresh: boolean;
}

export async function benchXds({ quick, only, fresh }: XdsBenchOptions): Promise<readonly Measured[]> {
  await installPart('xds-bench', process.env);
  const bench = findPart('xds-bench', process.env);
  if (bench === undefined) throw new Error('xds-bench is not there; build it with: npm run setup -- xds-bench');
  const results = quick ? undefined : openResults({ fresh });
  const chosen = (quick ? quickScenarios : scenarios).filter(
    ({ name }) => only.length === 0 || only.some((prefix) => name.startsWith(prefix)),
  );
  const all: Measured[] = [];
  for (const scenario of chosen) {
    const rounds: Partial<Record<ServerName, Measurement[]>> = {};
    for (let round = 1; round <= scenario.rounds; round++) {
      for (const server of scenario.servers) {
        let measurement = results?.get(scenario, server, round);
        if (measurement === undefined) {
          measurement = await say(scenario, server, round, () => measure(scenario, server, bench));
          results?.put(scenario, server, round, measurement);
        }
        (rounds[server] ??= []).push(measurement);
      }
    }
    all.push({ scenario, rounds });
  }
  return all;
}

async function say(
  { name, rounds, flips }: Scenario,
  server: ServerName,
  round: number,
  run: () => Promise<Measurement>,
): Promise<Measurement> {
  process.stderr.write(`${name}, ${server}, round ${round} of ${rounds} ... `);
  const startedMs = performance.now();
  const measured = await run();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const lastMs = measured.flips.map((flip) => flip.lastMs).toSorted((a, b) => a - b)[Math.floor(flips / 2)] ?? 0;
  const { usedMiB } = measured.memory;
  process.stderr.write(
    `last ${lastMs.toFixed(0)} ms, CPU ${(measured.flipsCpuMs / flips).toFixed(0)} ms, ${usedMiB.toFixed(0)} MiB (${seconds} s)\n`,
  );
  return measured;
}
