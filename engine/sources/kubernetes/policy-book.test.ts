import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createPolicyParser } from '../../policy/parse.ts';
import { createPolicyBook, keepPolicy, type PolicyBook, type PolicyObject } from './policy-book.ts';

const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };

const never = new AbortController().signal;

function policy(generation: number, more: object = {}): PolicyObject {
  const metadata = { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '7', generation, managedFields: [{}] };
  return keepPolicy({ metadata, spec: { ...spec, ...more }, status: { serving: '5/6' } });
}

it('keeps spec, status and identity, and forgets what others manage', () => {
  expect(policy(1)).toEqual({
    namespace: 'shop',
    name: 'p',
    uid: 'u',
    version: '7',
    generation: 1,
    edition: 'u 1',
    object: {
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: { name: 'p', namespace: 'shop', creationTimestamp: undefined },
      spec,
    },
    status: { serving: '5/6' },
  });
});

it('reads a policy once a generation', async () => {
  let parsed = 0;
  const parser = createPolicyParser();
  const book = createPolicyBook({
    ...parser,
    parseObject: (object) => {
      parsed += 1;
      return parser.parseObject(object);
    },
  });
  await book.open(never);
  book.follow({ kind: 'listed', items: new Map([['shop/p', policy(1)]]), gone: new Map() });
  expect([book.hasChanged(), book.hasChanged()]).toEqual([true, false]);
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(1) });
  expect([parsed, book.hasChanged()]).toEqual([1, false]);
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(2) });
  expect([parsed, book.hasChanged()]).toEqual([2, true]);
  book.follow({ kind: 'gone', key: 'shop/p', before: policy(2) });
  expect([book.claims(), book.hasChanged()]).toEqual([[], true]);
});

it('names the object where a file would have a line, and lets fields of a newer version pass', async () => {
  const book = createPolicyBook(createPolicyParser({ unknownFields: 'warning' }));
  await book.open(never);
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(1, { later: 1 }) });
  const [claim] = book.claims();
  expect(claim?.outcome).toMatchObject({
    kind: 'accepted',
    warnings: expect.arrayContaining([
      expect.objectContaining({ code: 'KV0103', file: 'KubervisorService shop/p', field: 'spec.later' }),
    ]),
  });
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(2, { settle: -1 }) });
  expect(book.claims()[0]?.outcome).toMatchObject({
    kind: 'refused',
    problems: expect.arrayContaining([expect.objectContaining({ file: 'KubervisorService shop/p' })]),
  });
});

const named = (name: string, generation = 1): [string, PolicyObject] => [
  `shop/${name}`,
  keepPolicy({ metadata: { name, namespace: 'shop', uid: name, resourceVersion: '7', generation }, spec }),
];

/** Every policy that was read, by name, and the turns of the event loop in between. */
function book(): { readonly diary: string[]; readonly book: PolicyBook } {
  const diary: string[] = [];
  const parser = createPolicyParser();
  const opened = createPolicyBook({
    ...parser,
    parseObject: (object) => {
      diary.push(String((object as PolicyObject['object'] & { metadata: { name: string } }).metadata.name));
      return parser.parseObject(object);
    },
  });
  return { diary, book: opened };
}

describe('at a start', () => {
  it('the loop has a turn after each policy; what is edited, made or deleted meanwhile is as it is in the end', async () => {
    const { diary, book: opening } = book();
    const listed = new Map([named('a'), named('b'), named('c'), named('d')]);
    opening.follow({ kind: 'listed', items: listed, gone: new Map() });
    expect(diary).toEqual([]);
    void setImmediate().then(() => diary.push('a turn'));
    const opened = opening.open(never);
    expect(diary).toEqual(['a']);
    for (const [key, object] of [named('a', 2), named('c', 2), named('e')]) {
      opening.follow({ kind: 'changed', key, object });
    }
    opening.follow({ kind: 'gone', key: 'shop/b', before: named('b')[1] });
    await opened;
    expect(diary).toEqual(['a', 'a turn', 'c', 'd', 'a', 'e']);
    const editions = opening.claims().map(({ name, generation }) => `${name}${generation}`);
    expect(new Set(editions)).toEqual(new Set(['a2', 'c2', 'd1', 'e1']));
    opening.follow({ kind: 'changed', key: 'shop/d', object: named('d', 2)[1] });
    expect(diary.at(-1)).toBe('d');
  });

  it('whoever stops does not wait until all is read', async () => {
    const { diary, book: opening } = book();
    opening.follow({ kind: 'listed', items: new Map([named('a'), named('b')]), gone: new Map() });
    await opening.open(AbortSignal.abort());
    expect(diary).toEqual(['a']);
  });
});

describe('a list of many, after the start', () => {
  const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
  const many = new Map(names.map((name) => named(name)));

  async function opened() {
    const { diary, book: policies } = book();
    policies.follow({ kind: 'listed', items: new Map([named('old'), named('kept')]), gone: new Map() });
    await policies.open(never);
    policies.hasChanged();
    diary.length = 0;
    return { diary, policies };
  }

  const known = (policies: PolicyBook): readonly string[] =>
    policies.claims().map(({ name, generation }) => `${name} ${generation}`);

  it('the loop has a turn after each policy, in the order of the list', async () => {
    const { diary, policies } = await opened();
    void setImmediate().then(() => diary.push('a turn'));
    policies.follow({ kind: 'listed', items: new Map([...many, named('kept')]), gone: new Map() });
    const reading = policies.reading();
    expect(diary).toEqual(['p0']);
    await reading;
    expect(diary).toEqual(['p0', 'a turn', ...names.slice(1)]);
  });

  it('comes into force as a whole, with what was told meanwhile', async () => {
    const { policies } = await opened();
    const [oldKey, old] = named('old');
    const items = new Map([...many, named('kept')]);
    policies.follow({ kind: 'listed', items, gone: new Map([[oldKey, old]]) });
    const reading = policies.reading();
    const [editedKey, edited] = named('p0', 2);
    policies.follow({ kind: 'changed', key: editedKey, object: edited });
    policies.follow({ kind: 'gone', key: 'shop/p1', before: named('p1')[1] });
    while ((await Promise.race([reading, setImmediate('another turn')])) === 'another turn') {
      if (policies.hasChanged()) break;
      // Without the old one, and not yet with the one that takes its place, its Service would have no policy.
      expect(known(policies)).toEqual(['old 1', 'kept 1']);
      expect(policies.editions()).toEqual(new Set(['old 1', 'kept 1']));
      expect(policies.uidOf(oldKey)).toBe('old');
    }
    await reading;
    expect(new Set(known(policies))).toEqual(new Set(['kept 1', 'p0 2', ...names.slice(2).map((name) => `${name} 1`)]));
  });

  it('another one that comes meanwhile, as of another namespace, has its turns as well', async () => {
    const { diary, policies } = await opened();
    policies.follow({ kind: 'listed', items: many, gone: new Map() });
    const reading = policies.reading();
    const others = names.map((name) => `other-${name}`);
    policies.follow({ kind: 'listed', items: new Map(others.map((name) => named(name))), gone: new Map() });
    let longest = 0;
    let isDone = false;
    void reading?.then(() => {
      isDone = true;
    });
    while (!isDone) {
      const before = diary.length;
      await setImmediate();
      longest = Math.max(longest, diary.length - before);
    }
    expect(longest).toBe(1);
    expect(diary).toEqual([...names, ...others]);
  });

  it('of which few are new is read at once', async () => {
    const { diary, policies } = await opened();
    policies.follow({ kind: 'listed', items: many, gone: new Map() });
    await policies.reading();
    diary.length = 0;
    const items = new Map([...many, named('p3', 2), named('new')]);
    policies.follow({ kind: 'listed', items, gone: new Map() });
    expect(policies.reading()).toBeUndefined();
    expect(diary).toEqual(['p3', 'new']);
  });

  it('one that cannot be read for a fault of ours is told, and keeps nothing else from being read later', async () => {
    const parser = createPolicyParser();
    let isBroken = false;
    const policies = createPolicyBook({
      ...parser,
      parseObject(object) {
        if (isBroken) throw new Error('boom');
        return parser.parseObject(object);
      },
    });
    await policies.open(never);
    isBroken = true;
    policies.follow({ kind: 'listed', items: many, gone: new Map() });
    await expect(policies.reading()).rejects.toThrow('boom');
    expect(policies.reading()).toBeUndefined();
    isBroken = false;
    policies.follow({ kind: 'listed', items: many, gone: new Map() });
    await policies.reading();
    expect(known(policies)).toHaveLength(40);
  });
});
