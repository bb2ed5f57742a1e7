/** An election of which the test says how it ends. */
import type { Standing } from '../../engine/leader/election.ts';
import type { LeadershipOptions } from '../../engine/store/kubernetes/leadership.ts';

export interface PlayedElection {
  readonly elect: LeadershipOptions['elect'];
  /**
   * The candidate is told, as soon as it takes part, and from then on knows it.
   * @param isBelieved false: it is told, and goes on as before, as a process does that was stopped meanwhile
   */
  stand(standing: Standing, isBelieved?: boolean): void;
}

export function playedElection(): PlayedElection {
  let standing: Standing = { kind: 'following' };
  let early: Standing | undefined;
  let tell: ((standing: Standing) => void) | undefined;

  function stand(next: Standing, isBelieved = true): void {
    if (tell === undefined) early = next;
    else {
      if (isBelieved) standing = next;
      tell(next);
    }
  }

  return {
    elect: (onChange) => ({
      async run() {
        tell = onChange;
        if (early !== undefined) stand(early);
      },
      isLeading: () => standing.kind === 'leading',
      problems: () => [],
      release: () => Promise.resolve(),
    }),
    stand,
  };
}
