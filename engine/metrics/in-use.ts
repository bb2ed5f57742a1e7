/** What is asked for again and again is worked out once, and forgotten some time after nobody asks any more. */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';

/** Longer than between two evaluations of any breaker. */
export const keepMs = 2 * 3_600_000;

/** @param keepMs what was not asked for during as long, twice as long at most, is forgotten */
export function rememberInUse<Value>(clock: Clock, keepMs: number, workOut: (key: string) => Value) {
  let now = new Map<string, Value>();
  let before = now;
  let sinceMs: EpochMs = clock.now();

  return (key: string): Value => {
    // A clock that was set back must not make it keep for ever.
    if (Math.abs(clock.now() - sinceMs) >= keepMs) {
      before = now;
      now = new Map();
      sinceMs = clock.now();
    }
    const known = now.get(key) ?? before.get(key) ?? workOut(key);
    now.set(key, known);
    return known;
  };
}
