/** An API server that does what the real one cannot be made to do: goes silent, forgets, goes back in time. */
import { type KubeClient, KubeError, type Query } from '../../engine/kubernetes/kube-client.ts';

export interface FakeObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

export interface FakeKube extends KubeClient {
  /** What a list shows, and the version it says it shows. */
  objects: readonly FakeObject[];
  version: number;
  /** Thrown by the next requests, in order, before anything else happens. */
  readonly failures: KubeError[];
  /** Requests so far, as `list` or `watch VERSION`. */
  readonly log: string[];
  /** To the watch that is open. */
  emit(event: unknown): void;
  /** Ends the open watch: in good order, or with an error. */
  end(error?: KubeError): void;
  /** Undefined: no watch is open. */
  readonly watching: Query | undefined;
}

export function fakeObject(name: string, version: number, uid = `uid-${name}`): FakeObject {
  return { metadata: { namespace: 'shop', name, uid, resourceVersion: `${version}` } };
}

export function createFakeKube(): FakeKube {
  let open: { query: Query; send: (event: unknown) => void; end: (error?: KubeError) => void } | undefined;
  const fake: FakeKube = {
    objects: [],
    version: 1,
    failures: [],
    log: [],
    get watching() {
      return open?.query;
    },
    emit(event) {
      if (open === undefined) throw new Error('no watch is open');
      open.send(event);
    },
    end(error) {
      if (open === undefined) throw new Error('no watch is open');
      open.end(error);
    },
    async get(_path, query) {
      fake.log.push('list');
      fail();
      const limit = Number(query['limit']);
      const from = Number(query['continue'] ?? 0);
      const rest = fake.objects.length - from - limit;
      const metadata = { resourceVersion: `${fake.version}`, ...(rest > 0 ? { continue: `${from + limit}` } : {}) };
      return { metadata, items: fake.objects.slice(from, from + limit) };
    },
    async send(verb, path) {
      fake.log.push(`${verb} ${path}`);
      fail();
      return {};
    },
    async watch(_path, query, observer, signal) {
      fake.log.push(`watch ${query['resourceVersion']}`);
      fail();
      observer.opened();
      await new Promise<void>((resolve, reject) => {
        const finish = (settle: () => void): void => {
          open = undefined;
          signal.removeEventListener('abort', abort);
          settle();
        };
        const abort = (): void => finish(() => reject(new KubeError('aborted')));
        signal.addEventListener('abort', abort);
        open = {
          query,
          send: (event) => {
            try {
              observer.event(event);
            } catch (error) {
              finish(() => reject(error as KubeError));
            }
          },
          end: (error) => finish(() => (error === undefined ? resolve() : reject(error))),
        };
      });
    },
  };
  return fake;

  function fail(): void {
    const failure = fake.failures.shift();
    if (failure !== undefined) throw failure;
  }
}
