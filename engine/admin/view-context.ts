/** What a view is made from besides the state of its Service. */
import type { Clock } from '../clock.ts';
import type { Engine, ServiceProblem } from '../engine.ts';
import type { EpochMs } from '../model.ts';
import type { Condition } from '../policy-status/conditions.ts';
import type { PolicyWord, PolicyWords } from '../policy-status/word.ts';
import type { ServiceState, Suspension } from '../rotation/state.ts';
import type { Role } from '../store/store.ts';

export interface ViewContext {
  readonly now: EpochMs;
  /** Of everything; a Service's own is part of its state. */
  readonly suspension: Suspension | undefined;
  /** Another one judges: what breakers found, and who is held, is not known here. Default false. */
  readonly isFollowing?: boolean;
  /** What the cluster has about the policy of the Service. */
  readonly word?: PolicyWord;
  /** Default none. */
  readonly problems?: readonly ServiceProblem[];
}

export interface ViewOptions {
  readonly engine: Pick<Engine, 'suspension' | 'problemsOf'>;
  readonly clock: Clock;
  /** Where several replicas share the decisions. */
  role?(): Role | undefined;
  /** Where policies are objects of a cluster. */
  readonly words?: Pick<PolicyWords, 'of'>;
}

export function contextsOf({ engine, clock, role, words }: ViewOptions): (state: ServiceState) => ViewContext {
  return ({ service }) => {
    const word = words?.of(service);
    return {
      now: clock.now(),
      suspension: engine.suspension(),
      problems: engine.problemsOf(service),
      isFollowing: role?.()?.kind === 'following',
      ...(word === undefined ? {} : { word }),
    };
  };
}

/** Instead of a verdict where there may well be one. */
export const knownToLeader = 'known to the leader';

/** The condition that says why the policy cannot be accepted. */
export function refusalIn(word: Pick<PolicyWord, 'conditions'> | undefined): Condition | undefined {
  return word?.conditions.find(
    ({ type, status, reason }) => type === 'Accepted' && status === 'False' && reason === 'Invalid',
  );
}
