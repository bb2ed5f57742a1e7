/** Of which policies the API server does not take the status as we would have it. */
import type { Problem } from '../../problem.ts';
import type { PatchResult } from './patch-status.ts';
import { statusRefused } from './problems.ts';
import type { Holding, Shelf } from './shelf.ts';

export interface Refusals {
  note(holding: Holding, result: PatchResult): void;
  /** The first of them: where a right is missing it is the same for a thousand. */
  problems(): readonly Problem[];
}

export function createRefusals(shelf: Pick<Shelf, 'holding'>, onChange: () => void): Refusals {
  const refused = new Map<string, Problem>();
  return {
    note({ key }, result) {
      if (refused.size === 0 && result.kind !== 'refused') return;
      if (result.kind === 'done') refused.delete(key);
      // One that says wait takes it later.
      else if (result.kind === 'refused' && result.error.status !== 429) {
        refused.set(key, statusRefused(key, result.error));
      }
      for (const each of refused.keys()) if (shelf.holding(each) === undefined) refused.delete(each);
      onChange();
    },
    problems: () => [...refused.values()].slice(0, 1),
  };
}
