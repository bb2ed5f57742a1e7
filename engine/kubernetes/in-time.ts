/** A question to the API server that is given up after so long. */
import type { Clock } from '../clock.ts';
import { createDeadline } from '../metrics/deadline.ts';
import { KubeError } from './kube-client.ts';

/** @throws KubeError with what is said of silence, when time was up; else whatever `ask` throws */
export async function inTime<Answer>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  ask: (until: AbortSignal) => Promise<Answer>,
  silence: string,
): Promise<Answer> {
  const deadline = createDeadline(clock, timeoutMs, signal);
  try {
    return await ask(deadline.signal);
  } catch (error) {
    throw deadline.expired() ? new KubeError(silence) : error;
  } finally {
    deadline.dispose();
  }
}
