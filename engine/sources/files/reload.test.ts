import { describe, expect, test } from 'vitest';
import type { EpochMs, Fleet } from '../../model.ts';
import { serviceKey } from '../../model.ts';
import { createPolicyParser } from '../../policy/parse.ts';
import type { SourceChange } from '../source.ts';
import { isComplete } from './inventory.ts';
import { parseFile } from './parse-file.ts';
import type { DirectoryReading } from './read.ts';
import type { FilesState } from './reload.ts';
import { confirmAtMs, problemsOf, reload } from './reload.ts';

const policies = createPolicyParser();
const startMs = 1_000_000;
const confirmAfterMs = 1000;
const shop = serviceKey('shop', 'pricer');

const service = `
apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec: {selector: {app: pricer}, ports: [{name: http, port: 80}]}
`;

function slice(pods: readonly (number | string)[], name = 'pricer-a'): string {
  const endpoints = pods.map((pod) =>
    typeof pod === 'string' ? pod : `{addresses: [10.0.0.${pod}], targetRef: {kind: Pod, name: pod-${pod}}}`,
  );
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: pricer}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [${endpoints.join(', ')}]
`;
}

function policy(name: string, spec = 'service: pricer', value = 3): string {
  return `
apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: ${name}, namespace: shop}
spec:
  ${spec}
  breakers:
  - name: price
    threshold: {query: 'rate(price[5s])', operator: '>', value: ${value}}
`;
}

function join(...documents: readonly string[]): string {
  return documents.join('---');
}

/** A directory in the mind: `at` says what it holds at a time, and answers with what the reload made of it. */
function directory() {
  let state: FilesState | undefined;
  const read = (ms: number, reading: DirectoryReading): readonly SourceChange[] => {
    const options = {
      directory: 'config',
      now: startMs + ms,
      confirmAfterMs,
      parse: (file: string, text: string) => parseFile(file, text, policies),
    };
    const step = reload(state, reading, options);
    state = step.state;
    return step.changes;
  };
  const current = (): FilesState => {
    if (state === undefined) throw new Error('nothing has been read yet');
    return state;
  };
  return {
    at(ms: number, files: Readonly<Record<string, string>>): readonly SourceChange[] {
      const readings = Object.entries(files).map(([name, text]) => [name, { kind: 'text', text }] as const);
      return read(ms, { kind: 'files', files: new Map(readings) });
    },
    unreadableAt(ms: number): readonly SourceChange[] {
      return read(ms, {
        kind: 'unreadable',
        problem: { code: 'KV0201', severity: 'error', message: 'the input directory cannot be read' },
      });
    },
    codes: () => problemsOf(current()).map(({ code }) => code),
    problems: () => problemsOf(current()),
    names: () => namesOf(current().fleets.fleets.get(shop)),
    fleet: () => current().fleets.fleets.get(shop),
    confirmAtMs: (): EpochMs | undefined => confirmAtMs(current(), confirmAfterMs),
    isComplete: () => isComplete(current().inventory),
  };
}

function namesOf(fleet: Fleet | undefined): readonly string[] | undefined {
  return fleet?.backends.map(({ name }) => name);
}

function kinds(changes: readonly SourceChange[]): readonly string[] {
  return changes.map(({ kind }) => kind);
}

const four = [1, 2, 3, 4];
const fourNames = ['pod-1', 'pod-2', 'pod-3', 'pod-4'];
const complete = { 'pricer.yaml': join(service, slice(four)), 'policy.yaml': policy('p') };

describe('a batch', () => {
  test('is everything at first, fleets before policies, and all backends are old', () => {
    const files = directory();
    expect(kinds(files.at(0, complete))).toEqual(['fleet', 'policy']);
    expect(files.fleet()?.backends.every((backend) => backend.readySinceMs === undefined)).toBe(true);
    expect(files.codes()).toEqual([]);
  });

  test('afterwards is only what changed in meaning', () => {
    const files = directory();
    files.at(0, complete);
    expect(files.at(10, complete)).toEqual([]);
    expect(files.at(20, { ...complete, 'pricer.yaml': join(slice(four), '# sorted anew', service) })).toEqual([]);
    expect(kinds(files.at(30, { ...complete, 'policy.yaml': policy('p', 'service: pricer', 4) }))).toEqual(['policy']);
    expect(kinds(files.at(40, { ...complete, 'pricer.yaml': join(service, slice([1, 2, 3, 4, 5])) }))).toEqual([
      'fleet',
      'policy',
    ]);
  });

  test('dates backends that come or become ready later', () => {
    const files = directory();
    const unready = '{addresses: [10.0.0.9], conditions: {ready: false}}';
    files.at(0, { 'a.yaml': join(service, slice([1, unready])) });
    files.at(50, { 'a.yaml': join(service, slice([1, 2, unready.replace('false', 'true')])) });
    expect(files.fleet()?.backends.map(({ name, readySinceMs }) => [name, readySinceMs])).toEqual([
      ['10.0.0.9:8080', startMs + 50],
      ['pod-1', undefined],
      ['pod-2', startMs + 50],
    ]);
  });

  test('takes labels and age from Pods in any file', () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: pod-1, namespace: shop, uid: u1, labels: {v: "2"}}\n';
    const files = directory();
    files.at(0, { 'a.yaml': join(service, slice([1])), 'pods.yaml': pod });
    expect(files.fleet()?.backends).toMatchObject([{ id: 'u1', podUid: 'u1', labels: { v: '2' } }]);
  });
});

describe('a broken file', () => {
  test('keeps its last good content, is reported with its place, and is cleared when mended', () => {
    const files = directory();
    files.at(0, complete);
    expect(files.at(10, { ...complete, 'pricer.yaml': join(service, 'endpoints: [') })).toEqual([]);
    expect(files.names()).toEqual(fourNames);
    expect(files.problems()).toMatchObject([
      { code: 'KV0204', file: 'pricer.yaml', line: expect.any(Number), column: expect.any(Number) },
    ]);
    expect(files.problems()[0]?.message).toContain('its last good content stays in force');
    expect(kinds(files.at(20, { ...complete, 'pricer.yaml': join(service, slice([1, 2, 3, 4, 5])) }))).toEqual([
      'fleet',
    ]);
    expect(files.codes()).toEqual([]);
  });

  test('is not confirmed away, however long it stays broken', () => {
    const files = directory();
    files.at(0, complete);
    for (const ms of [10, 5_000, 100_000]) expect(files.at(ms, { ...complete, 'pricer.yaml': '' })).toEqual([]);
    expect(files.confirmAtMs()).toBeUndefined();
    expect(files.names()).toEqual(fourNames);
  });

  test('at the first load is missing and the rest loads; the input is not complete until it is mended', () => {
    const files = directory();
    const other = policy('p');
    expect(
      kinds(files.at(0, { 'pricer.yaml': join(service, slice(four)), 'policy.yaml': `${other}  oops: [` })),
    ).toEqual(['fleet']);
    expect(files.problems()[0]?.message).toContain('nothing of it is in force');
    expect(files.isComplete()).toBe(false);
    expect(kinds(files.at(10, complete))).toEqual(['policy']);
    expect(files.isComplete()).toBe(true);
  });

  test('other files go on changing', () => {
    const files = directory();
    files.at(0, complete);
    const changes = files.at(10, { 'policy.yaml': '{', 'pricer.yaml': join(service, slice([1, 2, 3, 4, 5])) });
    expect(kinds(changes)).toEqual(['fleet']);
  });
});

describe('a file that is missing', () => {
  const { 'pricer.yaml': pricer, 'policy.yaml': rules } = complete;

  test('for a moment changes nothing', () => {
    const files = directory();
    files.at(0, complete);
    expect(files.at(10, { 'policy.yaml': rules })).toEqual([]);
    expect(files.codes()).toEqual(['KV0213']);
    expect(files.at(900, complete)).toEqual([]);
    expect(files.codes()).toEqual([]);
    expect(files.at(1900, { 'policy.yaml': rules })).toEqual([]);
  });

  test('is gone once a later reading confirms it, with all it held, at once', () => {
    const files = directory();
    files.at(0, complete);
    files.at(10, { 'policy.yaml': rules });
    expect(files.confirmAtMs()).toBe(startMs + 10 + confirmAfterMs);
    expect(files.at(1009, { 'policy.yaml': rules })).toEqual([]);
    expect(files.at(1010, { 'policy.yaml': rules })).toEqual([{ kind: 'fleet-gone', service: shop }]);
    expect(files.codes()).toEqual(['KV0216']);
    expect(files.confirmAtMs()).toBeUndefined();
  });

  test('with endpoints of a Service in another file needs no second confirmation', () => {
    const files = directory();
    const split = { 'service.yaml': service, 'slices.yaml': slice(four) };
    files.at(0, split);
    files.at(10, { 'service.yaml': service });
    const changes = files.at(1010, { 'service.yaml': service });
    expect(changes).toMatchObject([{ kind: 'fleet', fleet: { backends: [] } }]);
    expect(files.confirmAtMs()).toBeUndefined();
  });

  test('and comes back broken still counts', () => {
    const files = directory();
    files.at(0, complete);
    files.at(10, { 'policy.yaml': rules });
    for (const ms of [500, 5_000]) expect(files.at(ms, { ...complete, 'pricer.yaml': 'kind: [' })).toEqual([]);
    expect(files.names()).toEqual(fourNames);
  });

  test('because it was renamed changes nothing, and is no duplicate', () => {
    const files = directory();
    files.at(0, complete);
    const renamed = { 'policy.yaml': rules, 'renamed.yaml': pricer };
    for (const ms of [10, 1010]) {
      expect(files.at(ms, renamed)).toEqual([]);
      expect(files.codes()).not.toContain('KV0208');
    }
    expect(files.codes()).toEqual([]);
  });

  test('together with all others is an unmounted volume, not a wish', () => {
    const files = directory();
    files.at(0, complete);
    for (const ms of [10, 5_000, 100_000]) {
      expect(files.at(ms, {})).toEqual([]);
      expect(files.codes()).toContain('KV0214');
    }
    expect(files.at(100_010, complete)).toEqual([]);
    expect(files.codes()).toEqual([]);
  });

  test('while the directory comes back file by file is confirmed anew', () => {
    const files = directory();
    files.at(0, complete);
    files.at(10, { 'policy.yaml': rules });
    files.unreadableAt(500);
    files.unreadableAt(9_000);
    expect(files.codes()).toContain('KV0201');
    expect(files.at(9_010, { 'policy.yaml': rules })).toEqual([]);
    expect(files.at(9_020, complete)).toEqual([]);
    expect(files.codes()).toEqual([]);
  });
});

describe('an object that is missing from a file that is there', () => {
  test('counts until confirmed: the file may have been cut between two documents', () => {
    const files = directory();
    const one = { 'all.yaml': join(service, slice(four), policy('p')) };
    files.at(0, one);
    expect(files.at(10, { 'all.yaml': join(service, slice(four)) })).toEqual([]);
    expect(files.codes()).toEqual(['KV0213']);
    expect(files.at(20, one)).toEqual([]);
    files.at(30, { 'all.yaml': join(service, slice(four)) });
    expect(files.at(1030, { 'all.yaml': join(service, slice(four)) })).toEqual([
      { kind: 'policy-gone', service: shop },
    ]);
  });

  test('a Service leaves with its policy in one batch, the policy first', () => {
    const files = directory();
    const one = {
      'all.yaml': join(service, slice(four), policy('p')),
      'b.yaml': '{apiVersion: v1, kind: List, items: []}',
    };
    files.at(0, one);
    const nothing = { ...one, 'all.yaml': one['b.yaml'] };
    expect(files.at(10, nothing)).toEqual([]);
    expect(files.names()).toEqual(fourNames);
    expect(kinds(files.at(1010, nothing))).toEqual(['policy-gone', 'fleet-gone']);
  });
});

describe('endpoints that vanish in bulk', () => {
  const listed = (pods: readonly (number | string)[]) => ({ 'a.yaml': join(service, slice(pods)) });
  const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  test('are kept until an unchanged reading a second later', () => {
    const files = directory();
    files.at(0, listed(ten));
    expect(files.at(10, listed([1, 2, 3]))).toEqual([]);
    expect(files.codes()).toEqual(['KV0212']);
    expect(files.problems()[0]?.message).toContain('7 of 10 backends of shop/pricer');
    expect(files.confirmAtMs()).toBe(startMs + 1010);
    expect(files.at(1009, listed([1, 2, 3]))).toEqual([]);
    expect(kinds(files.at(1010, listed([1, 2, 3])))).toEqual(['fleet']);
    expect(files.names()).toEqual(['pod-1', 'pod-2', 'pod-3']);
    expect(files.codes()).toEqual([]);
  });

  test('and return are in force as if nothing had been', () => {
    const files = directory();
    files.at(0, listed(ten));
    files.at(10, listed([1, 2, 3]));
    expect(files.at(900, listed(ten))).toEqual([]);
    expect(files.at(901, listed([1, 2, 3]))).toEqual([]);
    expect(files.at(1500, listed([1, 2, 3]))).toEqual([]);
    expect(files.codes()).toEqual(['KV0212']);
  });

  test('are not given up because the file broke, or the directory went away, after that', () => {
    const broken = directory();
    broken.at(0, listed(ten));
    broken.at(10, listed([1, 2, 3]));
    for (const ms of [500, 5_000]) expect(broken.at(ms, { 'a.yaml': '' })).toEqual([]);
    expect(broken.at(5_010, listed([1, 2, 3]))).toEqual([]);
    expect(broken.names()).toHaveLength(10);

    const away = directory();
    away.at(0, listed(ten));
    away.at(10, listed([1, 2, 3]));
    away.unreadableAt(500);
    expect(away.at(1_200, listed([1, 2, 3]))).toEqual([]);
    expect(away.at(1_500, listed([1, 2, 3]))).toMatchObject([{ kind: 'fleet' }]);
  });

  test('few at a time leave at once', () => {
    const files = directory();
    files.at(0, listed(ten));
    expect(kinds(files.at(10, listed(ten.slice(3))))).toEqual(['fleet']);
    expect(files.confirmAtMs()).toBeUndefined();
  });

  test('an explicitly empty slice is honoured after confirmation: the Service is known to be empty', () => {
    const files = directory();
    files.at(0, listed([1, 2]));
    expect(files.at(10, listed([]))).toEqual([]);
    expect(files.at(1010, listed([]))).toMatchObject([{ kind: 'fleet', fleet: { backends: [] } }]);
  });

  test('a slice may vanish from its file when its endpoints are in another one', () => {
    const files = directory();
    files.at(0, { 'a.yaml': join(service, slice([1, 2, 3], 'x'), slice([4, 5, 6], 'y')) });
    expect(files.at(10, { 'a.yaml': join(service, slice([1, 2, 3, 4, 5, 6], 'x')) })).toEqual([]);
    expect(files.codes()).toEqual([]);
  });

  test('pods that were replaced, are terminating, or whose address another pod has are never kept', () => {
    const pods = (uid: string, extra = ''): string =>
      join(
        ...four.map(
          (n) => `\napiVersion: v1\nkind: Pod\nmetadata: {name: pod-${n}, namespace: shop, uid: ${uid}${n}}\n${extra}`,
        ),
      );
    const replaced = directory();
    replaced.at(0, { ...listed([...four, 5]), 'pods.yaml': pods('old') });
    expect(kinds(replaced.at(10, { ...listed([5]), 'pods.yaml': pods('new') }))).toEqual(['fleet']);
    expect(replaced.names()).toEqual(['pod-5']);

    const over = directory();
    over.at(0, { ...listed([...four, 5]), 'pods.yaml': pods('old') });
    expect(kinds(over.at(10, { ...listed([5]), 'pods.yaml': pods('old', 'status: {phase: Failed}\n') }))).toEqual([
      'fleet',
    ]);
    expect(over.names()).toEqual(['pod-5']);

    const readdressed = directory();
    readdressed.at(0, listed([...four, 5]));
    const successors = four.map((n) => `{addresses: [10.0.0.${n}], targetRef: {kind: Pod, name: new-${n}}}`);
    readdressed.at(10, listed([...successors, 5]));
    expect(readdressed.names()).toEqual(['new-1', 'new-2', 'new-3', 'new-4', 'pod-5']);

    const leaving = directory();
    leaving.at(0, listed(four));
    const terminating = four.map(
      (n) => `{addresses: [10.0.0.${n}], targetRef: {kind: Pod, name: pod-${n}}, conditions: {terminating: true}}`,
    );
    leaving.at(10, listed(terminating));
    expect(kinds(leaving.at(20, listed([])))).toEqual(['fleet']);
  });
});

test('a file cut off anywhere, for less than a second, darkens nothing and ends nothing', () => {
  const endpoints = Array.from({ length: 10 }, (_, n) => [
    `- addresses: ["10.0.0.${n}"]`,
    `  targetRef: {kind: Pod, name: pod-${n}}`,
  ]).flat();
  const listed = slice([]).replace('endpoints: []', `endpoints:\n${endpoints.join('\n')}`);
  const whole = join(policy('p'), service, listed);
  const lineEnds = [...whole.matchAll(/\n/g)].map(({ index }) => index);
  const files = directory();
  files.at(0, { 'all.yaml': whole });
  const addresses = (): unknown => files.fleet()?.backends.map((backend) => backend.endpoints);
  const before = addresses();
  for (const [round, length] of lineEnds.flatMap((end) => [end - 4, end, end + 1]).entries()) {
    const atMs = (round + 1) * 10_000;
    const cut = { 'all.yaml': whole.slice(0, length) };
    const changes = kinds([...files.at(atMs, cut), ...files.at(atMs + 900, cut)]);
    expect(changes).not.toContain('policy-gone');
    expect(changes).not.toContain('fleet-gone');
    expect(files.fleet()?.backends.length).toBeGreaterThanOrEqual(7);
    files.at(atMs + 901, { 'all.yaml': whole });
    expect(addresses()).toEqual(before);
    // A policy whose name was cut looks like another policy, and like one that is missing for a second.
    files.at(atMs + 1901, { 'all.yaml': whole });
    expect(files.codes()).toEqual([]);
  }
});

describe('policies', () => {
  const fleet = { 'a.yaml': join(service, slice(four)) };

  test('of two for one Service the first by name is in force and the other is reported', () => {
    const files = directory();
    const changes = files.at(0, { ...fleet, 'x.yaml': join(policy('b'), policy('a')) });
    expect(changes).toMatchObject([{ kind: 'fleet' }, { kind: 'policy', policy: { name: 'a' } }]);
    expect(files.problems()).toMatchObject([{ code: 'KV0113', file: 'x.yaml', line: 6 }]);
  });

  test('one that becomes invalid freezes its Service, even if its Service cannot be read any more', () => {
    for (const broken of ['service: pricer\n  settle: soon', 'service: {}', 'service: pri\n  settle: so']) {
      const files = directory();
      files.at(0, { ...fleet, 'p.yaml': policy('p') });
      expect(files.at(10, { ...fleet, 'p.yaml': policy('p', broken) })).toMatchObject([
        { kind: 'policy-invalid', service: shop, problems: [{ file: 'p.yaml', line: expect.any(Number) }] },
      ]);
      expect(kinds(files.at(20, { ...fleet, 'p.yaml': policy('p') }))).toEqual(['policy']);
    }
  });

  test('one that becomes invalid hands nothing over to another that stands by', () => {
    const files = directory();
    files.at(0, { ...fleet, 'p.yaml': join(policy('a'), policy('b')) });
    const changes = files.at(10, { ...fleet, 'p.yaml': join(policy('a', 'service: pricer\n  oops: 1'), policy('b')) });
    expect(kinds(changes)).toEqual(['policy-invalid']);
  });

  test('one that is invalid from the start is said to be, for its Service', () => {
    const files = directory();
    const changes = files.at(0, { ...fleet, 'p.yaml': policy('p', 'service: pricer\n  oops: 1') });
    expect(kinds(changes)).toEqual(['fleet', 'policy-invalid']);
    expect(files.isComplete()).toBe(true);
  });

  test('one for a Service that is in no file is reported', () => {
    const files = directory();
    files.at(0, { ...fleet, 'p.yaml': policy('p', 'service: pricr') });
    expect(files.problems()).toMatchObject([{ code: 'KV0216', line: 6, column: 12, field: 'spec.service' }]);
  });
});

describe('what is reported', () => {
  test('the same object twice: the first file by name wins', () => {
    const files = directory();
    files.at(0, { 'a.yaml': join(service, slice(four)), 'b.yaml': slice([9]) });
    expect(files.names()).toEqual(fourNames);
    expect(files.problems()).toMatchObject([{ code: 'KV0208', file: 'b.yaml', line: 2 }]);
    expect(files.problems()[0]?.message).toContain('already in a.yaml:');
  });

  test('slices that belong to nothing', () => {
    const files = directory();
    files.at(0, { 'a.yaml': join(slice([1]), slice([2], 'x').replace('labels', 'annotations')) });
    expect(files.codes()).toEqual(['KV0209', 'KV0209']);
  });

  test('a slice whose ports are not those of the Service, at its place', () => {
    const files = directory();
    files.at(0, { 'a.yaml': service, 'b.yaml': slice(four).replace('name: http', 'name: web') });
    expect(files.problems()).toMatchObject([{ code: 'KV0211', file: 'b.yaml', line: 2 }]);
  });
});
