/** A life with every invariant checked after every step; what breaks one is told with the story that leads to it. */
import type { Backend } from '../../engine/model.ts';
import { canonical } from '../support/frozen.ts';
import { assignmentOf } from '../support/world.ts';
import { nobodyIsStuck } from './invariants/decisions.ts';
import { invariants } from './invariants/index.ts';
import { isOf, must } from './invariants/must.ts';
import { type LifeHistory, live, type Moment, realParts } from './life.ts';
import type { Tally } from './tally.ts';
import { tell } from './tell.ts';

/** @param only the one rule that counts, as {@link must} has it; default: all of them */
export function liveChecked(history: LifeHistory, tally: Tally, parts = realParts, only?: string): void {
  const counting = invariants.filter(({ id }) => only === undefined || only.startsWith(`${id} `));
  const checks = counting.flatMap(({ ofSteps }) => ofSteps.map((make) => make()));
  const check = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      if (only === undefined || isOf(only, error)) throw error;
    }
  };
  const story: Moment[] = [];
  try {
    const life = live(
      history,
      {
        onMoment(moment) {
          story.push(moment);
          for (const each of checks) check(() => each(moment));
          for (const effect of moment.effects) tally.effect(effect);
        },
        onCrash(before, after) {
          const [was, is] = [before, after].map((state) => canonical(assignmentOf(state)));
          check(() => must(was === is, 'I8 restart', [before, after]));
        },
      },
      parts,
    );
    check(() => nobodyIsStuck(life.state));
    tally.lives += 1;
    tally.events += story.length;
    tally.checks += story.length * checks.length + 1;
    tally.simulatedMs += life.livedMs;
    tally.faults += life.faults;
  } catch (error) {
    const what = error instanceof Error ? error.message.slice(0, 2_000) : String(error);
    throw new Error([what, ...story.map(line)].join('\n  '), { cause: error });
  }
}

/** `+12.3 s judgement of errors: p1 anomalous; anomalous p1 serving > ejected`. */
function line({ event, effects, context }: Moment, _: number, story: readonly Moment[]): string {
  const afterMs = context.now - (story[0]?.context.now ?? 0);
  return [`+${afterMs / 1000} s ${describe(event)}`, ...effects.map(tell)].join('; ');
}

function describe(event: Moment['event']): string {
  switch (event.kind) {
    case 'fleet':
      return `fleet of ${event.fleet.backends.map(describeBackend).join(' ')}`;
    case 'policy':
      return `policy ${event.policy?.fingerprint ?? 'deleted'}`;
    case 'judgement': {
      const { judgement, breaker } = event;
      const verdicts = judgement.kind === 'unusable' ? [] : [...judgement.verdicts];
      const bad = verdicts.filter(([, { kind }]) => kind === 'anomalous').map(([id]) => id);
      return `${breaker} says ${judgement.kind}, anomalous: ${bad.join(' ')}`;
    }
    case 'command':
      return `command ${canonical(event.command)}`;
    case 'eviction':
      return `eviction of ${event.backend}: ${event.answer ?? 'nothing in its way'}`;
    case 'tick':
    case 'resumed':
      return event.kind;
  }
}

function describeBackend({ id, ready, terminating }: Backend): string {
  return `${id}${terminating ? '/leaving' : ready ? '' : '/unready'}`;
}
