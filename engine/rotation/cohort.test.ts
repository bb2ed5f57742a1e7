import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backendOf } from '../../test/support/world.ts';
import { type Backend, type BackendId, backendId } from '../model.ts';
import { type Cohort, cohortOf, describeCohort, versionOf } from './cohort.ts';

/** Backends p1, p2, ... in these zones, nodes and versions; `-` is one that is not known. */
function fleet(...places: readonly string[]): readonly Backend[] {
  return places.map((place, index) => {
    const [version = '-', zone = '-', node = '-'] = place.split('/');
    return backendOf(`p${index + 1}`, {
      ...(version === '-' ? {} : { labels: { 'pod-template-hash': version } }),
      ...(zone === '-' ? {} : { zone }),
      ...(node === '-' ? {} : { node }),
    });
  });
}

const many = (count: number, place: string): readonly string[] => Array.from({ length: count }, () => place);
const flag = (...numbers: readonly number[]): ReadonlySet<BackendId> =>
  new Set(numbers.map((number) => backendId(`p${number}`)));
const found = (backends: readonly Backend[], flagged: ReadonlySet<BackendId>): string | undefined => {
  const cohort = cohortOf(backends, flagged);
  return cohort && describeCohort(cohort);
};

describe('a cohort is bad', () => {
  const canary = fleet(...many(3, 'v2'), ...many(7, 'v1'));

  it.each([
    ['all of it', flag(1, 2, 3), 'version v2: 3 of 3 flagged'],
    ['half of it and more', flag(1, 2), 'version v2: 2 of 3 flagged'],
    ['one of it', flag(1), undefined],
    ['one of it, and one of the rest', flag(1, 4), undefined],
    ['all of it, and one of the rest: three of four are not 80 %', flag(1, 2, 3, 4), undefined],
    ['all of the rest', flag(4, 5, 6, 7, 8, 9, 10), 'version v1: 7 of 7 flagged'],
    ['few of the rest', flag(4, 5, 6), undefined],
    ['nobody', flag(), undefined],
    ['two who have left', flag(1, 11, 12), undefined],
  ])('%s', (_, flagged, cohort) => {
    expect(found(canary, flagged)).toBe(cohort);
  });
  it('at exactly 80 % and at exactly half', () => {
    expect(found(fleet(...many(8, 'v2'), ...many(8, 'v1')), flag(1, 2, 3, 4, 9))).toBe('version v2: 4 of 8 flagged');
    expect(found(fleet(...many(9, 'v2'), ...many(8, 'v1')), flag(1, 2, 3, 4, 10))).toBeUndefined();
  });
  it('when it is three or more, and not the whole fleet', () => {
    expect(found(fleet(...many(2, 'v2'), ...many(8, 'v1')), flag(1, 2))).toBeUndefined();
    expect(found(fleet(...many(3, 'v2')), flag(1, 2, 3))).toBeUndefined();
  });
  it('by what is known only: no label, no zone, no node is nothing in common', () => {
    expect(found(fleet(...many(4, '-'), ...many(6, 'v1/a/n1')), flag(1, 2, 3))).toBeUndefined();
    expect(
      found([...fleet(...many(3, '-')).map((each) => ({ ...each, zone: '' })), ...canary], flag(1)),
    ).toBeUndefined();
  });
});

describe('of several cohorts', () => {
  it('the one that explains the most', () => {
    const backends = fleet(...many(4, 'v2/a'), 'v2/b', ...many(2, 'v1/a'), ...many(5, 'v1/b'));
    expect(found(backends, flag(1, 2, 3, 4, 5))).toBe('version v2: 5 of 5 flagged');
  });
  it('then the one with the fewest others', () => {
    const backends = fleet(...many(3, 'v2/a/n1'), ...many(2, 'v1/a/n1'), 'v1/a/n2', ...many(5, 'v1/b/n3'));
    expect(found(backends, flag(1, 2, 3))).toBe('version v2: 3 of 3 flagged');
    expect(found(fleet(...many(3, 'v1/a/n1'), ...many(5, 'v1/a/n2'), 'v1/b/n3'), flag(1, 2, 3))).toBe(
      'node n1: 3 of 3 flagged',
    );
  });
  it('then version before node before zone', () => {
    const rest = many(5, 'v1/b/n2');
    expect(found(fleet(...many(3, 'v2/a/n1'), ...rest), flag(1, 2, 3))).toBe('version v2: 3 of 3 flagged');
    expect(found(fleet(...many(3, 'v1/a/n1'), ...rest), flag(1, 2, 3))).toBe('node n1: 3 of 3 flagged');
    expect(found(fleet(...many(3, 'v1/a/-'), ...rest), flag(1, 2, 3))).toBe('zone a: 3 of 3 flagged');
  });
});

describe('the version', () => {
  const of = (labels: Readonly<Record<string, string>> | undefined) =>
    versionOf(backendOf('p1', labels === undefined ? {} : { labels }));

  it('is the template hash, else what the pod says', () => {
    const said = { version: 'v2', 'app.kubernetes.io/version': '2.0.1' };
    expect(of({ ...said, 'pod-template-hash': 'abc' })).toBe('abc');
    expect(of(said)).toBe('v2');
    expect(of({ 'app.kubernetes.io/version': '2.0.1' })).toBe('2.0.1');
    expect([of({}), of(undefined)]).toEqual([undefined, undefined]);
  });
});

const someFleet = fc.array(
  fc.record({
    place: fc.tuple(
      fc.constantFrom('v1', 'v2', '-'),
      fc.constantFrom('a', 'b'),
      fc.constantFrom('n1', 'n2', 'n3', '-'),
    ),
    isFlagged: fc.boolean(),
  }),
  { minLength: 0, maxLength: 14 },
);

it('holds to its rules, and the order of the fleet decides nothing', () => {
  let cohorts = 0;
  fc.assert(
    fc.property(someFleet, fc.infiniteStream(fc.nat()), (drawn, random) => {
      const backends = fleet(...drawn.map(({ place }) => place.join('/')));
      const flagged = new Set(backends.filter((_, index) => drawn[index]?.isFlagged).map(({ id }) => id));
      const cohort = cohortOf(backends, flagged);
      const shuffled = backends
        .map((backend) => ({ backend, key: random.next().value ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ backend }) => backend);
      expect(asPlain(cohortOf(shuffled, new Set([...flagged].reverse())))).toEqual(asPlain(cohort));
      if (cohort === undefined) return;
      cohorts += 1;
      const { members, flagged: count, flaggedElsewhere } = cohort;
      expect(count + flaggedElsewhere).toBe(flagged.size);
      expect(flagged.size).toBeGreaterThanOrEqual(2);
      expect(count / flagged.size).toBeGreaterThanOrEqual(0.8);
      expect(count / members.size).toBeGreaterThanOrEqual(0.5);
      expect(members.size).toBeGreaterThanOrEqual(3);
      expect(members.size).toBeLessThan(backends.length);
    }),
    { numRuns: 2_000 },
  );
  expect(cohorts).toBeGreaterThan(20);
});

function asPlain(cohort: Cohort | undefined): unknown {
  return cohort && { ...cohort, members: [...cohort.members].toSorted() };
}
