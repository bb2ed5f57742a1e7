/** An election of which the test says how it ends. */
import type { Standing } from '../../engine/leader/election.ts';
import type { LeadershipOptions } from '../../engine/store/kubernetes/leadership.ts';

export interface PlayedElection {
  readonly elect: LeadershipOptions['elect'];
  /**
   * The candidate is told, and from now on knows it.
   * @param isBelieved false: it is told, and goes on as before, as a process does that was stopped meanwhile
   */
  stand(standing: Standing, isBelieved?: boolean): void;
}

export function playedElection(): PlayedElection {
  let standing: Standing = { kind: 'following' };
  let onChange: (standing: Standing) => void = () => undefined;
  return {
    elect(listener) {
      onChange = listener;
      return {
        run: () => Promise.resolve(),
        isLeading: () => standing.kind === 'leading',
        problems: () => [],
        release: () => Promise.resolve(),
      };
    },
    stand(next, isBelieved = true) {
      if (isBelieved) standing = next;
      onChange(next);
    },
  };
}
