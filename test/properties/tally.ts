/** What was lived through, for one line at the end. */
import type { Effect } from '../../engine/rotation/event.ts';

export interface Tally {
  lives: number;
  events: number;
  simulatedMs: number;
  faults: number;
  checks: number;
  effect(effect: Effect): void;
  /** Kinds of things the engine did or refused to do. */
  kinds(): readonly string[];
  line(title: string): string;
}

export function createTally(): Tally {
  const effects = new Map<string, number>();
  const tally: Tally = {
    lives: 0,
    events: 0,
    simulatedMs: 0,
    faults: 0,
    checks: 0,
    effect(effect) {
      const name =
        effect.kind === 'transition' ? effect.why : effect.kind === 'held' ? `held ${effect.cause}` : effect.kind;
      effects.set(name, (effects.get(name) ?? 0) + 1);
    },
    kinds: () => [...effects.keys()].sort(),
    line(title) {
      const hours = Math.round(tally.simulatedMs / 3_600_000);
      const counts = tally.kinds().map((name) => `${name} ${effects.get(name)}`);
      const { lives, events, faults, checks } = tally;
      return `${title}: ${lives} lives, ${events} steps, ${hours} hours, ${faults} faults, ${checks} checks; ${counts.join(', ')}`;
    },
  };
  return tally;
}
