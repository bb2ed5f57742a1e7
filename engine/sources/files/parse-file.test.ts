import { describe, expect, test } from 'vitest';
import { createPolicyParser } from '../../policy/parse.ts';
import type { Problem } from '../../problem.ts';
import { formatProblem } from '../../problem.ts';
import type { FileObject } from './parse-file.ts';
import { parseFile } from './parse-file.ts';

const policies = createPolicyParser();

function objectsOf(text: string): readonly FileObject[] {
  const parsed = parseFile('a.yaml', text, policies);
  expect(parsed.kind === 'broken' ? parsed.problems : []).toEqual([]);
  return parsed.kind === 'good' ? parsed.objects : [];
}

function problemsOf(text: string): readonly Problem[] {
  const parsed = parseFile('a.yaml', text, policies);
  return parsed.kind === 'broken' ? parsed.problems : [];
}

const service = `apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec:
  ports: [{name: http, port: 80}]
`;

const policy = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: p}
spec:
  service: pricer
  breakers:
  - name: price
    threshold: {query: price, operator: '>', value: 3}
`;

describe('what is read', () => {
  test('several documents, empty ones between them, each with its place', () => {
    const objects = objectsOf(`# all of it\n---\n${service}---\n---\n${policy}`);
    expect(objects).toMatchObject([
      { kind: 'Service', namespace: 'shop', name: 'pricer', service: 'shop/pricer', place: { line: 3, column: 1 } },
      { kind: 'KubervisorService', namespace: 'default', name: 'p', outcome: { kind: 'accepted' } },
    ]);
  });

  test('a List as kubectl writes it, nulls included', () => {
    const objects = objectsOf(`
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  addressType: IPv4
  metadata: {name: pricer-x, labels: {kubernetes.io/service-name: pricer}, ownerReferences: null}
  endpoints: null
  ports: null
- apiVersion: v1
  kind: Pod
  metadata: {name: pod-1}
`);
    expect(objects).toMatchObject([
      { kind: 'EndpointSlice', namespace: 'default', service: 'default/pricer' },
      { kind: 'Pod', name: 'pod-1', place: { line: 12, column: 3 } },
    ]);
  });

  test('an empty List is an answer: there is nothing', () => {
    expect(objectsOf('{apiVersion: v1, kind: List, items: []}')).toEqual([]);
  });

  test('JSON, with tabs', () => {
    expect(objectsOf('{\n\t"apiVersion": "v1",\n\t"kind": "Pod",\n\t"metadata": {"name": "a"}\n}')).toHaveLength(1);
  });

  test('anchors and merge keys', () => {
    const [object] = objectsOf(`x: &meta {namespace: shop}
apiVersion: v1
kind: Pod
metadata: {<<: *meta, name: a}`);
    expect(object).toMatchObject({ namespace: 'shop', name: 'a' });
  });

  test('other kinds are ignored with a warning', () => {
    const parsed = parseFile('a.yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}', policies);
    expect(parsed).toMatchObject({ kind: 'good', objects: [], warnings: [{ code: 'KV0206', severity: 'warning' }] });
  });

  test('a refused policy breaks nothing but itself', () => {
    const objects = objectsOf(`${service}---\n${policy.replace('threshold', 'treshold')}`);
    expect(objects).toMatchObject([
      { kind: 'Service' },
      { kind: 'KubervisorService', name: 'p', outcome: { kind: 'refused', service: 'default/pricer' } },
    ]);
  });

  test('a policy that hides in a List has its place in the file', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${policy.replaceAll('\n', '\n  ').replace("'>'", "'~'")}`;
    const [object] = objectsOf(list);
    expect(object).toMatchObject({ outcome: { problems: [{ file: 'a.yaml', line: 11 }] } });
  });
});

describe('what breaks a file', () => {
  test.each([
    ['syntax', 'a: [1, 2\nb: 3', 'KV0204'],
    ['an alias to nothing', 'apiVersion: v1\nkind: Pod\nmetadata: *nobody', 'KV0204'],
    ['one broken document among good ones', `${service}---\nkind: [`, 'KV0204'],
    ['the same key twice', 'kind: Pod\nkind: Service', 'KV0204'],
    ['nothing at all', '', 'KV0205'],
    ['nothing but a comment', '# to do\n---\n', 'KV0205'],
    ['text that is no object', 'hello', 'KV0207'],
    ['no kind', 'apiVersion: v1', 'KV0207'],
    ['a List that ends before its items', 'apiVersion: v1\nkind: List\nitems:', 'KV0207'],
  ])('%s', (_, text, code) => {
    expect(problemsOf(text)).toMatchObject([{ code, severity: 'error', file: 'a.yaml' }]);
  });

  test('aliases that unfold without end, and nesting without end', () => {
    const bomb = ['a: &a0 [x]', ...Array.from({ length: 9 }, (_, i) => `a${i}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)];
    expect(problemsOf(bomb.join('\n'))).toMatchObject([{ code: 'KV0204' }]);
    expect(problemsOf('['.repeat(20_000))).toMatchObject([{ code: 'KV0204' }]);
  });

  test('structure, said with line, column and field', () => {
    expect(problemsOf(service.replace('80', '80000')).map(formatProblem)).toEqual([
      'a.yaml:5:30: error KV0207 spec.ports[0].port: malformed Service: must be <= 65535',
    ]);
    expect(problemsOf(service.replace('name: pricer, ', ''))).toMatchObject([
      { code: 'KV0207', line: 3, field: 'metadata', message: expect.stringContaining('required') },
    ]);
  });

  test('names that would forge keys', () => {
    expect(problemsOf(service.replace('namespace: shop', 'namespace: a/b'))).toMatchObject([{ code: 'KV0207' }]);
  });

  test('an address that is none, which Envoy would refuse the whole assignment for', () => {
    const slice = (type: string, address: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s}
addressType: ${type}
endpoints:
- addresses: ["${address}"]
`;
    for (const [type, address] of [
      ['IPv4', '10.0.0.256'],
      ['IPv4', '::1'],
      ['IPv6', '10.0.0.1'],
      ['IPv6', 'fe80::1%eth0'],
    ] as const) {
      expect(problemsOf(slice(type, address))).toMatchObject([
        { code: 'KV0207', line: 6, column: 15, field: 'endpoints[0].addresses[0]' },
      ]);
    }
    expect(objectsOf(slice('IPv6', '2001:db8::1'))).toHaveLength(1);
    expect(objectsOf(slice('FQDN', 'db.example.com'))).toHaveLength(1);
  });
});
