/**
 * Which of the replicas decides: the one that holds a Lease. A holder renews it, and stands down by itself when it has
 * not managed to for the renew deadline, which is shorter than what the others wait; so with clocks that run at nearly
 * the same rate there are never two. Nothing here trusts that. A process can be stopped between looking at the clock and
 * writing, so what makes a second leader harmless is the store, which refuses what is based on an old record.
 *
 * Wall clocks are written into the Lease for people and never compared: they are set, and differ between machines.
 * Everything that matters goes by this process's own monotonic clock: how long the Lease has looked the same, and how
 * long ago the last renewal was sent.
 */
import type { Clock } from '../clock.ts';
import { defect } from '../defect.ts';
import { type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { sleep } from '../kubernetes/sleep.ts';
import type { Problem } from '../problem.ts';
import { isRenewed, type Lease, openLease } from './lease.ts';
import { electionProblem, takenAway } from './problems.ts';

export interface LeaseTiming {
  /** For how long without a renewal a Lease is its holder's. */
  readonly leaseMs: number;
  /** After so long without a renewal the holder leads no more; at most two thirds of that, so that clocks may run 20 % apart. */
  readonly renewDeadlineMs: number;
  /** From one look at the Lease, or renewal, to the next, 20 % more or less; at most half of that, so that one may fail. */
  readonly leaseRetryMs: number;
}

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Never goes back and is never set. It goes on while the process is stopped. */
  readonly monotonicMs: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** What this replica is called. Each process adds a mark of its own: one that was started anew has nothing of what it held. */
  readonly identity: string;
  readonly timing: LeaseTiming;
  /** Called with each change, in order. */
  readonly onChange: (standing: Standing) => void;
  /** A problem that is new; those that last are in `problems`. */
  readonly onProblem: (problem: Problem) => void;
}

export type Standing =
  /** `transitions`: how often the Lease has changed hands, this time included. */
  | { readonly kind: 'leading'; readonly transitions: number }
  /** `leader`: the identity of who leads; absent while nobody does, as far as is known. */
  | { readonly kind: 'following'; readonly leader?: string };

export interface Election {
  /** Takes part until the signal aborts, or after `release`. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** By the clock at this very moment: false the instant the deadline has passed, whatever has not been told yet. */
  isLeading(): boolean;
  state(): Standing;
  /** What is in the way right now. */
  problems(): readonly Problem[];
  /**
   * Stands down for good, and gives the Lease free so that another need not wait for its end. Takes at most two
   * retry periods; where it does not succeed the others wait. Never rejects.
   */
  release(): Promise<void>;
}

export function createElection(options: ElectionOptions): Election {
  const { client, clock, monotonicMs, random, namespace, name, identity, timing } = options;
  const file = openLease(client, clock, namespace, name);
  const self = `${identity}_${Math.floor(random() * 36 ** 8).toString(36)}`;
  const retired = new AbortController();
  /** The Lease as last seen, and until when, by our clock, it is its holder's if nobody renews it. */
  let seen: { readonly lease: Lease; readonly untilMs: number } | undefined;
  /** Our term: until when it lasts if nothing more succeeds, counted from when the last renewal was sent. */
  let term: { readonly transitions: number; readonly untilMs: number } | undefined;
  /** Of all Leases seen: one that is deleted and made again does not begin anew. */
  let transitions = -1;
  /** It has our name, or a request that would put it there was never answered. */
  let mayHold = false;
  let told: Standing = { kind: 'following' };
  let cancelEnd = (): void => undefined;
  let problem: Problem | undefined;

  const isLeading = (): boolean => term !== undefined && monotonicMs() < term.untilMs;
  /** Ours to claim: it is ours, or nobody's, or its holder has given no sign of life for as long as it is good for. */
  const isOurs = (): boolean => seen?.lease.holder === self || isFree();
  const isFree = (): boolean => seen === undefined || seen.lease.holder === '' || monotonicMs() >= seen.untilMs;

  function state(): Standing {
    if (term !== undefined && isLeading()) return { kind: 'leading', transitions: term.transitions };
    if (seen === undefined || isFree() || seen.lease.holder === self) return { kind: 'following' };
    return { kind: 'following', leader: nameOf(seen.lease.holder) };
  }

  function tell(): void {
    const now = state();
    if (isSame(now, told)) return;
    told = now;
    try {
      options.onChange(now);
    } catch (error) {
      options.onProblem(defect('obeying a change of leader', error));
    }
  }

  function setTerm(next: typeof term): void {
    cancelEnd();
    term = next;
    // Whatever else this process waits for, a term ends on time.
    if (next !== undefined) {
      cancelEnd = clock.at(clock.now() + Math.max(1, next.untilMs - monotonicMs()), () => {
        setTerm(isLeading() ? next : undefined);
      });
    }
    tell();
  }

  function observe(lease: Lease | undefined): void {
    const isAsBefore = lease !== undefined && seen !== undefined && !isRenewed(seen.lease, lease);
    const untilMs = isAsBefore ? seen?.untilMs : undefined;
    seen = lease && { lease, untilMs: untilMs ?? monotonicMs() + (lease.durationMs ?? timing.leaseMs) };
    transitions = Math.max(transitions, lease?.transitions ?? -1);
    if (lease?.holder === self) return;
    mayHold = false;
    if (isLeading()) options.onProblem(takenAway(namespace, name, lease?.holder));
    if (term !== undefined) setTerm(undefined);
  }

  /** An answer that comes when our term is over is of no use, and no question may keep us from asking again. */
  function timeoutMs(): number {
    return term !== undefined && isLeading() ? term.untilMs - monotonicMs() : timing.renewDeadlineMs;
  }

  /** Takes the Lease, or renews it: for the API server it is the same. @returns false when somebody else has written it. */
  async function claim(signal: AbortSignal): Promise<boolean> {
    const sentAtMs = monotonicMs();
    const before = seen?.lease;
    const isNew = before?.holder !== self;
    const wanted = isNew ? transitions + 1 : before.transitions;
    mayHold = true;
    const { leaseMs: durationMs } = timing;
    const written = await file.write(
      before,
      { holder: self, durationMs, transitions: wanted, isNew },
      timeoutMs(),
      signal,
    );
    if (written === undefined || signal.aborted) return false;
    observe(written);
    // Whoever was told by the clock that we lead no more is told that we lead again.
    if (!isLeading()) setTerm(undefined);
    setTerm({ transitions: wanted, untilMs: sentAtMs + timing.renewDeadlineMs });
    return true;
  }

  async function turn(signal: AbortSignal): Promise<void> {
    // Who leads renews what it wrote last, without looking first: half the time, and it fails if anybody else has written.
    if (!isLeading()) observe(await file.read(timeoutMs(), signal));
    for (let tries = 0; tries < 2 && isOurs(); tries++) {
      if (await claim(signal)) return;
      // Whether it is still ours shows in what it is now: it may have got a label.
      observe(await file.read(timeoutMs(), signal));
    }
  }

  /** @returns for how long the server wants to be left alone. */
  function failed(error: unknown): number {
    const failure = error instanceof KubeError ? error : new KubeError(String(error));
    const before = problem;
    problem = electionProblem(namespace, name, failure);
    if (before?.code !== problem.code) options.onProblem(problem);
    // A wrong header must not keep us away for a day.
    return Math.min(failure.retryAfterMs ?? 0, timing.leaseMs);
  }

  /** Counted from the beginning of the last turn: slow answers must not eat the time there is for the next. */
  function pauseMs(startedMs: number, atLeastMs: number): number {
    const now = monotonicMs();
    const restMs = timing.leaseRetryMs * (0.8 + 0.4 * random()) - (now - startedMs);
    // Not long after the Lease of another ends.
    const endsInMs = seen === undefined || seen.lease.holder === self ? 0 : seen.untilMs - now;
    return Math.max(atLeastMs, 0, endsInMs > 0 ? Math.min(restMs, endsInMs) : restMs);
  }

  async function giveFree(): Promise<void> {
    const { signal } = new AbortController();
    // A renewal that was under way may still arrive: once is not always enough.
    for (let tries = 0; tries < 2; tries++) {
      const lease = await file.read(timing.leaseRetryMs / 2, signal);
      if (lease?.holder !== self) return;
      const free = { holder: '', durationMs: 1000, transitions: lease.transitions, isNew: false };
      if ((await file.write(lease, free, timing.leaseRetryMs / 2, signal)) !== undefined) return;
    }
  }

  return {
    isLeading,
    state,
    problems: () => (problem === undefined ? [] : [problem]),
    async run(stopping) {
      const signal = AbortSignal.any([stopping, retired.signal]);
      while (!signal.aborted) {
        const startedMs = monotonicMs();
        let askedForMs = 0;
        try {
          await turn(signal);
          problem = undefined;
        } catch (error) {
          if (!signal.aborted) askedForMs = failed(error);
        }
        tell();
        await sleep(clock, pauseMs(startedMs, askedForMs), signal);
      }
      setTerm(undefined);
    },
    async release() {
      retired.abort();
      setTerm(undefined);
      if (mayHold) await giveFree().catch(failed);
    },
  };
}

function isSame(one: Standing, other: Standing): boolean {
  return one.kind === 'leading'
    ? other.kind === 'leading' && one.transitions === other.transitions
    : other.kind === 'following' && one.leader === other.leader;
}

/** Without the mark of the process, which no name of a pod can contain. */
function nameOf(holder: string): string {
  return holder.replace(/_[^_]*$/, '');
}
