/** From holding the Lease to leading: everything that is on record is read afresh, and an epoch is claimed. */
import type { Clock } from '../../clock.ts';
import { KubeError } from '../../kubernetes/kube-client.ts';
import { sleep } from '../../kubernetes/sleep.ts';
import type { Election, Standing } from '../../leader/election.ts';
import type { Problem } from '../../problem.ts';
import type { Role } from '../store.ts';
import { notRead, notWritten } from './problems.ts';

export interface LeadershipOptions {
  readonly clock: Clock;
  readonly elect: (
    onChange: (standing: Standing) => void,
  ) => Pick<Election, 'run' | 'isLeading' | 'release' | 'problems'>;
  /** Asks for everything on record, and resolves when it was told, as of then or later. Never rejects. */
  readonly readAll: () => Promise<void>;
  /** After so long without that it is said that we do not lead, and asked for again. */
  readonly readWithinMs: number;
  /** @throws KubeError */
  readonly claimEpoch: (transitions: number, signal: AbortSignal) => Promise<number>;
  readonly namespace: string;
  readonly onRole: (role: Role) => void;
  /** What keeps us from leading although the Lease is ours has changed. */
  readonly onHealth: () => void;
}

export interface Leadership {
  run(signal: AbortSignal): void;
  /** Undefined unless we lead, at this very moment. */
  epoch(): number | undefined;
  /** Those of the election included, which tells of them itself. */
  problems(): readonly Problem[];
  /** Why we do not lead although the Lease is ours. */
  problem(): Problem | undefined;
  release(): Promise<void>;
}

const retryMs = 1_000;
/** A wrong header must not leave everybody without a leader for a day. */
const longestRetryMs = 60_000;

export function createLeadership(options: LeadershipOptions): Leadership {
  const { clock, elect, readAll, readWithinMs, claimEpoch, namespace, onRole, onHealth } = options;
  const election = elect(onChange);
  let role: Role = { kind: 'following' };
  let term = new AbortController();
  let problem: Problem | undefined;

  function onChange(standing: Standing): void {
    term.abort();
    term = new AbortController();
    if (standing.kind === 'leading') {
      void take(standing.transitions, term.signal);
      return;
    }
    tell(undefined);
    become({ kind: 'following', ...(standing.leader === undefined ? {} : { leader: standing.leader }) });
  }

  function tell(next: Problem | undefined): void {
    problem = next;
    onHealth();
  }

  function become(next: Role): void {
    role = next;
    onRole(next);
  }

  /**
   * Any answer will do that was asked for in this term: who waited for the last one only would never be told enough by a
   * server that is slower than we ask.
   */
  async function readAfresh(signal: AbortSignal): Promise<void> {
    const answered = new AbortController();
    const over = AbortSignal.any([signal, answered.signal]);
    while (!over.aborted) {
      void readAll().then(() => answered.abort());
      await sleep(clock, readWithinMs, over);
      if (!over.aborted) tell(notRead(readWithinMs));
    }
  }

  async function take(transitions: number, signal: AbortSignal): Promise<void> {
    // One term may follow the other without a break: what the first had claimed is over.
    if (role.kind === 'leading') become({ kind: 'following' });
    while (!signal.aborted) {
      try {
        await readAfresh(signal);
        if (signal.aborted) return;
        const epoch = await claimEpoch(transitions, signal);
        if (signal.aborted) return;
        tell(undefined);
        become({ kind: 'leading', epoch });
        return;
      } catch (error) {
        // Not the problem of a term that is over.
        if (signal.aborted) return;
        const failure = error instanceof KubeError ? error : new KubeError(String(error));
        tell(notWritten('all Services', 'patch configmaps', namespace, failure));
        await sleep(clock, Math.min(failure.retryAfterMs ?? retryMs, longestRetryMs), signal);
      }
    }
  }

  return {
    run: (signal) => void election.run(signal),
    epoch: () => (role.kind === 'leading' && election.isLeading() ? role.epoch : undefined),
    problems: () => [...election.problems(), ...(problem === undefined ? [] : [problem])],
    problem: () => problem,
    async release() {
      term.abort();
      await election.release();
    },
  };
}
