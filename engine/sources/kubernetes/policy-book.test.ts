import { expect, it } from 'vitest';
import { createPolicyParser } from '../../policy/parse.ts';
import { createPolicyBook, keepPolicy, type PolicyObject } from './policy-book.ts';

const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };

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

it('reads a policy once a generation', () => {
  let parsed = 0;
  const parser = createPolicyParser();
  const book = createPolicyBook({
    ...parser,
    parseObject: (object) => {
      parsed += 1;
      return parser.parseObject(object);
    },
  });
  book.follow({ kind: 'listed', items: new Map([['shop/p', policy(1)]]), gone: new Map() });
  expect([book.hasChanged(), book.hasChanged()]).toEqual([true, false]);
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(1) });
  expect([parsed, book.hasChanged()]).toEqual([1, false]);
  book.follow({ kind: 'changed', key: 'shop/p', object: policy(2) });
  expect([parsed, book.hasChanged()]).toEqual([2, true]);
  book.follow({ kind: 'gone', key: 'shop/p', before: policy(2) });
  expect([book.claims(), book.hasChanged()]).toEqual([[], true]);
});

it('names the object where a file would have a line, and lets fields of a newer version pass', () => {
  const book = createPolicyBook(createPolicyParser({ unknownFields: 'warning' }));
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
