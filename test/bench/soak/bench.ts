/**
 * A soak: very many updates to clients of every temper, and what memory the server has after each hundredth of them, all
 * that can be collected being collected. The clients live in this process, the server in its own.
 */
import { join } from 'node:path';
import { eventually } from '../../../demo/world/wait.ts';
import { startActor } from '../xds/actor.ts';
import { startCrowd } from './crowd.ts';
import { updatesPerRound } from './publisher.ts';
import type { SoakSample } from './server.ts';

const services = 100;
const samples = 100;
/** The JIT compiles and pools fill in the beginning. */
const warmUpShare = 0.1;

export interface SoakResult {
  readonly updates: number;
  readonly seconds: number;
  /** Before anybody came. */
  readonly before: SoakSample;
  readonly during: readonly (SoakSample & { readonly updates: number })[];
  /** When everybody had left. */
  readonly after: SoakSample;
}

export async function benchSoak(updates: number): Promise<SoakResult> {
  const server = startActor(process.execPath, [
    '--expose-gc',
    join(import.meta.dirname, 'server.ts'),
    String(services),
  ]);
  const sample = (): Promise<SoakSample> => server.say<SoakSample>({ do: 'sample' });
  try {
    const { port } = await server.say<{ readonly port: number }>({ do: 'begin' });
    const before = await sample();
    const crowd = startCrowd(port, services);
    const rounds = Math.ceil(updates / updatesPerRound(services));
    const during: (SoakSample & { updates: number })[] = [];
    await server.say({ do: 'rounds', from: 1, to: 1 });
    const startedMs = performance.now();
    for (let n = 0; n < samples; n++) {
      const [from, to] = [n, n + 1].map((at) => 1 + Math.floor((at * rounds) / samples));
      await server.say({ do: 'rounds', from, to });
      const taken = { updates: ((to ?? 1) - 1) * updatesPerRound(services), ...(await sample()) };
      during.push(taken);
      process.stderr.write(`${soakRow(taken)}\n`);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    crowd.stop();
    const after = await eventually(
      async () => {
        const left = await sample();
        return left.open === 0 && left;
      },
      { timeoutMs: 60_000, everyMs: 1000, what: 'everybody has left' },
    );
    return { updates: rounds * updatesPerRound(services), seconds, before, during, after };
  } finally {
    await server.end();
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function soakRow({
  updates,
  heapBytes,
  externalBytes,
  rssBytes,
  open,
  watchedNames,
}: SoakResult['during'][number]): string {
  const memory = [heapBytes, externalBytes, rssBytes].map((bytes) => mebibytes(bytes).padStart(7)).join('');
  return `${String(updates).padStart(9)}${memory}  ${open} streams, ${watchedNames} names`;
}

/** Bytes an update, by least squares, after the warm-up. */
function slope(result: SoakResult, of: (sample: SoakSample) => number): number {
  const points = result.during
    .slice(Math.floor(result.during.length * warmUpShare))
    .map((taken) => ({ x: taken.updates, y: of(taken) }));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
  const covariance = mean(points.map((point) => (point.x - x) * (point.y - y)));
  return covariance / mean(points.map((point) => (point.x - x) ** 2));
}

export function soakReport(machine: string, result: SoakResult): string {
  const { updates, seconds, before, during, after } = result;
  const last = during.at(-1) ?? { ...after, updates };
  const every = during.filter((_, n) => n === 0 || (n + 1) % 10 === 0);
  const row = (what: string, { heapBytes, externalBytes, rssBytes }: SoakSample): string =>
    `| ${what} | ${[heapBytes, externalBytes, rssBytes].map(mebibytes).join(' | ')} |`;
  const perMillion = (of: (sample: SoakSample) => number): string => mebibytes(slope(result, of) * 1e6);
  return [
    `${machine}: ${updates} updates in ${Math.round(seconds)} s, ${last.pushed} responses, ${last.nacked} of them refused; ${last.opened} streams were opened, ${last.open} at a time; ${last.watchedNames} names watched.`,
    '',
    '| updates | heap, MiB | external, MiB | RSS, MiB |',
    '|---:|---:|---:|---:|',
    row('nobody there yet', before),
    ...every.map((taken) => row(String(taken.updates), taken)),
    row('everybody gone', after),
    '',
    `Slope after the first tenth, MiB per million updates: heap ${perMillion((taken) => taken.heapBytes)}, external ${perMillion((taken) => taken.externalBytes)}, RSS ${perMillion((taken) => taken.rssBytes)}.`,
    '',
    ...plot(
      'heap after collection, MiB',
      during.map(({ heapBytes }) => heapBytes / 2 ** 20),
    ),
  ].join('\n');
}

/** From 0, so that what looks flat is flat. */
function plot(title: string, values: readonly number[]): readonly string[] {
  const height = 8;
  const top = Math.max(...values);
  const rows = Array.from({ length: height }, (_, row) => {
    const least = ((height - row - 0.5) / height) * top;
    const label = (((height - row) / height) * top).toFixed(0).padStart(5);
    return `${label} |${values.map((value) => (value >= least ? '#' : ' ')).join('')}`.trimEnd();
  });
  return ['```', title, ...rows, `    0 +${'-'.repeat(values.length)} updates`, '```'];
}
