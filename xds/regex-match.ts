/**
 * Regular expressions of strangers. Envoy's RE2 takes bounded time; the engine here backtracks, and a hostile expression
 * keeps it busy for years. So it runs in a thread of its own, which can be ended: nobody else waits meanwhile.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../engine/clock.ts';
import { malformed } from './refusal.ts';

/** For all of them. An ordinary one takes five milliseconds for ten thousand texts, and the thread fifty to start. */
const withinMs = 3000;

const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { regexes, texts } = workerData;
  parentPort.postMessage(texts.filter((text) => regexes.some((regex) => regex.test(text))));
`;

/** The texts that any of them matches. @throws RequestRefused when that takes too long. */
export async function matchRegexes(
  regexes: readonly RegExp[],
  texts: readonly string[],
  clock: Clock,
): Promise<readonly string[]> {
  if (regexes.length === 0) return [];
  const worker = new Worker(code, { eval: true, workerData: { regexes, texts } });
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const cancel = clock.at(clock.now() + withinMs, () =>
    reject(malformed(`matching safe_regex takes longer than ${withinMs} ms; write a simpler one`)),
  );
  worker.once('message', resolve);
  worker.once('error', reject);
  try {
    return await promise;
  } finally {
    cancel();
    await worker.terminate();
  }
}
