/** Plays one scenario for all contenders at once, side by side on one machine, and records what clients and Envoys saw. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { type Contender, startContender } from './contender.ts';
import { startLoad } from './load.ts';
import { type ContenderName, type ContenderRecording, contenderNames, type Recording } from './recording.ts';
import { type Scenario } from './scenario.ts';
import { watchEnvoys } from './watch.ts';

export interface RunOptions {
  /** Paths of the executables. */
  readonly envoy: string;
  readonly prometheus: string;
  /** Of two scenarios at a time each has networks of its own, from this number on. */
  readonly firstNetwork: number;
  readonly signal: AbortSignal;
  /** What it does, and which part of the whole is done. */
  progress(doing: string, share: number): void;
}

const stepMs = 50;
/** Of the whole time, for the progress. */
const startShare = 0.2;

export function runScenario(scenario: Scenario, options: RunOptions): Promise<Recording> {
  return inTemporaryFolder('arena', async (folder) => {
    const running: { stop(): Promise<unknown> }[] = [{ stop: () => removeFolder(folder) }];
    const keep = <T extends { stop(): Promise<unknown> }>(thing: T): T => {
      running.push(thing);
      return thing;
    };
    try {
      return await play(scenario, options, folder, keep);
    } finally {
      for (const thing of running.reverse()) await thing.stop();
    }
  });
}

async function play(
  scenario: Scenario,
  { envoy, prometheus, firstNetwork, signal, progress }: RunOptions,
  folder: string,
  keep: <T extends { stop(): Promise<unknown> }>(thing: T) => T,
): Promise<Recording> {
  let startedMs = Number.POSITIVE_INFINITY;
  const elapsedMs = (): number => performance.now() - startedMs;
  progress('starting', 0);
  const contenders: Contender[] = [];
  for (const [index, name] of contenderNames.entries()) {
    const own = join(folder, name);
    await mkdir(own);
    const stage = { scenario, elapsedS: () => elapsedMs() / 1000, folder: own, network: firstNetwork + index };
    contenders.push(await startContender(name, { ...stage, envoy, prometheus, signal, keep }));
    progress('starting', (startShare * (index + 1)) / (2 * contenderNames.length));
  }
  const load = { ports: contenders.map(({ ports }) => ports), requestsPerSecond: scenario.requestsPerSecond };
  const warming = startLoad({ ...load, seed: 1 });
  keep({ stop: async () => warming.stop() });
  progress('settling', startShare / 2);
  await Promise.all(contenders.map(({ settled }) => settled()));
  warming.stop();

  startedMs = performance.now();
  const asked = startLoad({ ...load, seed: 2 });
  keep({ stop: async () => asked.stop() });
  const watches = contenders.map(({ envoys, pods }) => keep(watchEnvoys(envoys, pods, elapsedMs)));
  const acts = [...scenario.acts];
  const acting: Promise<void>[] = [];
  while (elapsedMs() < scenario.lengthS * 1000) {
    signal.throwIfAborted();
    for (; acts[0] !== undefined && acts[0].atS * 1000 <= elapsedMs(); acts.shift()) {
      const { what } = acts[0];
      acting.push(...contenders.map(({ act }) => act(what)));
    }
    await Promise.all(contenders.map(({ follow }) => follow()));
    const doing = `${Math.floor(elapsedMs() / 1000)} of ${scenario.lengthS} s`;
    progress(doing, startShare + (1 - startShare) * (elapsedMs() / 1000 / scenario.lengthS));
    await sleep(stepMs);
  }
  await Promise.all(acting);
  for (const watch of watches) await watch.stop();
  const latestSendMs = asked.latestSendMs();
  const recordings = contenderNames.map((name, index): [ContenderName, ContenderRecording] => [
    name,
    { answers: asked.answers[index] ?? [], views: watches[index]?.views ?? [] },
  ]);
  return {
    scenario: scenario.name,
    contenders: Object.fromEntries(recordings) as Record<ContenderName, ContenderRecording>,
    latestSendMs,
  };
}
