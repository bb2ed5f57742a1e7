/** R17: nothing of a policy can name an address, a file or a Secret. */
import { expect, it } from 'vitest';
import { createPolicyParser } from './parse.ts';
import { specSchema } from './schema.ts';
import type { SchemaNode } from './schema/vocabulary.ts';

/** Texts, and what `x-kubernetes-int-or-string` lets be one; where they are, as in `breakers[].threshold.query`. */
function textsOf(node: SchemaNode, path: string): readonly (readonly [path: string, node: SchemaNode])[] {
  const own = node.type === 'string' || node['x-kubernetes-int-or-string'] === true;
  return [
    ...(own && node.enum === undefined ? [[path, node] as const] : []),
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => textsOf(child, `${path}.${name}`)),
    ...(node.items === undefined ? [] : textsOf(node.items, `${path}[]`)),
  ];
}

const strange = [
  'http://169.254.169.254/',
  'https://vault.bank/',
  '10.0.0.1',
  '10.0.0.1:443',
  '/etc/shadow',
  '../token',
];

/** These go to the source that the serving config names, or are compared with what it answers. */
const free = /\.(query|longQuery|bad|total|goodValues\[\]|badValues\[\])$/;

it('no text of a policy but a query, and values to compare with, can be a URL, an address or a path', () => {
  const texts = textsOf(specSchema, 'spec');
  expect(texts.length).toBeGreaterThan(30);
  const open = texts.filter(([, { pattern }]) => strange.some((text) => new RegExp(pattern ?? '').test(text)));
  // The key of a label, which may look like an address and is only ever looked up among labels.
  expect(open.map(([path]) => path).filter((path) => !free.test(path))).toEqual([
    'spec.breaker.groupBy[]',
    'spec.breakers[].groupBy[]',
  ]);
});

it.each(['url', 'address', 'secretRef', 'headers', 'auth', 'tlsConfig', 'prometheus'])(
  'a breaker has no field %s',
  (field) => {
    const breaker = { name: 'a', threshold: { query: 'x', operator: '>', value: 1 }, [field]: 'x' };
    const outcome = createPolicyParser().parseObject({
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { service: 'pricer', breakers: [breaker] },
    });
    expect(outcome).toMatchObject({ kind: 'refused', problems: [{ code: 'KV0103' }] });
  },
);
