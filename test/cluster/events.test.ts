/** Events as a real API server takes them, and as kubectl would show them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { createClusterSide } from '../../engine/cluster-side.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import type { KubeClient } from '../../engine/kubernetes/kube-client.ts';
import type { EngineObserver } from '../../engine/loop.ts';
import { type Backend, backendId } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { createKubernetesSource, type KubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { createAudit } from '../../engine/telemetry/audit.ts';
import { createLog } from '../../engine/telemetry/log.ts';
import { createMetrics } from '../../engine/telemetry/metrics.ts';
import { describeWith } from '../support/parts.ts';
import { backend, breaker, policyOf, type Story, tell } from '../telemetry/story.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';

/** As `kubectl describe` asks for them: core/v1, by the object they are about. */
interface CoreEvent {
  readonly reason: string;
  readonly type: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly related?: { readonly kind: string; readonly name: string };
  readonly series?: { readonly count: number };
}

const pods: readonly PodSpec[] = [1, 2, 3, 4, 5, 6].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
const soon = { timeoutMs: 20_000 };
const nobody: EngineObserver = {
  effect: () => undefined,
  evaluated: () => undefined,
  changed: () => undefined,
  gone: () => undefined,
  problem: () => undefined,
};

describeWith(['kube-apiserver', 'etcd'], 'Events', (executables) => {
  let plane: ControlPlane;
  let folder: string;
  let shop: Shop;
  const stopping = new AbortController();

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-events-'));
    await installCrd(plane.api);
    shop = await createShop(plane.api, 'shop');
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
    const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };
    await done(shop.policy('pricer-policy', spec));
  }, 120_000);

  afterAll(async () => {
    stopping.abort();
    await plane?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function eventsAbout(kind: string, name: string): Promise<readonly CoreEvent[]> {
    const { body } = await plane.api.get('/api/v1/namespaces/shop/events');
    const { items } = body as { items: readonly CoreEvent[] };
    return items.filter(({ involvedObject }) => involvedObject.kind === kind && involvedObject.name === name);
  }

  const quiet = createLog({ level: 'silent', sink: { write: () => undefined } }).log;

  async function clientOf(user: 'administrator' | 'kubervisor'): Promise<KubeClient> {
    const kubeconfig = join(folder, `${user}.yaml`);
    await writeFile(kubeconfig, plane.kubeconfig(user));
    return connect({ kubeconfig }, systemClock);
  }

  async function watched(client: KubeClient): Promise<KubernetesSource> {
    const source = createKubernetesSource({
      client,
      clock: systemClock,
      random: Math.random,
      namespaces: ['shop'],
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    await source.start(() => undefined, stopping.signal);
    return source;
  }

  function sideOf(
    client: KubeClient,
    source: KubernetesSource,
    leads: () => boolean,
    metrics = createMetrics({ version: '' }),
  ) {
    const side = createClusterSide({
      client,
      clock: systemClock,
      engine: { onRecord: () => [], answerEviction: () => undefined },
      leads,
      objects: source.objects,
      pods: { evict: false, label: false, deletionCost: false },
      instance: leads() ? 'kubervisor-0' : 'kubervisor-1',
      log: quiet,
      audit: createAudit(quiet),
      metrics: metrics.cluster,
    });
    side.start(stopping.signal);
    return side;
  }

  it('are on the pod, the Service and the policy, with their UIDs; only whoever leads writes them, and what repeats is counted', async () => {
    const client = await clientOf('administrator');
    const source = await watched(client);
    const observers = [true, false].map((leads) => sideOf(client, source, () => leads).around(nobody));

    const uidOf = (name: string): string => source.objects.pods.get(`shop/${name}`)?.metadata?.uid ?? '';
    const story = tell({ size: 6 });
    const fleet = [1, 2, 3, 4, 5, 6].map((index): Backend => {
      const { name, ...rest } = backend(index);
      return { ...rest, name, id: backendId(uidOf(name)) };
    });
    story.setFleet(fleet);
    story.setPolicy(policyOf(story.state().service));
    // Until the fleet has rested: six others are a scale event.
    story.wait(120_000);
    const verdict = { kind: 'anomalous', severity: 2.5, value: 25, bound: 10, reason: '25 is above 10' } as const;
    const judgement = story.tell({ kind: 'judged', verdicts: new Map([[backendId(uidOf('pricer-3')), verdict]]) });
    const blind = { kind: 'unusable', reason: 'answer of the metric source' } as const;
    const hear = (told: Story): void => {
      const effects = told.effects();
      for (const observer of observers) {
        for (const effect of effects) observer.effect(effect, told.state());
        for (const each of [blind, judgement, blind]) observer.evaluated(breaker, each, 1, told.state());
      }
    };
    hear(story);

    const [ejected] = await eventually(async () => {
      const found = await eventsAbout('Pod', 'pricer-3');
      return found.length > 0 && found;
    }, soon);
    expect(ejected).toMatchObject({
      reason: 'Ejected',
      type: 'Normal',
      message: expect.stringMatching(/^pricer-3 was ejected \(anomalous\); breaker errors: 25 is above 10; value 25, /),
      involvedObject: { uid: uidOf('pricer-3') },
      related: { kind: 'KubervisorService', name: 'pricer-policy' },
      reportingComponent: 'kubervisor.io/kubervisor',
      reportingInstance: 'kubervisor-0',
    });
    const counted = (events: readonly CoreEvent[]): readonly string[] =>
      events.map(({ reason, type, series }) => `${type} ${reason} ${series?.count ?? 1}`).toSorted();
    const ofAll = ['Normal DetectorRecovered 1', 'Normal Ejected 1', 'Warning DetectorFailed 2'];
    for (const [kind, name] of [
      ['Service', 'pricer'],
      ['KubervisorService', 'pricer-policy'],
    ] as const) {
      await eventually(async () => counted(await eventsAbout(kind, name)).join() === ofAll.join(), soon);
      const texts = (await eventsAbout(kind, name)).map(({ message }) => message);
      expect(texts.filter((text) => text.includes(blind.reason))).toEqual([]);
    }
    expect(await eventsAbout('Pod', 'pricer-3')).toHaveLength(1);
  });

  it('that may not be written are lost; the verb is named, and the next one is written when it is allowed', async () => {
    const client = await clientOf('administrator');
    const metrics = createMetrics({ version: '' });
    let isLeading = true;
    const side = sideOf(await clientOf('kubervisor'), await watched(client), () => isLeading, metrics);
    const story = tell({ size: 6 });
    const observer = side.around(nobody);
    const by = { actor: 'ana', reason: 'test' };
    const suspend = (): void => {
      story.command({ verb: 'suspend', ...by });
      for (const effect of story.effects()) observer.effect(effect, story.state());
    };
    suspend();
    await eventually(
      () => side.problems().some(({ message }) => message.includes('cannot create resource "events"')),
      soon,
    );
    // Who leads no more writes none, and would never find out that it may by now.
    isLeading = false;
    expect(side.problems()).toEqual([]);
    isLeading = true;
    const api = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop';
    const rules = [{ apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }];
    await done(plane.api.post(`${api}/roles`, { metadata: { name: 'teller' }, rules }));
    await done(
      plane.api.post(`${api}/rolebindings`, {
        metadata: { name: 'teller' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'teller' },
        subjects: [{ kind: 'User', name: 'kubervisor' }],
      }),
    );
    await eventually(async () => {
      story.command({ verb: 'resume', ...by });
      suspend();
      return (await eventsAbout('Service', 'pricer')).some(({ reason }) => reason === 'Suspended');
    }, soon);
    await eventually(() => side.problems().length === 0, soon);
    expect(await metrics.render()).toMatch(/kubernetes_events_total{result="failed"} [1-9]/);
  });
});
