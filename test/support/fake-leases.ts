/** The Leases of an API server, in memory: compare-and-set as the real one does it, with an answer that can be late or lost. */
import { isRecord } from '../../engine/is-record.ts';
import { type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import type { Clock } from '../../engine/clock.ts';

export interface FakeLeases extends KubeClient {
  /** By path. A test may write here as a person would. */
  readonly objects: Map<string, FakeLease>;
  /** How long an answer takes; half of it passes before the server acts. */
  latencyMs: number;
  /** Asked of each request: what it throws is the answer. */
  refuse: (verb: string) => KubeError | undefined;
  /** It is done, and nobody hears of it. */
  isAnswerLost: boolean;
  /** Verbs, in order. */
  readonly log: string[];
}

interface FakeLease {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function createFakeLeases(clock: Clock): FakeLeases {
  const objects = new Map<string, FakeLease>();
  let version = 1;
  const wait = (forMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const cancel = clock.at(clock.now() + forMs, resolve);
      signal.addEventListener('abort', () => {
        cancel();
        reject(new KubeError('aborted'));
      });
      if (forMs === 0) resolve();
    });

  async function act(verb: string, signal: AbortSignal, run: () => unknown): Promise<unknown> {
    fake.log.push(verb);
    await wait(fake.latencyMs / 2, signal);
    try {
      const refusal = fake.refuse(verb);
      if (refusal !== undefined) throw refusal;
      const answer = structuredClone(run());
      if (fake.isAnswerLost) throw new KubeError('socket hang up');
      return answer;
    } finally {
      await wait(fake.latencyMs / 2, signal);
    }
  }

  const fake: FakeLeases = {
    objects,
    latencyMs: 0,
    refuse: () => undefined,
    isAnswerLost: false,
    log: [],
    get: (path, _query, signal) =>
      act('get', signal, () => {
        const found = objects.get(path);
        if (found === undefined) throw new KubeError('not found', { status: 404 });
        return found;
      }),
    send: (verb, path, body, signal) =>
      act(verb, signal, () => {
        if (!isRecord(body) || !isRecord(body['metadata']) || !isRecord(body['spec'])) throw new Error('no Lease');
        const { metadata, spec } = body;
        const at = verb === 'post' ? `${path}/${metadata['name'] as string}` : path;
        const before = objects.get(at);
        if (verb === 'post' && before !== undefined) throw new KubeError('already exists', { status: 409 });
        if (verb === 'patch' && before === undefined) throw new KubeError('not found', { status: 404 });
        if (verb === 'patch' && metadata['resourceVersion'] !== before?.metadata.resourceVersion) {
          throw new KubeError('the object has been modified', { status: 409 });
        }
        version += 1;
        const written = {
          metadata: { ...before?.metadata, resourceVersion: `${version}` },
          spec: { ...before?.spec, ...spec },
        };
        objects.set(at, written);
        return written;
      }),
    watch: () => Promise.reject(new Error('nobody watches Leases')),
  };
  return fake;
}
