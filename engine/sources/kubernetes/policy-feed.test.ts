import { expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { type KubeClient, KubeError } from '../../kubernetes/kube-client.ts';
import { createPolicyFeed } from './policy-feed.ts';

/** An API server that refuses what is in these namespaces. */
function feedOf(namespaces: readonly string[], denied: Set<string>) {
  const clock = createManualClock();
  const refuse = (path: string): void => {
    if ([...denied].some((name) => path.includes(name))) throw new KubeError('forbidden', { status: 403 });
  };
  const client: KubeClient = {
    async get(path) {
      refuse(path);
      return { metadata: { resourceVersion: '5' }, items: [] };
    },
    send: () => Promise.reject(new Error('nothing is changed here')),
    async watch(path, _query, observer, signal) {
      refuse(path);
      observer.opened();
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new KubeError('aborted')));
      });
    },
  };
  const onProblem = ({ message }: { readonly message: string }): void => {
    throw new Error(message);
  };
  const feed = createPolicyFeed({ client, clock, random: () => 0.5, namespaces, onProblem });
  feed.start(new AbortController().signal);
  return { clock, feed };
}

async function refreshed(
  namespaces: readonly string[],
  lost: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  const denied = new Set<string>();
  const { clock, feed } = feedOf(namespaces, denied);
  await feed.synced;
  for (const each of lost) denied.add(each);
  let unread: ReadonlySet<string> | undefined;
  void feed.refresh().then((found) => {
    unread = found;
  });
  await clock.advance(600_000);
  return unread;
}

it('a refresh is over when all was listed, or cannot be: who took our rights away in one namespace holds up no other', async () => {
  expect(await refreshed(['a', 'b'], [])).toEqual(new Set());
  expect(await refreshed(['a', 'b'], ['/namespaces/b/'])).toEqual(new Set(['b']));
});

it('and never, where nothing can be read at all', async () => {
  expect(await refreshed(['a', 'b'], ['/namespaces/'])).toBeUndefined();
  expect(await refreshed([], ['/kubervisorservices'])).toBeUndefined();
});
