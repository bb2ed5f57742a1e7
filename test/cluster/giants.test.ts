/** The largest objects that an API server takes, of one namespace: what they are made of must not keep the others from being heard. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { serviceKey } from '../../engine/model.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { describeWith } from '../support/parts.ts';
import { createShop, done } from './shop.ts';
import { useCluster } from './use-cluster.ts';

const soon = { timeoutMs: 30_000 };
/** More than one answer may be, in JSON; in etcd each is just below what it takes. */
const giants = 5;

function giant(index: number): object {
  // One byte in etcd, six in JSON.
  const env = [{ name: 'X', value: '<'.repeat(1_400_000) }];
  return { metadata: { name: `giant-${index}` }, spec: { containers: [{ name: 'main', image: 'none', env }] } };
}

describeWith(['kube-apiserver', 'etcd'], 'giant pods of one namespace', (executables) => {
  const cluster = useCluster(executables);

  it('are listed in pages that are small enough, and heard of by the watch like all others', async ({
    onTestFinished,
  }) => {
    const { api } = cluster.plane;
    const shop = await createShop(api, 'victim');
    const pod = { name: 'pricer-1', ip: '10.1.0.1' };
    await shop.service('pricer');
    await shop.pod('pricer', pod);
    await shop.slice('pricer', [pod]);
    await createShop(api, 'mallory');
    const kubeconfig = join(cluster.folder, 'giants.yaml');
    await writeFile(kubeconfig, cluster.plane.kubeconfig('administrator'));
    const client = await connect({ kubeconfig }, systemClock);
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());

    async function follow() {
      const changes: SourceChange[] = [];
      const source = createKubernetesSource({
        client,
        clock: systemClock,
        random: Math.random,
        namespaces: [],
        onProblem: ({ message }) => {
          throw new Error(message);
        },
      });
      await source.start((batch) => void changes.push(...batch), stopping.signal);
      const label = (): string | undefined =>
        changes
          .flatMap((each) =>
            each.kind === 'fleet' && each.fleet.service === serviceKey('victim', 'pricer') ? each.fleet.backends : [],
          )
          .at(-1)?.labels?.['v'];
      return { source, label };
    }

    const first = await follow();
    for (let index = 0; index < giants; index++) {
      await done(api.post('/api/v1/namespaces/mallory/pods', giant(index)));
    }
    await shop.label('pricer-1', { v: '1' });
    await eventually(() => first.label() === '1', soon);

    const second = await follow();
    expect(second.label()).toBe('1');
    for (const { source } of [first, second]) expect(source.problems()).toEqual([]);
  }, 120_000);
});
