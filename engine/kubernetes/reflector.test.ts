import { afterEach, describe, expect, it } from 'vitest';
import { createFakeKube, type FakeKube, fakeObject } from '../../test/support/fake-kube.ts';
import { createManualClock, type ManualClock, settle } from '../../test/support/manual-clock.ts';
import { KubeError } from './kube-client.ts';
import { type Change, createReflector, type Reflector } from './reflector.ts';

interface Bench {
  readonly kube: FakeKube;
  readonly clock: ManualClock;
  readonly reflector: Reflector<string>;
  /** What was told, as `listed(gone...)`, `changed name`, `gone name`. */
  readonly told: string[];
  readonly problems: string[];
}

let stopping = new AbortController();
afterEach(() => {
  stopping.abort();
  stopping = new AbortController();
});

async function start(prepare: (kube: FakeKube) => void = () => {}): Promise<Bench> {
  const kube = createFakeKube();
  kube.objects = [fakeObject('a', 3), fakeObject('b', 4)];
  kube.version = 10;
  prepare(kube);
  const clock = createManualClock();
  const told: string[] = [];
  const problems: string[] = [];
  const reflector = createReflector<string>({
    path: '/api/v1/pods',
    client: kube,
    clock,
    random: () => 0.5,
    keep: (object) => (object['metadata'] as { resourceVersion: string }).resourceVersion,
    onChange: (change) => told.push(inWords(change)),
    onProblem: ({ message }) => problems.push(message),
  });
  void reflector.run(stopping.signal);
  await settle();
  return { kube, clock, reflector, told, problems };
}

function inWords(change: Change<string>): string {
  return change.kind === 'listed' ? `listed(${[...change.gone.keys()].join()})` : `${change.kind} ${change.key}`;
}

function event(type: string, name: string, version: number, uid?: string): unknown {
  return { type, object: fakeObject(name, version, uid) };
}

function bookmark(version: number): unknown {
  return { type: 'BOOKMARK', object: { metadata: { resourceVersion: `${version}` } } };
}

describe('in good order', () => {
  it('lists once, then watches from there, with bookmarks and an end', async () => {
    const { kube, reflector, told } = await start();
    await reflector.synced;
    expect(kube.log).toEqual(['list', 'watch 10']);
    expect(kube.watching).toMatchObject({ watch: true, allowWatchBookmarks: true, timeoutSeconds: 37 });
    expect([...reflector.items()]).toEqual([
      ['shop/a', '3'],
      ['shop/b', '4'],
    ]);
    expect(told).toEqual(['listed()']);
  });

  it('follows what comes, changes, is replaced and goes', async () => {
    const { kube, reflector, told } = await start();
    kube.emit(event('ADDED', 'c', 11));
    kube.emit(event('MODIFIED', 'a', 12));
    kube.emit(event('DELETED', 'b', 13));
    kube.emit(event('ADDED', 'b', 14, 'another'));
    expect(told.slice(1)).toEqual(['changed shop/c', 'changed shop/a', 'gone shop/b', 'changed shop/b']);
    expect(Object.fromEntries(reflector.items())).toEqual({ 'shop/a': '12', 'shop/b': '14', 'shop/c': '11' });
  });

  it('goes on from the last bookmark when a watch ends, without a list', async () => {
    const { kube, clock } = await start();
    await clock.advance(37_000);
    kube.emit(bookmark(90));
    kube.end();
    await settle();
    expect(kube.log).toEqual(['list', 'watch 10', 'watch 90']);
  });

  it('reads ten thousand objects page by page', async () => {
    const { kube, reflector } = await start((fake) => {
      fake.objects = Array.from({ length: 10_000 }, (_, index) => fakeObject(`pod-${index}`, 1));
    });
    await reflector.synced;
    expect(kube.log.filter((request) => request === 'list')).toHaveLength(20);
    expect(reflector.items().size).toBe(10_000);
  });
});

describe('what goes wrong', () => {
  it('410, answered or sent as an event: lists anew, and tells what went unseen', async () => {
    const { kube, clock, told, reflector } = await start();
    kube.emit(event('MODIFIED', 'a', 12));
    kube.objects = [fakeObject('a', 12), fakeObject('b', 40, 'another'), fakeObject('c', 41)];
    kube.version = 50;
    kube.emit({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } });
    await settle();
    // Not at once: all replicas are told at the same moment.
    expect(kube.log).toEqual(['list', 'watch 10']);
    // Nor is it a trouble that anybody has to read of: each API server that starts anew has forgotten what was before.
    expect(reflector.health()).toMatchObject({ failures: 1 });
    expect(reflector.health().error).toBeUndefined();
    await clock.advance(800);
    expect(kube.log).toEqual(['list', 'watch 10', 'list', 'watch 50']);
    expect(told.at(-1)).toBe('listed(shop/b)');

    kube.failures.push(new KubeError('gone', { status: 410 }));
    await clock.advance(37_000);
    kube.end();
    await settle();
    await clock.advance(1_600);
    expect(kube.log.slice(-3)).toEqual(['watch 50', 'list', 'watch 50']);
  });

  it('410 after a long time without the server: lists soon, and ever later if that does not help', async () => {
    const { kube, clock, reflector } = await start();
    kube.failures.push(...Array.from({ length: 12 }, () => new KubeError('ECONNREFUSED')));
    kube.end(new KubeError('socket hang up'));
    await clock.advance(600_000);
    expect(kube.failures).toEqual([]);
    kube.log.length = 0;
    const expired = new KubeError('too old resource version', { status: 410 });
    kube.end(expired);
    await clock.advance(1000);
    expect(kube.log).toEqual(['list', 'watch 10']);
    for (let times = 0; times < 100; times++) {
      if (kube.watching !== undefined) kube.end(expired);
      await clock.advance(1000);
    }
    if (kube.watching !== undefined) kube.end(expired);
    await settle();
    expect(reflector.health().error?.message).toBe('too old resource version');
    expect(kube.log.filter((each) => each === 'list').length).toBeLessThan(12);
  });

  it('a watch that breaks off goes on from where it was', async () => {
    const { kube, clock, reflector, told } = await start();
    kube.emit(event('ADDED', 'c', 11));
    kube.end(new KubeError('socket hang up'));
    await settle();
    expect(reflector.health().error?.message).toBe('socket hang up');
    await clock.advance(800);
    expect(kube.log).toEqual(['list', 'watch 10', 'watch 11']);
    expect(told).toEqual(['listed()', 'changed shop/c']);
    // Nothing has happened since, and yet all is well: a quiet kind of object must not look like a broken server.
    expect(reflector.health().error).toBeUndefined();
  });

  it('a server that is away is asked less and less often, and never given up', async () => {
    const { kube, clock, reflector } = await start();
    kube.failures.push(...Array.from({ length: 100 }, () => new KubeError('ECONNREFUSED')));
    kube.end(new KubeError('socket hang up'));
    await clock.advance(600_000);
    // 0.6, 1.2, 2.4 .. 22.5 s: ten minutes of it are some thirty tries.
    const tries = kube.log.length - 2;
    expect(tries).toBeGreaterThan(20);
    expect(tries).toBeLessThan(40);
    expect([...reflector.items().keys()]).toEqual(['shop/a', 'shop/b']);
    kube.failures.length = 0;
    await clock.advance(30_000);
    expect(kube.watching).toBeDefined();
  });

  it('Retry-After is obeyed', async () => {
    const { kube, clock } = await start();
    kube.end(new KubeError('too many requests', { status: 429, retryAfterMs: 20_000 }));
    await clock.advance(19_000);
    expect(kube.watching).toBeUndefined();
    await clock.advance(2_000);
    expect(kube.watching).toBeDefined();
  });

  it('a watch that went silent is given up within a minute', async () => {
    const { kube, clock, reflector } = await start();
    await clock.advance(60_000);
    expect(kube.log).toEqual(['list', 'watch 10', 'watch 10']);
    expect(reflector.health()).toMatchObject({ watches: 2, failures: 1 });
  });

  it('a watch that ends as soon as it begins is not asked for again without a pause', async () => {
    const { kube, clock } = await start();
    for (let turn = 0; turn < 200; turn++) {
      if (kube.watching !== undefined) kube.end();
      await clock.advance(100);
    }
    expect(kube.log.length).toBeLessThan(12);
  });

  it('a clock that is set back makes no watch a failure, and puts off no check', async () => {
    const { kube, clock, reflector } = await start();
    await clock.advance(20_000);
    clock.set(-3_600_000);
    kube.end();
    await clock.advance(1000);
    expect(reflector.health()).toMatchObject({ failures: 0, watches: 2 });
    kube.end();
    await clock.advance(1000);
    expect(kube.log.filter((each) => each === 'list')).toHaveLength(2);
  });

  it('an answer that is no list takes nothing away', async () => {
    const { kube, clock, reflector } = await start();
    kube.get = async () => ({ kind: 'Status', metadata: {} });
    kube.end(new KubeError('gone', { status: 410 }));
    await clock.advance(60_000);
    expect(reflector.items().size).toBe(2);
    expect(reflector.health().error?.message).toBe('the answer is no list of Kubernetes objects');
  });

  it.each([['junk'], [{ type: 'ADDED' }], [{ type: 'ADDED', object: { metadata: { resourceVersion: '11' } } }]])(
    'an event that is none (%j) ends the watch, and it begins anew',
    async (junk) => {
      const { kube, clock, reflector } = await start();
      kube.emit(junk);
      await clock.advance(800);
      expect(kube.log).toEqual(['list', 'watch 10', 'watch 10']);
      expect(reflector.items().size).toBe(2);
    },
  );

  it('a receiver that throws is reported, and the copy goes on', async () => {
    const kube = createFakeKube();
    const problems: string[] = [];
    const reflector = createReflector<number>({
      path: '/api/v1/pods',
      client: kube,
      clock: createManualClock(),
      random: () => 0.5,
      keep: () => 1,
      onChange: () => {
        throw new Error('boom');
      },
      onProblem: ({ message }) => problems.push(message),
    });
    void reflector.run(stopping.signal);
    await reflector.synced;
    await settle();
    kube.emit(event('ADDED', 'a', 2));
    expect(problems).toHaveLength(2);
    expect(reflector.items().size).toBe(1);
  });
});

describe('a list that lacks much of what is known', () => {
  it('is believed when a second one says so too', async () => {
    const { kube, clock, reflector, told } = await start();
    kube.objects = [];
    kube.version = 50;
    kube.end(new KubeError('gone', { status: 410 }));
    await clock.advance(800);
    expect(reflector.items().size).toBe(2);
    await clock.advance(1_000);
    expect(kube.log.slice(2)).toEqual(['list', 'list', 'watch 50']);
    expect(told.at(-1)).toBe('listed(shop/a,shop/b)');
  });

  it('and forgotten when it does not', async () => {
    const { kube, clock, reflector, told } = await start();
    const objects = kube.objects;
    kube.objects = [];
    kube.version = 50;
    kube.end(new KubeError('gone', { status: 410 }));
    await clock.advance(800);
    kube.objects = objects;
    await clock.advance(1_000);
    expect(reflector.items().size).toBe(2);
    expect(told.at(-1)).toBe('listed()');
  });
});

describe('a list that somebody asks for', () => {
  /** Lists are answered as of when they were asked for, and the answer is on its way until the gate opens. */
  async function gated(bench: Bench): Promise<() => Promise<void>> {
    const { kube } = bench;
    const get = kube.get.bind(kube);
    const gate = Promise.withResolvers<void>();
    kube.get = async (...given) => {
      const answer = await get(...given);
      await gate.promise;
      return answer;
    };
    return async () => {
      kube.get = get;
      gate.resolve();
      await settle();
    };
  }

  it('is one that begins after that: one that is under way is told, and followed by another', async () => {
    const bench = await start();
    const { kube, reflector, told } = bench;
    const open = await gated(bench);
    const done: string[] = [];
    void reflector.relist().then(() => done.push(`first: ${[...reflector.items().keys()].join()}`));
    await settle();
    kube.objects = [...kube.objects, fakeObject('c', 11)];
    kube.version = 11;
    void reflector.relist().then(() => done.push(`second: ${[...reflector.items().keys()].join()}`));
    await settle();
    expect(done).toEqual([]);
    await open();
    expect(kube.log).toEqual(['list', 'watch 10', 'list', 'list', 'watch 11']);
    expect(told).toEqual(['listed()', 'listed()', 'listed()']);
    expect(done).toEqual(['first: shop/a,shop/b', 'second: shop/a,shop/b,shop/c']);
  });

  it('is one for all who ask while another is under way', async () => {
    const bench = await start();
    const open = await gated(bench);
    const first = bench.reflector.relist();
    await settle();
    const others = [1, 2, 3].map(() => bench.reflector.relist());
    await open();
    await Promise.all([first, ...others]);
    expect(bench.kube.log).toEqual(['list', 'watch 10', 'list', 'list', 'watch 10']);
  });

  it('comes although the watch goes on for a moment', async () => {
    const bench = await start();
    const { kube, clock, reflector } = bench;
    kube.end();
    kube.watch = async (_path, query, observer, signal) => {
      kube.log.push(`watch ${query['resourceVersion']}`);
      observer.opened();
      if (kube.log.filter((request) => request === 'list').length === 1) void reflector.relist();
      observer.event(bookmark(10));
      if (!signal.aborted) await new Promise(() => undefined);
    };
    await clock.advance(20_000);
    expect(kube.log).toEqual(['list', 'watch 10', 'watch 10', 'list', 'watch 10']);
  });
});

describe('a list that somebody asks for while the server is left alone', () => {
  /** The server fails until it is left alone for half a minute at a time; then it is well again, and nobody knows. */
  async function afterOutage(last = new KubeError('ECONNREFUSED')): Promise<Bench> {
    const bench = await start();
    const { kube, clock } = bench;
    kube.failures.push(...Array.from({ length: 8 }, () => new KubeError('ECONNREFUSED')), last);
    kube.end(new KubeError('socket hang up'));
    while (kube.failures.length > 0) await clock.advance(1);
    kube.log.length = 0;
    return bench;
  }

  it('comes five seconds after the last try at the latest, and not at the end of the wait', async () => {
    const { kube, clock, reflector } = await afterOutage();
    await clock.advance(1_000);
    let isTold = false;
    void reflector.relist().then(() => {
      isTold = true;
    });
    await clock.advance(3_999);
    expect(kube.log).toEqual([]);
    await clock.advance(1);
    expect(kube.log).toEqual(['list', 'watch 10']);
    expect(isTold).toBe(true);
  });

  it('at once, where the last try is longer ago than that', async () => {
    const { kube, clock, reflector } = await afterOutage();
    await clock.advance(10_000);
    void reflector.relist();
    await settle();
    expect(kube.log).toEqual(['list', 'watch 10']);
  });

  it('is tried every five seconds, however many ask, and as seldom as before when nobody does', async () => {
    const { kube, clock, reflector } = await afterOutage();
    kube.failures.push(...Array.from({ length: 100 }, () => new KubeError('ECONNREFUSED')));
    for (let asked = 0; asked < 40; asked++) {
      void reflector.relist();
      await clock.advance(250);
    }
    expect(kube.log).toEqual(['list', 'list']);
    await clock.advance(22_499);
    expect(kube.log).toHaveLength(2);
    await clock.advance(1);
    expect(kube.log).toHaveLength(3);
  });

  it('waits for as long as the server says', async () => {
    const { kube, clock, reflector } = await afterOutage(
      new KubeError('too many requests', { status: 429, retryAfterMs: 20_000 }),
    );
    void reflector.relist();
    await clock.advance(19_999);
    expect(kube.log).toEqual([]);
    await clock.advance(1);
    expect(kube.log).toEqual(['list', 'watch 10']);
  });

  it('whoever asked while the list was under way that failed is waited for no longer', async () => {
    const { kube, clock, reflector } = await afterOutage();
    kube.failures.push(new KubeError('ECONNREFUSED'));
    const { get } = kube;
    kube.get = async (...given) => {
      kube.get = get;
      void reflector.relist();
      return get(...given);
    };
    void reflector.relist();
    await clock.advance(5_000);
    expect(kube.log).toEqual(['list']);
    await clock.advance(5_000);
    expect(kube.log).toEqual(['list', 'list', 'watch 10']);
  });
});

describe('time travel', () => {
  it('an object that is older than what is known is not believed', async () => {
    const { kube, reflector, told } = await start();
    kube.emit(event('MODIFIED', 'a', 20));
    kube.emit(event('MODIFIED', 'a', 9));
    expect(reflector.items().get('shop/a')).toBe('20');
    expect(told).toEqual(['listed()', 'changed shop/a']);
    expect(reflector.health().stale).toBe(1);
  });

  it('nor is a list; one newer than that is, as soon as it is there', async () => {
    const { kube, clock, reflector } = await start();
    kube.emit(bookmark(90));
    kube.objects = [];
    kube.version = 80;
    kube.end(new KubeError('gone', { status: 410 }));
    await clock.advance(20_000);
    expect(reflector.items().size).toBe(2);
    expect(reflector.health().stale).toBeGreaterThan(1);
    kube.objects = [fakeObject('a', 3)];
    kube.version = 91;
    await clock.advance(30_000);
    expect([...reflector.items().keys()]).toEqual(['shop/a']);
  });

  it('a cluster that was restored from a backup is believed after a minute of it', async () => {
    const { kube, clock, reflector } = await start();
    kube.objects = [fakeObject('a', 1), fakeObject('old', 1)];
    kube.version = 5;
    kube.end(new KubeError('gone', { status: 410 }));
    await clock.advance(50_000);
    expect(reflector.items().size).toBe(2);
    await clock.advance(60_000);
    expect([...reflector.items().keys()]).toEqual(['shop/a', 'shop/old']);
    expect(kube.log.at(-1)).toBe('watch 5');
  });
});

describe('the check every ten minutes', () => {
  /** Ends watches as a server does, with a bookmark of where it is, for so long. */
  async function pass({ kube, clock }: Bench, minutes: number): Promise<void> {
    for (let elapsed = 0; elapsed < minutes * 60_000; elapsed += 37_000) {
      await clock.advance(37_000);
      kube.emit(bookmark(kube.version));
      await settle();
      if (kube.watching !== undefined) kube.end();
      await settle();
    }
  }

  it('finds nothing where nothing was lost, and lists no more than that', async () => {
    const bench = await start();
    await pass(bench, 25);
    expect(bench.reflector.health()).toMatchObject({ misses: 0, lists: 1 });
    expect(bench.kube.log.filter((request) => request === 'list')).toHaveLength(3);
    expect(bench.told).toEqual(['listed()']);
  });

  it('counts an event that was lost, whatever it was, and mends it', async () => {
    const bench = await start();
    bench.kube.objects = [fakeObject('a', 30), fakeObject('c', 31)];
    bench.kube.version = 40;
    await pass(bench, 12);
    expect(bench.reflector.health().misses).toBe(3);
    expect(Object.fromEntries(bench.reflector.items())).toEqual({ 'shop/a': '30', 'shop/c': '31' });
    expect(bench.told.at(-1)).toBe('listed(shop/b)');
  });

  it('what happens between list and watch is no loss', async () => {
    const bench = await start();
    const { kube, clock, reflector } = bench;
    await pass(bench, 9.9);
    await clock.advance(37_000);
    kube.emit(bookmark(40));
    // Seen by the check's list, not yet by the watch.
    kube.objects = [fakeObject('a', 50), fakeObject('c', 51)];
    kube.version = 60;
    kube.end();
    await settle();
    kube.emit(event('MODIFIED', 'a', 50));
    kube.emit(event('ADDED', 'c', 51));
    kube.emit(event('DELETED', 'b', 52));
    // And this is newer than the list.
    kube.emit(event('DELETED', 'c', 70));
    kube.emit(bookmark(71));
    expect(kube.log.filter((request) => request === 'list')).toHaveLength(2);
    expect(reflector.health()).toMatchObject({ misses: 0, lists: 1 });
  });
});
