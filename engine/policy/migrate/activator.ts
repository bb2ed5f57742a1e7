/** The original has an activator for each breaker, and one for those that have none; a policy has one. */
import { formatDuration } from '../duration.ts';
import type { Fields } from './fields.ts';
import type { Notes } from './note.ts';

const originalPeriodS = 10;

/** @param candidates those of the breakers first, then the default; absent ones are left out */
export function migrateActivator(candidates: readonly Fields[], notes: Notes): object {
  const [first, ...others] = candidates.map((from) => ({ from, activator: activatorOf(from, notes) }));
  if (first === undefined) {
    notes.moved('spec.defaultActivator', 'activator.period', `was not set, which meant ${originalPeriodS} s`);
    return { period: formatDuration(originalPeriodS * 1000) };
  }
  for (const { from, activator } of others) {
    // Both were made by activatorOf, so that equal ones have their fields in the same order.
    if (JSON.stringify(activator) === JSON.stringify(first.activator)) continue;
    notes.attention(
      from.path,
      `is another than ${first.from.path}, and a policy has one activator for all its breakers: that of ${first.from.path} is used`,
    );
  }
  return first.activator;
}

function activatorOf(from: Fields, notes: Notes): object {
  const [mode, period] = [from.text('mode'), from.number('period')];
  const counts = { maxRetryCount: from.number('maxRetryCount'), maxPauseCount: from.number('maxPauseCount') };
  if (mode !== undefined) notes.moved(`${from.path}.mode`, 'activator.mode');
  notes.moved(
    `${from.path}.period`,
    'activator.period',
    period === undefined ? `was not set, which meant ${originalPeriodS} s` : undefined,
  );
  for (const [name, count] of Object.entries(counts)) {
    if (count !== undefined) notes.moved(`${from.path}.${name}`, `activator.${name}`);
  }
  from.done();
  const ms = Math.max(1000, Math.round((period ?? originalPeriodS) * 1000));
  return {
    ...(mode === undefined ? {} : { mode }),
    period: formatDuration(ms),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined)),
  };
}
