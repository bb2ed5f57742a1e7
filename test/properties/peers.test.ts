/** What is true of every detector that compares peers, with groups and without, whatever the fleet. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Baseline, noBaseline } from '../../engine/breakers/baseline.ts';
import { type Evidence, judge } from '../../engine/breakers/judge.ts';
import type { Subject } from '../../engine/breakers/subject.ts';
import type { Judgement, Verdict } from '../../engine/breakers/verdict.ts';
import { type BackendId, backendId } from '../../engine/model.ts';
import type { Detector } from '../../engine/policy/policy.ts';
import { breakerOf, deviationOf, evidenceOf, samplesOf, type Value } from '../support/fixtures.ts';

const runs = 400;
const window = { startMs: 0, endMs: 1_000 };

const gauges = {
  median: deviationOf({ maxDeviationPercent: 50 }),
  mean: deviationOf({ maxDeviationPercent: 50, reference: 'Mean' }),
  outlier: { kind: 'outlier', query: 'q', direction: 'Both', minRatio: 1.2 },
} as const satisfies Readonly<Record<string, Detector>>;

const counters = {
  ratio: { kind: 'ratio', bad: 'bad', total: 'total', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  discrete: {
    kind: 'discreteValueOutOfList',
    query: 'q',
    key: 'code',
    list: { kind: 'good', values: ['200'] },
    minActivity: 2,
  },
} as const satisfies Readonly<Record<string, Detector>>;

const gauge = fc.constantFrom(...(Object.keys(gauges) as (keyof typeof gauges)[]));
const counter = fc.constantFrom(...(Object.keys(counters) as (keyof typeof counters)[]));

interface Pod {
  readonly version: 'a' | 'b' | 'c' | 'none';
  readonly role: Subject['role'];
  /** Of its usual level for gauges, of all events for counters. */
  readonly share: number;
  /** Instead of a number. */
  readonly oddity: Value;
}

const version = fc.constantFrom('a' as const, 'a' as const, 'b' as const, 'b' as const, 'c' as const, 'none' as const);
const role = fc.constantFrom<Subject['role']>('reference', 'reference', 'reference', 'suspect', 'excluded');

/** Healthy ones differ by less than what any of the detectors minds; others by anything. */
const healthyShare = fc.double({ min: 1, max: 1.15, noNaN: true });
const anyShare = fc.oneof(
  healthyShare,
  // What is nearly nothing is nothing at all in a larger unit, and that says something else.
  fc.double({ min: 0, max: 30, noNaN: true }).map((share) => (share < 1e-200 ? 0 : share)),
);
const worseShare = fc.oneof(healthyShare, fc.double({ min: 1, max: 30, noNaN: true }));
const podWith = (share: fc.Arbitrary<number>): fc.Arbitrary<Pod> =>
  fc.record({ version, role, share, oddity: fc.constant(undefined) });
const fleetOf = (pod: fc.Arbitrary<Pod>): fc.Arbitrary<readonly Pod[]> =>
  fc.array(pod, { minLength: 1, maxLength: 24 });

const level = 64;
const total = 2_000;
const healthyRate = 0.02;

const baseline: Baseline = {
  agreements: 0,
  level,
  groups: new Map(['a', 'b', 'c'].map((key) => [`version=${key}`, { agreements: 0, level }])),
};

const idOf = (index: number): BackendId => backendId(`p${String(index).padStart(2, '0')}`);

function subjectsOf(pods: readonly Pod[]): readonly Subject[] {
  return pods.map(({ version: value, role: own }, index) => ({
    id: idOf(index),
    role: own,
    group: value === 'none' ? { kind: 'unknown', reason: 'no label' } : { kind: 'known', key: `version=${value}` },
  }));
}

function evidenceFor(detector: Detector, pods: readonly Pod[], scale = 1): Evidence {
  const values = (valueOf: (pod: Pod) => Value): Readonly<Record<string, Value>> =>
    Object.fromEntries(pods.map((pod, index) => [idOf(index), pod.oddity ?? valueOf(pod)]));
  const bad = ({ share }: Pod): number => Math.min(total, total * healthyRate * share);
  switch (detector.kind) {
    case 'ratio':
      return { ...evidenceOf(values(bad)), total: evidenceOf(values(() => total)).samples };
    case 'discreteValueOutOfList':
      return evidenceOf(
        values((pod) =>
          (['200', '500'] as const).flatMap((code) =>
            samplesOf('p', code === '500' ? bad(pod) : total - bad(pod)).map((sample) => ({
              ...sample,
              labels: { code },
            })),
          ),
        ),
      );
    default:
      return evidenceOf(values(({ share }) => level * share * scale));
  }
}

interface Look {
  readonly grouped: boolean;
  readonly evidence?: Evidence;
  readonly subjects?: readonly Subject[];
  readonly known?: Baseline;
}

function look(detector: Detector, pods: readonly Pod[], how: Look): Exclude<Judgement, { kind: 'unusable' }> {
  const breaker = breakerOf({ detector, ...(how.grouped ? { groupBy: ['version'] } : {}) });
  const subjects = how.subjects ?? subjectsOf(pods);
  const isCounter = detector.kind === 'ratio' || detector.kind === 'discreteValueOutOfList';
  const known = how.known ?? (isCounter ? noBaseline : baseline);
  const context = { breaker, subjects, baseline: known, settled: true, window };
  const { judgement } = judge(context, how.evidence ?? evidenceFor(detector, pods));
  if (judgement.kind === 'unusable') throw new Error(judgement.reason);
  return judgement;
}

const kindsOf = ({ verdicts }: { readonly verdicts: ReadonlyMap<BackendId, Verdict> }) =>
  Object.fromEntries([...verdicts].map(([id, { kind }]) => [id, kind]));

/** Without the last digits, which a sum in another order does not share, and so without the sentences. */
function essence({ kind, verdicts, groups }: Exclude<Judgement, { kind: 'unusable' }>): unknown {
  const numbersOf = (verdict: Verdict): readonly unknown[] => [
    verdict.kind,
    ...('value' in verdict ? [verdict.value.toPrecision(10), verdict.bound.toPrecision(10)] : []),
  ];
  return {
    kind,
    verdicts: Object.fromEntries([...verdicts].map(([id, verdict]) => [id, numbersOf(verdict)])),
    groups: groups?.map((group) => [group.key, group.members, group.kind, numbersOf(group.againstRest)]),
  };
}

const ofGauges = gauge.map((name): Detector => gauges[name]);
const ofCounters = counter.map((name): Detector => counters[name]);

function holds(
  property: (detector: Detector, pods: readonly Pod[], grouped: boolean) => void,
  pod: fc.Arbitrary<Pod>,
  detector: fc.Arbitrary<Detector> = fc.oneof(ofGauges, ofCounters),
): void {
  fc.assert(fc.property(detector, fleetOf(pod), fc.boolean(), property), { numRuns: runs });
}

it('the order of the fleet decides nothing', () => {
  holds((detector, pods, grouped) => {
    const subjects = subjectsOf(pods);
    const evidence = evidenceFor(detector, pods);
    const turned = look(detector, pods, { grouped, evidence, subjects: subjects.toReversed() });
    expect(essence(turned)).toEqual(essence(look(detector, pods, { grouped, evidence })));
  }, podWith(anyShare));
});

it('the unit of a gauge decides nothing', () => {
  fc.assert(
    fc.property(
      gauge,
      fleetOf(podWith(anyShare)),
      fc.boolean(),
      fc.constantFrom(2 ** -20, 0.25, 8, 2 ** 30),
      (name, pods, grouped, scale) => {
        const detector = gauges[name];
        const groups = new Map(
          [...(baseline.groups ?? [])].map(([key]) => [key, { agreements: 0, level: level * scale }]),
        );
        const known = { agreements: 0, level: level * scale, groups };
        const scaled = look(detector, pods, { grouped, known, evidence: evidenceFor(detector, pods, scale) });
        const plain = look(detector, pods, { grouped });
        expect([scaled.kind, kindsOf(scaled)]).toEqual([plain.kind, kindsOf(plain)]);
        expect(scaled.groups?.map((group) => [group.kind, group.againstRest.kind])).toEqual(
          plain.groups?.map((group) => [group.kind, group.againstRest.kind]),
        );
      },
    ),
    { numRuns: runs },
  );
});

it.each([
  ['gauges', ofGauges, anyShare],
  // Next to those that fail less than any healthy one a healthy one would look bad, and rightly.
  ['counters', ofCounters, worseShare],
] as const)(
  'of %s: whoever else is there, and whoever joins, a healthy backend is never anomalous',
  (_, detectors, share) => {
    let guilty = 0;
    holds(
      (detector, pods, grouped) => {
        const joined: readonly Pod[] = [...pods, { version: 'a', role: 'reference', share: 1.05, oddity: undefined }];
        for (const fleet of [pods, joined]) {
          const judgement = look(detector, fleet, { grouped });
          if (judgement.kind === 'fleet-wide') continue;
          fleet.forEach((pod, index) => {
            const kind = judgement.verdicts.get(idOf(index))?.kind;
            if (pod.share >= 1 && pod.share <= 1.15) expect(kind).not.toBe('anomalous');
            else if (kind === 'anomalous') guilty += 1;
          });
        }
      },
      podWith(share),
      detectors,
    );
    expect(guilty).toBeGreaterThan(100);
  },
);

it('what is no number accuses nobody, and no verdict has such a number', () => {
  const odd = fc.constantFrom<Value>('NaN', '+Inf', '-Inf', 'histogram', undefined, 0, -1, 1e308, -1e308, 5e-324);
  const pod = fc
    .tuple(podWith(anyShare), fc.boolean(), odd)
    .map(([each, isOdd, oddity]) => (isOdd ? { ...each, oddity } : each));
  holds((detector, pods, grouped) => {
    const judgement = look(detector, pods, { grouped });
    const whole = judgement.groups?.map(({ againstRest }) => againstRest) ?? [];
    for (const verdict of [...judgement.verdicts.values(), ...whole]) {
      if (verdict.kind !== 'normal' && verdict.kind !== 'anomalous') continue;
      expect([verdict.value, verdict.kind === 'anomalous' ? verdict.severity : 1].every(Number.isFinite)).toBe(true);
      expect(Number.isNaN(verdict.bound)).toBe(false);
    }
    pods.forEach(({ oddity }, index) => {
      const kind = judgement.verdicts.get(idOf(index))?.kind;
      if (typeof oddity === 'string') expect(['insufficient', 'error', undefined]).toContain(kind);
    });
  }, pod);
});

it('each group is judged as if it were the whole fleet', () => {
  holds((detector, pods) => {
    const evidence = evidenceFor(detector, pods);
    const together = look(detector, pods, { grouped: true, evidence });
    for (const { key, members, kind } of together.groups ?? []) {
      if (members.length < 3) continue;
      const subjects = subjectsOf(pods).filter(({ group }) => group?.kind === 'known' && group.key === key);
      const alone = look(detector, pods, { grouped: false, evidence, subjects });
      for (const { id } of subjects) {
        expect(withoutPrefix(together.verdicts.get(id), key)).toEqual(alone.verdicts.get(id));
      }
      if (kind !== 'insufficient') expect(kind).toBe(alone.kind);
    }
  }, podWith(anyShare));
});

it('a small group, or none, is judged by nobody and with nobody', () => {
  holds((detector, pods) => {
    const { verdicts } = look(detector, pods, { grouped: true });
    pods.forEach((pod, index) => {
      const size = pods.filter(({ version: other }) => other === pod.version).length;
      const verdict = verdicts.get(idOf(index));
      if (pod.role === 'excluded') expect(verdict).toBeUndefined();
      else if (pod.version === 'none' || size < 3) expect(verdict?.kind).toBe('insufficient');
    });
  }, podWith(anyShare));
});

function withoutPrefix(verdict: Verdict | undefined, key: string): Verdict | undefined {
  return verdict?.kind === 'anomalous'
    ? { ...verdict, reason: verdict.reason.replace(`in group ${key}: `, '') }
    : verdict;
}
