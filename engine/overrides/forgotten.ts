/** Backends that are out for overrides which are there no more. */
import { splitServiceKey } from '../model.ts';
import { isOverriding, markIn } from './override.ts';
import type { OverridesOptions } from './obey.ts';
import { isAway } from './plan.ts';

/**
 * Whose override is deleted is not out for it any more, whoever led when that happened.
 * @param marks of all overrides that there are
 * @param isRead whether all of a namespace are known
 */
export async function bringBackForgotten(
  { engine, acts }: Pick<OverridesOptions, 'engine' | 'acts'>,
  marks: ReadonlySet<string>,
  isRead: (namespace: string) => boolean,
): Promise<void> {
  for (const state of engine.states()) {
    const { namespace, name } = splitServiceKey(state.service);
    if (!isRead(namespace)) continue;
    for (const decision of state.enforced.decisions.values()) {
      if (!isOverriding(decision, namespace) || !isAway(decision) || marks.has(markIn(decision) ?? '')) continue;
      const actor = decision.cause.kind === 'manual' ? decision.cause.actor : '';
      const request = { namespace, name, backend: decision.backend, actor, reason: 'its override was deleted' };
      // Refused it is tried again at the next look; the audit log has it.
      await acts.restore({ ...request, ramp: true, local: false }, { actor }).catch(() => undefined);
    }
  }
}
