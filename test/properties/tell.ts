/** What the engine did, in a line of a story. */
import type { Effect } from '../../engine/rotation/event.ts';

export function tell(effect: Effect): string {
  switch (effect.kind) {
    case 'transition':
      return `${effect.track} ${effect.name} ${effect.from} > ${effect.to} (${effect.why})`;
    case 'held':
      return `${effect.track} ${effect.name} held (${effect.cause})`;
    default:
      return effect.kind;
  }
}
