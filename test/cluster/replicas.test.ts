/**
 * Three replicas of `serve`, an Envoy for each, pods that answer, a real Prometheus and a real API server: one thing
 * after the other is lost, and no healthy pod with it. The play itself is hosts/replicas.ts.
 */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeInOwnNetwork, startInOwnNetwork } from '../support/own-network.ts';
import type { Snapshot } from './hosts/replicas.ts';

interface Facts {
  readonly killed?: number;
  readonly leaders?: readonly string[];
  readonly before?: readonly Snapshot[];
  readonly after?: readonly Snapshot[];
  readonly restarted?: readonly Snapshot[];
  readonly records?: readonly unknown[];
  readonly exits?: readonly unknown[];
  readonly losses?: readonly string[];
  readonly fewest?: number;
  /** Looks at the Envoys so far, and answers to the client of each. */
  readonly seen?: readonly number[];
  readonly failed?: number;
}

const health = (views: readonly Snapshot[] = []): readonly (readonly string[])[] =>
  views.map(({ hosts }) => hosts.map(({ edsHealth }) => edsHealth));

describeInOwnNetwork(
  ['kube-apiserver', 'etcd', 'prometheus', 'envoy', 'helm'],
  'three replicas and their Envoys',
  () => {
    const told = new Map<string, Facts>();

    beforeAll(async () => {
      const host = await startInOwnNetwork('replicas', join(import.meta.dirname, 'hosts/replicas.ts'));
      const { code } = await host.exited;
      for (const [line] of host.log().matchAll(/^\{"step":.*$/gm)) {
        const { step, ...facts } = JSON.parse(line) as Facts & { readonly step: string };
        told.set(step, facts);
      }
      if (code !== 0) throw new Error(host.log());
    }, 240_000);

    const facts = (step: string): Facts => told.get(step) ?? {};
    const oneOut = ['HEALTHY', 'HEALTHY', 'DRAINING', 'HEALTHY', 'HEALTHY', 'HEALTHY'];
    const twoOut = oneOut.with(1, 'DRAINING');
    const threeOut = twoOut.with(4, 'DRAINING');

    it('a pod that answers 200 with a wrong price is out in all of them', () => {
      expect(health(facts('a broken pod').after)).toEqual([oneOut, oneOut, oneOut]);
    });

    it('R4: the leader is killed, another leads and judges: nobody is told anything that is new', () => {
      const { before = [], after, restarted = [], leaders, killed } = facts('the leader is killed');
      expect(new Set(leaders).size).toBe(2);
      expect(after).toEqual(before);
      // Who comes back is answered once, with what it has.
      const answered = before.map((view, index) => ({
        ...view,
        updates: (view.updates ?? 0) + Number(index === killed),
      }));
      expect(restarted).toEqual(answered);
    });

    it('L1: the leader is stopped until another leads, and goes on: it writes nothing, and nobody is told anything', () => {
      const { before, after, leaders, records } = facts('the leader is stopped, and goes on');
      expect(new Set(leaders).size).toBe(2);
      expect(after).toEqual(before);
      expect(records).toEqual([expect.any(String), records?.[0]]);
    });

    it('L4: the leader is killed when it has written a decision and not heard so: the next one makes it no second time', () => {
      const { after, leaders, records } = facts('the leader is killed between a write and its answer');
      expect(new Set(leaders).size).toBe(2);
      expect(health(after)).toEqual([twoOut, twoOut, twoOut]);
      expect(records).toEqual([expect.any(Array), records?.[0]]);
    });

    it('R10: the API server is away and another pod breaks: nothing changes; with it back, that pod goes too', () => {
      const { before, after } = facts('the API server is away');
      expect(health(after)).toEqual([twoOut, twoOut, twoOut]);
      expect(after).toEqual(before);
    });

    it('R6: Prometheus is away: nothing changes', () => {
      const { before, after } = facts('Prometheus is away');
      expect(health(after)).toEqual([threeOut, threeOut, threeOut]);
      expect(after).toEqual(before);
    });

    it('all replicas are replaced while the Service is rolled out: in the end its new pods are in rotation everywhere', () => {
      const { exits, after } = facts('a rollout, of the Service and of the replicas');
      expect(exits).toEqual([1, 2, 3].map(() => ({ code: 0, signal: null })));
      for (const { hosts } of after ?? []) {
        expect(hosts.map(({ address, edsHealth }) => `${address} ${edsHealth}`).toSorted()).toEqual(
          [11, 12, 13, 14, 15, 16].map((n) => `10.1.0.${n}:8080 HEALTHY`),
        );
      }
      expect(after).toHaveLength(3);
    });

    it('all the while no healthy pod was out of rotation in any of them, and no request failed', () => {
      const { losses, fewest, failed } = facts('all of it');
      expect(losses).toEqual([]);
      expect(fewest).toBe(3);
      expect(failed).toBe(0);
      // And there was somebody to see it: in each step each was looked at, and answered.
      const seen = [...told.values()].slice(0, -1).map((each) => each.seen ?? []);
      for (const [index, counts] of seen.entries()) {
        const before = seen[index - 1] ?? counts.map(() => 0);
        expect(counts).not.toEqual([]);
        expect(counts.map((count, which) => count > (before[which] ?? 0))).toEqual(counts.map(() => true));
      }
    });
  },
);
