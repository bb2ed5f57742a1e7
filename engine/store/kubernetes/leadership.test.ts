import { expect, it } from 'vitest';
import { createManualClock, settle } from '../../../test/support/manual-clock.ts';
import { playedElection } from '../../../test/support/played-election.ts';
import { KubeError } from '../../kubernetes/kube-client.ts';
import { formatProblem } from '../../problem.ts';
import type { Role } from '../store.ts';
import { createLeadership } from './leadership.ts';

/** A replica that is elected, and an API server that lists the policies when the test says so. */
async function elected() {
  const clock = createManualClock();
  const election = playedElection();
  const reads: (() => void)[] = [];
  const roles: Role[] = [];
  const leadership = createLeadership({
    clock,
    elect: election.elect,
    readAll: () => new Promise<void>((resolve) => void reads.push(resolve)),
    readWithinMs: 10_000,
    claimEpoch: async (transitions) => transitions,
    namespace: 'kubervisor',
    onRole: (role) => void roles.push(role),
    onHealth: () => undefined,
  });
  leadership.run(new AbortController().signal);
  election.stand({ kind: 'leading', transitions: 7 });
  await settle();
  const said = (): readonly string[] => leadership.problems().map(formatProblem);
  return { clock, election, reads, roles, leadership, said };
}

it('leads when everything on record was read afresh, and not before', async () => {
  const { reads, roles, leadership, said } = await elected();
  expect([reads.length, roles, leadership.epoch()]).toEqual([1, [], undefined]);
  reads[0]?.();
  await settle();
  expect(roles).toEqual([{ kind: 'leading', epoch: 7 }]);
  expect(said()).toEqual([]);
});

it('says so when that takes long, and asks again, as often as it takes', async () => {
  const { clock, reads, roles, leadership, said } = await elected();
  await clock.advance(9_999);
  expect(said()).toEqual([]);
  await clock.advance(1);
  expect(said()).toEqual([expect.stringMatching(/KV0841.*within 10 s/)]);
  await clock.advance(60_000);
  expect(reads.length).toBe(8);
  expect(leadership.epoch()).toBeUndefined();
  reads.at(-1)?.();
  await settle();
  expect(roles).toEqual([{ kind: 'leading', epoch: 7 }]);
  expect(said()).toEqual([]);
  await clock.advance(60_000);
  expect(reads.length).toBe(8);
});

it('takes what it asked for first, too: of a server that is always slow it would never be told enough', async () => {
  const { clock, reads, roles } = await elected();
  await clock.advance(35_000);
  reads[0]?.();
  await settle();
  expect(roles).toEqual([{ kind: 'leading', epoch: 7 }]);
});

it('stops asking when the Lease is lost, and what it is told then is of no use', async () => {
  const { clock, election, reads, roles, said } = await elected();
  await clock.advance(15_000);
  election.stand({ kind: 'following', leader: 'another' });
  expect(said()).toEqual([]);
  await clock.advance(60_000);
  for (const read of reads) read();
  await settle();
  expect([reads.length, said()]).toEqual([2, []]);
  expect(roles).toEqual([{ kind: 'following', leader: 'another' }]);
  expect(clock.pending).toBe(0);
});

it('is told to wait for a day, and does not', async () => {
  const clock = createManualClock();
  const election = playedElection();
  const roles: Role[] = [];
  let claims = 0;
  const leadership = createLeadership({
    clock,
    elect: election.elect,
    readAll: () => Promise.resolve(),
    readWithinMs: 10_000,
    async claimEpoch(transitions) {
      claims += 1;
      if (claims === 1) throw new KubeError('wait', { status: 429, retryAfterMs: 86_400_000 });
      return transitions;
    },
    namespace: 'kubervisor',
    onRole: (role) => void roles.push(role),
    onHealth: () => undefined,
  });
  leadership.run(new AbortController().signal);
  election.stand({ kind: 'leading', transitions: 7 });
  await clock.advance(60_000);
  expect(roles).toEqual([{ kind: 'leading', epoch: 7 }]);
});
