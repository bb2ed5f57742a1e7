/** The election on a real API server: what it lets two replicas do to one Lease. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../demo/world/process.ts';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { createElection, type Election, type Standing } from '../../engine/leader/election.ts';
import { formatProblem } from '../../engine/problem.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { done } from './shop.ts';
import { startWire, type Wire } from './wire.ts';

const timing = { leaseMs: 3000, renewDeadlineMs: 2000, leaseRetryMs: 300 };
const soon = { timeoutMs: 20_000 };

/** A replica with a way of its own to the API server. */
interface Candidate {
  readonly election: Election;
  readonly wire: Wire;
  readonly told: readonly Standing[];
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

interface LeaseObject {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

describeWith(['kube-apiserver', 'etcd'], 'an election on an API server', (executables) => {
  let plane: ControlPlane;
  let folder: string;
  let namespace: string;
  let candidates: Candidate[] = [];
  let count = 0;

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-election-'));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    namespace = `mesh-${(count += 1)}`;
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: namespace } }));
  });

  afterEach(async () => {
    for (const candidate of candidates) await candidate.stop();
    candidates = [];
  });

  const leasePath = (): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/kubervisor`;
  const lease = async (): Promise<LeaseObject> => (await done(plane.api.get(leasePath()))).body as LeaseObject;

  async function candidate(identity: string, user: 'administrator' | 'kubervisor' = 'administrator') {
    const wire = await startWire(plane.url);
    const kubeconfig = join(folder, `${namespace}-${identity}.yaml`);
    await writeFile(kubeconfig, plane.kubeconfig(user, wire.url));
    const told: Standing[] = [];
    const problems: string[] = [];
    const election = createElection({
      client: await connect({ kubeconfig }, systemClock),
      clock: systemClock,
      monotonicMs: () => performance.now(),
      random: Math.random,
      namespace,
      name: 'kubervisor',
      identity,
      timing,
      onChange: (standing) => told.push(standing),
      onProblem: (problem) => problems.push(formatProblem(problem)),
    });
    const stopping = new AbortController();
    const ended = election.run(stopping.signal);
    const made: Candidate = {
      election,
      wire,
      told,
      problems,
      async stop() {
        stopping.abort();
        await ended;
        await wire.close();
      },
    };
    candidates.push(made);
    return made;
  }

  /** The first leads, the second follows it. */
  async function pair(): Promise<readonly [Candidate, Candidate]> {
    const first = await candidate('first');
    await eventually(() => first.election.isLeading(), soon);
    const second = await candidate('second');
    await eventually(() => second.told.length > 0, soon);
    expect(second.told).toEqual([{ kind: 'following', leader: 'first' }]);
    return [first, second];
  }

  it('one leads; when it releases the Lease the other has it, and the count says so', async () => {
    const [first, second] = await pair();
    expect((await lease()).spec).toEqual({
      holderIdentity: expect.stringMatching(/^first_/),
      leaseDurationSeconds: 3,
      leaseTransitions: 0,
      acquireTime: expect.any(String),
      renewTime: expect.any(String),
    });
    await first.election.release();
    await eventually(() => second.election.isLeading(), soon);
    expect(second.told.at(-1)).toEqual({ kind: 'leading', transitions: 1 });
    expect((await lease()).spec).toMatchObject({
      holderIdentity: expect.stringMatching(/^second_/),
      leaseTransitions: 1,
    });
  });

  it('several that begin together: one leads', async () => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => candidate(name)));
    await eventually(() => all.every(({ told }) => told.length > 0), soon);
    const leaders = all.filter(({ election }) => election.isLeading());
    expect(leaders).toHaveLength(1);
    const [leader] = (await lease()).spec.holderIdentity.split('_');
    for (const each of all) {
      if (each !== leaders[0]) expect(each.election.state()).toEqual({ kind: 'following', leader });
    }
  });

  it.each<[how: string, fail: (wire: Wire) => void]>([
    ['cut', (wire) => wire.cut()],
    ['silent', (wire) => wire.silence()],
    ['deaf: what it asks is done, and it never hears of it', (wire) => wire.deafen()],
    ['slower than the deadline', (wire) => wire.slow(3000)],
  ])('a leader whose wire is %s stands down before another leads, and comes back as one of them', async (_, fail) => {
    const [first, second] = await pair();
    fail(first.wire);
    await eventually(() => {
      expect(first.election.isLeading() && second.election.isLeading()).toBe(false);
      return second.election.isLeading();
    }, soon);
    expect(first.told.at(-1)?.kind).toBe('following');
    expect(first.election.problems().map(({ code }) => code)).toEqual(['KV0820']);
    first.wire.slow(0);
    first.wire.mend();
    await eventually(() => first.election.problems().length === 0, soon);
    expect(first.election.state()).toEqual({ kind: 'following', leader: 'second' });
    expect(second.election.isLeading()).toBe(true);
  });

  it('K7: a leader whose requests take long, but not too long, stays', async () => {
    const [first, second] = await pair();
    const before = await lease();
    first.wire.slow(300);
    await eventually(async () => {
      const { metadata } = await lease();
      return Number(metadata.resourceVersion) >= Number(before.metadata.resourceVersion) + 6;
    }, soon);
    expect(first.told).toEqual([{ kind: 'leading', transitions: 0 }]);
    expect(second.told).toHaveLength(1);
  });

  it('L1: a process that was stopped for longer than the Lease finds another leading, and says so before anything else', async () => {
    const kubeconfig = join(folder, `${namespace}.yaml`);
    await writeFile(kubeconfig, plane.kubeconfig('administrator'));
    const file = join(import.meta.dirname, 'hosts/candidate.ts');
    const args = [file, kubeconfig, namespace, 'stopped', JSON.stringify(timing)];
    const stopped = await startProcess({ name: 'stopped', command: process.execPath, args });
    onTestFinished(() => stopped.stop());
    await eventually(() => stopped.log().includes('"leading"'), soon);
    const other = await candidate('other');
    await eventually(() => other.told.length > 0, soon);
    stopped.kill('SIGSTOP');
    await eventually(() => other.election.isLeading(), soon);
    const { spec } = await lease();
    stopped.kill('SIGCONT');
    await eventually(() => stopped.log().trim().split('\n').length >= 2, soon);
    const standings = stopped
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; leader?: string });
    expect(standings.slice(1).map(({ kind }) => kind)).not.toContain('leading');
    await eventually(() => stopped.log().includes('"leader":"other"'), soon);
    expect(other.told.at(-1)).toEqual({ kind: 'leading', transitions: 1 });
    // It wrote nothing.
    expect((await lease()).spec).toMatchObject({
      holderIdentity: spec.holderIdentity,
      leaseTransitions: spec.leaseTransitions,
    });
  });

  it('L3: deleted, and given to somebody else: the leader stands down, says so, and takes part again', async () => {
    const leader = await candidate('only');
    await eventually(() => leader.election.isLeading(), soon);
    await done(plane.api.delete(leasePath()));
    await eventually(() => leader.told.length === 3, soon);
    expect(leader.told).toEqual([
      { kind: 'leading', transitions: 0 },
      { kind: 'following' },
      { kind: 'leading', transitions: 1 },
    ]);
    const stolen = await lease();
    await eventually(async () => {
      // Against a renewal that comes in between.
      const { metadata, spec } = await lease();
      const answer = await plane.api.put(leasePath(), {
        ...stolen,
        metadata: { ...stolen.metadata, resourceVersion: metadata.resourceVersion },
        spec: { ...spec, holderIdentity: 'thief' },
      });
      return answer.status === 200;
    }, soon);
    await eventually(() => leader.told.length === 4, soon);
    expect(leader.told.at(-1)).toEqual({ kind: 'following', leader: 'thief' });
    expect(leader.problems).toEqual([
      expect.stringContaining('KV0823 the Lease '),
      expect.stringContaining('was given to thief'),
    ]);
    await eventually(() => leader.election.isLeading(), soon);
    expect(leader.told.at(-1)).toEqual({ kind: 'leading', transitions: 2 });
  });

  it('a right that is missing is named, verb by verb, and used as soon as it is given', async () => {
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const grant = (...verbs: readonly string[]) =>
      plane.api.apply(`${rbac}/roles/elector`, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'elector' },
        rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs }],
      });
    await done(grant('list'));
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'elector' };
    const subjects = [{ kind: 'User', name: 'kubervisor' }];
    await done(plane.api.post(`${rbac}/rolebindings`, { metadata: { name: 'elector' }, roleRef, subjects }));
    const { election } = await candidate('only', 'kubervisor');
    const named = (verb: string) =>
      eventually(
        () => election.problems().some(({ message }) => message.includes(`cannot ${verb} resource "leases"`)),
        {
          ...soon,
          what: `${election.problems().map(formatProblem).join()} names ${verb}`,
        },
      );
    await named('get');
    await done(grant('get'));
    await named('create');
    await done(grant('get', 'create'));
    await named('patch');
    expect(election.problems().map(formatProblem)).toEqual([
      expect.stringMatching(/^error KV0821 .* in API group "coordination.k8s.io" in the namespace "mesh-\d+"; what/),
    ]);
    await done(grant('get', 'create', 'patch'));
    await eventually(() => election.isLeading() && election.problems().length === 0, soon);
  });

  it('a namespace that is not there is named, and used as soon as it is', async () => {
    namespace = `${namespace}-later`;
    const { election } = await candidate('only');
    await eventually(() => election.problems().some(({ code }) => code === 'KV0822'), soon);
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: namespace } }));
    await eventually(() => election.isLeading(), soon);
  });
});
