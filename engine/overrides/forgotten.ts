/** Backends that are out for overrides which are there no more: they come back, whoever led when the override was deleted. */
import type { Acts } from '../admin/acts.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { type EpochMs, type ServiceKey, splitServiceKey } from '../model.ts';
import type { Decision } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';
import { isOverriding, markIn } from './override.ts';
import { isAway } from './plan.ts';
import { inTurns } from './turns.ts';

export interface ReleaseOptions {
  readonly engine: Pick<Engine, 'states'>;
  readonly acts: Pick<Acts, 'restore'>;
  readonly clock: Clock;
  /** How long after a refusal it is asked for again: each is a line of the audit log. */
  readonly retryMs: number;
}

/**
 * @param marks of all overrides that there are
 * @param isRead whether all of a namespace are known
 * @param goesOn asked before each, with how many were asked for so far
 * @returns how many were asked for
 */
export type Release = (
  marks: ReadonlySet<string>,
  isRead: (namespace: string) => boolean,
  goesOn: (done: number) => boolean,
) => Promise<number>;

interface Forgotten {
  readonly service: ServiceKey;
  readonly decision: Decision;
}

export function createRelease({ engine, acts, clock, retryMs }: ReleaseOptions): Release {
  let nextMs: ReadonlyMap<string, EpochMs> = new Map();

  async function release({ service, decision }: Forgotten): Promise<void> {
    const actor = decision.cause.kind === 'manual' ? decision.cause.actor : '';
    const of = { ...splitServiceKey(service), backend: decision.backend, actor, reason: 'its override was deleted' };
    await acts.restore({ ...of, ramp: true, local: false }, { actor });
  }

  return async (marks, isRead, goesOn) => {
    const all = forgottenIn(engine.states(), marks, isRead);
    const waiting = new Map<string, EpochMs>();
    let done = 0;
    for (const each of inTurns(all, ({ service }) => splitServiceKey(service).namespace)) {
      const key = `${each.service} ${each.decision.backend}`;
      const notBeforeMs = nextMs.get(key) ?? 0;
      if (clock.now() < notBeforeMs || !goesOn(done)) {
        waiting.set(key, notBeforeMs);
        continue;
      }
      done += 1;
      await release(each).catch(() => waiting.set(key, clock.now() + retryMs));
    }
    // Of those that are not out for one any more nothing is kept.
    nextMs = waiting;
    return done;
  };
}

function forgottenIn(
  states: readonly ServiceState[],
  marks: ReadonlySet<string>,
  isRead: (namespace: string) => boolean,
): readonly Forgotten[] {
  return states.flatMap(({ service, enforced }) => {
    const { namespace } = splitServiceKey(service);
    if (!isRead(namespace)) return [];
    return [...enforced.decisions.values()]
      .filter((each) => isOverriding(each, namespace) && isAway(each) && !marks.has(markIn(each) ?? ''))
      .map((decision) => ({ service, decision }));
  });
}
