/** When breakers are evaluated. */
import type { Clock } from './clock.ts';
import type { EpochMs } from './model.ts';
import { type Breaker, questionOf } from './policy/policy.ts';
import { unitHash } from './rotation/activator.ts';

/**
 * Calls `evaluate` once per period until cancelled. Ticks lie on multiples of the period, shifted by a hash of what is
 * asked: breakers with the same question ask it at the same moment, so that it is asked once, and different questions
 * spread over the period instead of arriving at the source all at once.
 *
 * A tick that comes a period late, or finds the evaluation before it still under way, is left out. There is no catching
 * up: a burst of overdue evaluations would count one moment as several.
 */
export function everyPeriod(clock: Clock, breaker: Breaker, evaluate: (atMs: EpochMs) => Promise<void>): () => void {
  const periodMs = breaker.evaluationPeriodMs;
  const phaseMs = phaseMsOf(breaker);
  let isBusy = false;
  let cancel: () => void = () => undefined;

  const arm = (): void => {
    const now = clock.now();
    const atMs = Math.floor((now - phaseMs) / periodMs) * periodMs + phaseMs + periodMs;
    cancel = clock.at(atMs, () => {
      arm();
      // The process was stopped, or the clock was set: that moment says nothing of now.
      const isMissed = Math.abs(clock.now() - atMs) >= periodMs;
      if (isBusy || isMissed) return;
      isBusy = true;
      void evaluate(atMs).finally(() => {
        isBusy = false;
      });
    });
  };
  arm();
  return () => cancel();
}

/** How long after the multiples of its period a breaker is evaluated. */
export function phaseMsOf({ source, detector, evaluationPeriodMs }: Breaker): number {
  return Math.floor(unitHash(`${source}|${questionOf(detector)}`) * evaluationPeriodMs);
}
