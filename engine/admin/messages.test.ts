/** The hand-written messages against the proto they stand for. */
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { adminOf } from '../../test/support/admin.ts';
import { backendOf, breakerOf, deviationOf, evidenceOf, policyOf, world } from '../../test/support/world.ts';
import type {
  FreezeRequest,
  GetRequest,
  ListRequest,
  ProxiesRequest,
  RestoreRequest,
  SuspensionRequest,
  TakeOutRequest,
  UnfreezeRequest,
  WatchRequest,
  WhyRequest,
} from './messages.ts';
import { serviceKey } from '../model.ts';
import { adminMessageForm, loadAdminProto } from './proto.ts';

interface Field {
  readonly name: string;
  readonly typeName: string;
}

const definitions = loadSync('proto/kubervisor/v1/admin.proto', adminMessageForm);

function fieldsOf(message: string): readonly Field[] {
  return (definitions[`kubervisor.v1.${message}`] as unknown as { type: { field: Field[] } }).type.field;
}

describe('requests', () => {
  const takeOut: TakeOutRequest = {
    namespace: '',
    name: '',
    backend: '',
    forSeconds: 0,
    reason: '',
    force: false,
    actor: '',
  };
  const restore: RestoreRequest = {
    namespace: '',
    name: '',
    backend: '',
    reason: '',
    ramp: false,
    actor: '',
    local: false,
  };
  const suspension: SuspensionRequest = { namespace: '', name: '', all: false, reason: '', actor: '' };
  const freeze: FreezeRequest = { namespace: '', name: '', forSeconds: 0, reason: '', actor: '' };
  const unfreeze: UnfreezeRequest = { namespace: '', name: '', reason: '', actor: '' };
  const list: ListRequest = { namespace: '', backends: false };
  const get: GetRequest = { namespace: '', name: '' };
  const watch: WatchRequest = { namespace: '', name: '', backends: false };
  const proxies: ProxiesRequest = { namespace: '', name: '' };
  const why: WhyRequest = { backend: '', namespace: '', name: '' };

  it.each([
    ['list', list],
    ['get', get],
    ['watch', watch],
    ['why', why],
    ['proxies', proxies],
    ['eject', takeOut],
    ['pause', takeOut],
    ['restore', restore],
    ['suspend', suspension],
    ['resume', suspension],
    ['freeze', freeze],
    ['unfreeze', unfreeze],
  ] as const)('%s has the fields of the proto, and their defaults', (method, request) => {
    const proto = loadAdminProto();
    expect(proto.readRequest(method, {})).toEqual(request);
    const { requestSerialize, requestDeserialize } = proto.definition[method];
    expect(requestDeserialize(requestSerialize({}))).toEqual(request);
  });
});

describe('responses', () => {
  it('have the fields of the proto, no other, and each of them somewhere', async () => {
    const seen = new Map<string, Set<string>>();
    const note = (message: string, value: object): void => {
      const fields = fieldsOf(message);
      const known = seen.get(message) ?? new Set();
      seen.set(message, known);
      expect(fields.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(value)));
      for (const { name, typeName } of fields) {
        const part: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
        if (part === undefined) continue;
        known.add(name);
        if (typeName !== '')
          for (const item of [part].flat()) note(typeName.replace('.kubervisor.v1.', ''), item as object);
      }
    };

    const price = breakerOf({ name: 'price', detector: deviationOf(), activity: { query: 'calls', min: 1 } });
    const slow = breakerOf({ name: 'slow', enforcement: 'Observe' });
    const w = world({ fleet: 8, policy: policyOf({ breakers: [price, slow], warmUpMs: 60_000 }) });
    const calls = evidenceOf(w.all(5)).samples;
    w.change('p8', { readySinceMs: w.now + 30_000, zone: 'a', node: 'n' });
    w.evaluations(3, { ...evidenceOf(w.all(100)), activity: calls }, 'price');
    w.evaluations(2, { ...evidenceOf(w.all(100, { p1: 900, p2: 900, p3: 900 })), activity: calls }, 'price');
    w.evaluations(2, w.bad('p4', 'p5', 'p6'), 'slow');
    const admin = adminOf(w);
    const { handlers } = admin;
    admin.role = { kind: 'following', leader: 'kubervisor-0' };
    admin.word = { name: 'p', conditions: [{ type: 'Ready', status: 'True', reason: 'Enforcing', message: 'so' }] };
    admin.problems = [{ about: 'policy', problem: { code: 'KV0101', severity: 'error', message: 'no' } }];
    const nack = { version: '1', message: 'no', atMs: 0 };
    const current = { version: '2', sinceMs: 0 };
    admin.proxies = [
      {
        nodeId: 'e1',
        nodeCluster: 'edge',
        version: 'envoy',
        zone: 'a',
        dialect: 'envoy',
        identity: 'spiffe://mesh/edge',
        address: '127.0.0.1:5',
        connectedAtMs: 0,
        subscriptions: [
          {
            type: 'x.Cla',
            variant: 'sotw',
            resources: 1,
            waitingSinceMs: 0,
            nack,
            holdings: [{ name: 'shop/pricer', service: serviceKey('shop', 'pricer'), status: 'error', nack, current }],
          },
        ],
      },
    ];
    const service = { namespace: 'shop', name: 'pricer' };
    const act = { ...service, reason: 'x', actor: 'ana' };

    note('ProxiesResponse', handlers.proxies({ namespace: '', name: '' }));
    for (const backend of ['p1', 'p3', 'p4', 'p6', 'p8']) {
      note('WhyResponse', handlers.why({ backend, namespace: '', name: '' }));
    }
    const agreed = world({
      policy: policyOf({ combine: 'All', breakers: [breakerOf(), breakerOf({ name: 'slow' })] }),
    });
    for (const name of ['errors', 'slow']) agreed.evaluations(2, agreed.bad('p1'), name);
    note('WhyResponse', adminOf(agreed).handlers.why({ backend: 'p1', namespace: '', name: '' }));
    const grouped = world({
      fleet: ['a', 'a', 'a', 'a', 'b', 'b', 'b'].map((version, index) =>
        backendOf(`p${index}`, { labels: { version } }),
      ),
      policy: policyOf({ breakers: [breakerOf({ name: 'price', detector: deviationOf(), groupBy: ['version'] })] }),
    });
    grouped.evaluate(grouped.all(100, { p4: 900, p5: 900, p6: 900 }));
    note('WhyResponse', adminOf(grouped).handlers.why({ backend: 'p1', namespace: '', name: '' }));
    const takeOut = { ...act, backend: 'p7', forSeconds: 60, force: true };
    note('EjectResponse', await handlers.eject(takeOut, {}));
    note('PauseResponse', await handlers.pause(takeOut, {}));
    note('RestoreResponse', await handlers.restore({ ...act, backend: 'p7', ramp: false, local: false }, {}));
    for (const name of ['p4', 'p5', 'p6']) w.change(name, { ready: false });
    note('FreezeResponse', await handlers.freeze({ ...act, forSeconds: 60 }, {}));
    note('UnfreezeResponse', await handlers.unfreeze(act, {}));
    note('GetResponse', handlers.get(service));
    note('SuspendResponse', await handlers.suspend({ ...act, all: false }, {}));
    note('ResumeResponse', await handlers.resume({ ...act, all: false }, {}));
    admin.storeProblem = { code: 'KV0499', severity: 'error', message: 'no' };
    const everything = { ...act, namespace: '', name: '', all: true };
    for (const end of [true, false]) {
      note('SuspendResponse', await handlers.suspend(everything, {}));
      if (end) note('ResumeResponse', await handlers.resume(everything, {}));
    }
    note('ListResponse', handlers.list({ namespace: '', backends: true }));
    for await (const event of handlers.watch({ namespace: '', name: '', backends: false }, AbortSignal.timeout(5000))) {
      note('WatchResponse', event);
      if (event.current) break;
    }

    const missing = [...seen].flatMap(([message, names]) =>
      fieldsOf(message)
        .filter(({ name }) => !names.has(name))
        .map(({ name }) => `${message}.${name}`),
    );
    expect(missing).toEqual([]);
    const answered = Object.keys(definitions).filter((name) => /(View|Response|Step)$/.test(name));
    expect([...seen.keys()].map((name) => `kubervisor.v1.${name}`).sort()).toEqual(answered.sort());
  });
});
