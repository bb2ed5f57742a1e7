/**
 * Two replicas of `serve` on an API server that is slow, says wait, or has lost our kinds, with clocks that are set, and
 * killed at each step of a decision. What is served is what was served before, and afterwards they go on.
 */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { describeWith } from '../support/parts.ts';
import { type CrashStep, crashSteps, expectSurvived } from './crash-steps.ts';
import { crdsPath, installCrd } from './crd.ts';
import { type Asked, type Fate, isWatch, passes } from './gate.ts';
import { type MeasuredPods, startMeasuredPods } from './measured-pods.ts';
import { asking, type Pair, type PairOptions, type PairReplica, policyOf, soon, startPair } from './pair.ts';
import { done } from './shop.ts';
import { useCluster } from './use-cluster.ts';

const out = ['6', '6, p3 out'];

describeWith(['kube-apiserver', 'etcd', 'prometheus'], 'two replicas', (executables) => {
  const cluster = useCluster(executables);
  let pods: MeasuredPods;
  let count = 0;

  beforeAll(async () => {
    pods = await startMeasuredPods(executables.prometheus);
  }, 60_000);
  afterAll(() => pods?.stop());

  async function pairOf(
    { onTestFinished, onTestFailed }: TestContext,
    namespace: string,
    more: Partial<PairOptions> = {},
  ): Promise<Pair> {
    const pair = await startPair({ namespace, cluster, pods, ...more });
    onTestFinished(() => pair.stop());
    onTestFailed(() => {
      for (const { name, log, views } of pair.replicas) {
        console.error(`--- ${name} of ${namespace}, told ${JSON.stringify(views)}:\n${log().slice(-4000)}`);
      }
    });
    return pair;
  }

  async function expectTold(pair: Pair, views: readonly string[]): Promise<void> {
    await eventually(() => pair.replicas.every((each) => each.views.at(-1) === views.at(-1)), {
      ...soon,
      what: `both say ${views.at(-1)}`,
    });
    for (const each of pair.replicas) expect(each.views).toEqual(views);
  }

  async function isOut(pair: Pair): Promise<void> {
    pair.measure('p3', 'bad');
    await expectTold(pair, out);
  }

  /** Nobody leads, and all of them know. */
  async function isLeaderless({ replicas }: Pair): Promise<void> {
    await eventually(() => replicas.every((each) => !each.leads()), { ...soon, what: 'the leader stands down' });
  }

  it.concurrent('K7: every answer takes four seconds: the leader stays, decides, and is heard', {
    timeout: 180_000,
  }, async (test) => {
    // The times of a Lease that are the default.
    const timing = { lease: '15s', renewDeadline: '10s', leaseRetry: '2s' };
    const pair = await pairOf(test, 'slow', { timing });
    const [leader] = pair.replicas;
    const from = leader.gate.asked.length;
    for (const { gate } of pair.replicas)
      gate.rule((asked) => (isWatch(asked) ? passes : { kind: 'slow', byMs: 4000 }));
    pair.measure('p3', 'bad');
    const renewals = (): number => leader.gate.asked.slice(from).filter((each) => isOf('leases', each)).length;
    await eventually(() => renewals() > 2, soon);
    await expectTold(pair, out);
    expect(rolesIn(leader)).toEqual(['leading']);
    expect(pair.records.all.flatMap(({ epoch }) => epoch)).toEqual(
      pair.records.all.map(() => pair.records.all[0]?.epoch),
    );
  });

  it.concurrent('K7: every answer takes longer than the renew deadline: the leader stands down, nobody new goes, all stay', {
    timeout: 180_000,
  }, async (test) => {
    const pair = await pairOf(test, 'slower');
    await isOut(pair);
    for (const { gate } of pair.replicas)
      gate.rule((asked) => (isWatch(asked) ? passes : { kind: 'slow', byMs: 2500 }));
    await isLeaderless(pair);
    pair.measure('p5', 'bad');
    await isBadFor(pair, 'p5');
    for (const each of pair.replicas) expect(each.views).toEqual(out);
    for (const { gate } of pair.replicas) gate.rule(() => passes);
    await expectTold(pair, [...out, '6, p3 out, p5 out']);
  });

  it.concurrent('K6: the API server says wait (429) to all that they ask: they do, for as long as it says, and then go on', {
    timeout: 180_000,
  }, async (test) => {
    const pair = await pairOf(test, 'throttled');
    await isOut(pair);
    const body = JSON.stringify({ kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'too many requests' });
    const wait: Fate = { kind: 'answered', status: 429, body, headers: { 'retry-after': '2' } };
    for (const { gate } of pair.replicas) {
      gate.rule(() => wait);
      // Those that are open would be let be; these have to be opened anew.
      gate.breakOff(() => true);
    }
    await isLeaderless(pair);
    pair.measure('p5', 'bad');
    await isBadFor(pair, 'p5');
    await eventually(() => pair.replicas.every(({ gate }) => gate.asked.filter(isThrottled).length > 12), soon);
    for (const each of pair.replicas) expect(each.views).toEqual(out);
    for (const { gate } of pair.replicas) gate.rule(() => passes);
    await expectTold(pair, [...out, '6, p3 out, p5 out']);
    for (const { gate } of pair.replicas) expect(tooSoon(gate.asked)).toEqual([]);
    // Each list and watch found it so, and who reads the log reads of it once, and when it is over.
    for (const each of pair.replicas) {
      // Whom it refused last waits up to 30 s more, by himself.
      await eventually(
        async () => {
          const problems = await each.problems();
          if (problems.length > 0) throw new Error(problems.join());
          return true;
        },
        { ...asking, timeoutMs: 60_000 },
      );
      expect(each.log().match(/"code":"KV0801"/g)).toHaveLength(2);
    }
  });

  it.concurrent('the clock of the leader is set an hour ahead, then back; then another leads whose clock is an hour behind', {
    timeout: 180_000,
  }, async (test) => {
    const { pair, set } = await clockPair(test, 'clock');
    await isOut(pair);
    const [first, second] = pair.replicas;
    await set(first, 1);
    await isSkewed(first);
    pair.measure('p5', 'bad');
    await isBadFor(pair, 'p5');
    // By that clock its time is over, and it may show what it is: so much an hour can do, and no more. Nobody is judged.
    await expectTold(pair, [...out, '6, p3 at 5']);
    expect(rolesIn(first)).toEqual(['leading']);

    await set(first, 0);
    await eventually(() => pair.replicas.every(({ views }) => views.at(-1) === '6, p3 out, p5 out'), soon);
    for (const { views } of pair.replicas) expect(strange(views)).toEqual([]);
    await eventually(async () => (await first.problems()).length === 0, asking);

    const told = [...second.views];
    await set(second, -1);
    await first.kill();
    await eventually(() => second.leads(), soon);
    await isSkewed(second);
    expect(second.views).toEqual(told);
  });

  /** Queries whose moment is not known are not judged by. */
  async function isSkewed(replica: PairReplica): Promise<void> {
    await eventually(async () => (await replica.problems()).includes('KV0329'), { ...asking, what: 'it says so' });
    const from = await replica.evaluations();
    await eventually(async () => (await replica.evaluations()) >= from + 3, { ...asking, what: 'it goes on asking' });
  }

  it.concurrent.for(crashSteps)('L4: one is killed when %s', { timeout: 180_000 }, async ([, step], test) => {
    const { spec = {}, kubernetes = {} }: CrashStep = step;
    const pair = await pairOf(test, `killed-${(count += 1)}`, { spec, kubernetes });
    await expectSurvived(pair, step);
  });

  /** A wall clock for each, of which the test is the master. */
  async function clockPair(
    test: TestContext,
    namespace: string,
  ): Promise<{
    readonly pair: Pair;
    set(replica: PairReplica, hours: number): Promise<void>;
  }> {
    const file = (name: string): string => join(cluster.folder, `${namespace}-${name}-clock`);
    const preload = join(import.meta.dirname, 'hosts/settable-clock.ts');
    const pair = await pairOf(test, namespace, {
      env: (name) => ({ NODE_OPTIONS: `--import ${preload}`, KUBERVISOR_TEST_CLOCK: file(name) }),
    });
    return {
      pair,
      async set(replica, hours) {
        await writeFile(file(replica.name), String(hours * 3_600_000));
        replica.signal('SIGUSR2');
      },
    };
  }

  /** For as long as it takes to find it so three times over. */
  async function isBadFor({ namespace }: Pair, pod: string): Promise<void> {
    const query = `sum_over_time((errors{namespace="${namespace}",pod="${pod}"} > bool 5)[5s:1s])`;
    await eventually(async () => {
      const answer = await fetch(`${pods.prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return Number(data.result[0]?.value[1] ?? 0) >= 3;
    }, asking);
  }

  it('K9: our kinds are deleted: everybody is let back, and with them there is a new beginning', {
    timeout: 180_000,
  }, async (test) => {
    const pair = await pairOf(test, 'kinds');
    await isOut(pair);
    const kind = `${crdsPath}/kubervisorservices.breaker.kubervisor.io`;
    await done(cluster.plane.api.delete(kind));
    const begins = [...out, '6, p3 at 5'];
    await expectTold(pair, begins);
    await eventually(
      async () =>
        (await Promise.all(pair.replicas.map((each) => each.problems()))).every((each) => each.includes('KV0803')),
      asking,
    );
    await installCrd(cluster.plane.api, ['kubervisorservices']);
    await done(pair.shop.policy('pricer', policyOf({})));
    pair.measure('p5', 'bad');
    await eventually(() => pair.replicas.every(({ views }) => views.at(-1)?.endsWith(', p5 out')), soon);
    for (const { views } of pair.replicas) expect(strange(views)).toEqual([]);
  });
});

function isOf(resource: string, { method, path }: Asked): boolean {
  return method === 'PATCH' && path.includes(`/${resource}/`);
}

/** Those in which others are affected than p3, which may be on its way back, and p5. */
function strange(views: readonly string[]): readonly string[] {
  return views.filter((view) => !/^6(, p3 (out|at \d+))?(, p5 out)?$/.test(view));
}

const isThrottled = ({ answered }: Asked): boolean => answered?.status === 429;

/** What was asked again before the time that the API server had said. */
function tooSoon(asked: readonly Asked[]): readonly string[] {
  return asked.flatMap(({ method, path, answered }, index) => {
    if (answered?.status !== 429) return [];
    const what = (each: { readonly path: string }): string | undefined => each.path.split('?')[0];
    const next = asked.slice(index + 1).find((each) => each.method === method && what(each) === what({ path }));
    const waitedMs = next === undefined ? Number.POSITIVE_INFINITY : next.atMs - answered.atMs;
    return waitedMs < answered.retryAfterMs
      ? [`${method} ${path} after ${waitedMs} of ${answered.retryAfterMs} ms`]
      : [];
  });
}

/** What it said of its role, in order, since the process began. */
function rolesIn({ log }: PairReplica): readonly string[] {
  return [...log().matchAll(/"message":"(leading|following): /g)].map(([, role = '']) => role);
}
