/** Looks for a history that breaks something, and shortens it. */
import fc from 'fast-check';

/** A fixed seed: a run that fails, fails for everybody. Others are tried with KUBERVISOR_SEED and KUBERVISOR_LIVES. */
const defaultSeed = 1;

/** Shortening goes on as long as it gets anywhere, and that may be very long. */
const shorteningMs = 60_000;

/**
 * Lives as many histories as `lives`, or KUBERVISOR_LIVES, says.
 * @throws Error with what the shortest history that fails has to tell, and how to live it again.
 */
export async function explore<History>(
  histories: fc.Arbitrary<History>,
  lives: number,
  live: (history: History) => void | Promise<void>,
): Promise<void> {
  const { KUBERVISOR_SEED, KUBERVISOR_LIVES, KUBERVISOR_PATH: path } = process.env;
  const property = fc.asyncProperty(histories, async (history) => live(history));
  const found = await fc.check(property, {
    seed: Number(KUBERVISOR_SEED ?? defaultSeed),
    numRuns: Number(KUBERVISOR_LIVES ?? lives),
    endOnFailure: true,
    ...(path === undefined ? {} : { path }),
  });
  if (!found.failed) return;
  const again = { seed: found.seed, path: found.counterexamplePath ?? '' };
  const shortest = await fc.check(property, { ...again, interruptAfterTimeLimit: shorteningMs });
  const { errorInstance: cause, seed, counterexamplePath } = shortest.failed ? shortest : found;
  const what = cause instanceof Error ? cause.message : String(cause);
  throw new Error(`${what}\nlive it again: KUBERVISOR_SEED=${seed} KUBERVISOR_PATH=${counterexamplePath}`, { cause });
}
