/** What is judged, how often and how surely: schemas of spec.breakers[] and of the shorthand spec.breaker. */
import { Type } from '../../json-schema.ts';
import { defaults } from '../defaults.ts';
import { minCount, minRatio } from './budget.ts';
import { detectorNames, detectors } from './detectors.ts';
import { choice, decimalNumber, dnsLabel, duration, integer, labelName, query } from './fields.ts';

const Activity = Type.Object(
  {
    query: query({ description: 'What each backend did in a window, such as increase(requests_total[1m]).' }),
    min: decimalNumber({ min: 0, max: 1_000_000_000 }, { description: 'Least activity for a sample to count.' }),
  },
  { description: 'A sample counts only if its backend did at least this much. None by default.' },
);

const Match = Type.Object(
  {
    label: Type.Optional(
      labelName({
        description: 'Label of the sample that names the backend.',
        default: defaults.breaker.match.label,
      }),
    ),
    by: Type.Optional(
      choice(['PodName', 'PodIP', 'Address', 'PodUID'], {
        description: 'What the label holds. Address is address:port.',
        default: defaults.breaker.match.by,
      }),
    ),
    namespaceLabel: Type.Optional(
      labelName({
        description: "Label of the sample that is compared with the policy's namespace, when the sample has it.",
        default: defaults.breaker.match.namespaceLabel,
      }),
    ),
  },
  { description: 'How a sample is assigned to a backend. A sample that fits several is an error, never a guess.' },
);

const breakerFields = {
  enforcement: Type.Optional(
    choice(['Enforce', 'Observe'], {
      description: 'Observe judges and reports, and takes nothing out.',
      whenAbsent: "the policy's",
    }),
  ),
  evaluationPeriod: Type.Optional(
    duration(
      { min: '1s', max: '1h' },
      { description: 'How often the breaker judges.', default: defaults.breaker.evaluationPeriod },
    ),
  ),
  confirm: Type.Optional(
    Type.Object(
      {
        of: Type.Optional(
          integer({ min: 1, max: 20 }, { description: 'Evaluations looked at.', default: defaults.breaker.confirm.of }),
        ),
        atLeast: Type.Optional(
          integer(
            { min: 1, max: 20 },
            {
              description: 'How many of them must be anomalous; at most `of`.',
              whenAbsent: `${defaults.breaker.confirm.atLeast}, or \`of\` when that is less`,
            },
          ),
        ),
      },
      {
        description: 'An anomaly counts once it was seen atLeast times in the last `of` evaluations.',
        notAbove: { field: 'atLeast', limit: 'of', limitDefault: defaults.breaker.confirm.of },
      },
    ),
  ),
  groupBy: Type.Optional(
    Type.Array(
      Type.String({
        minLength: 1,
        maxLength: 317,
        pattern: '^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$',
        expected: 'a label key, such as version',
      }),
      {
        description:
          'Pod labels that split the fleet into groups which are judged apart, such as pod-template-hash; ' +
          'topology.kubernetes.io/zone is the zone of the backend, kubernetes.io/hostname its node. Groups of fewer than ' +
          'three are not judged. None by default.',
        minItems: 1,
        maxItems: 4,
        'x-kubernetes-list-type': 'set',
        expected: 'a list of 1 to 4 label keys',
      },
    ),
  ),
  onNoData: Type.Optional(
    choice(['Hold', 'Healthy'], {
      description:
        'What a missing sample means: Hold changes nothing; Healthy clears the streak of a serving backend, if at least ' +
        '80 percent of the fleet has data.',
      default: defaults.breaker.onNoData,
    }),
  ),
  activity: Type.Optional(Activity),
  source: Type.Optional(
    dnsLabel({
      description: 'Name of a metric source of the serving config; never a URL.',
      whenAbsent: defaults.breaker.source,
    }),
  ),
  match: Type.Optional(Match),
  ...detectors,
};

const oneDetector = {
  choices: [{ of: detectorNames, exactly: true as const, message: `set exactly one of ${detectorNames.join(', ')}` }],
};

export const NamedBreaker = Type.Object(
  {
    name: dnsLabel({ description: 'Name of the breaker, unique in the policy; ejections are recorded under it.' }),
    ...breakerFields,
  },
  { description: 'Judges every backend of the Service by one detector.', ...oneDetector },
);

export const ShorthandBreaker = Type.Object(
  {
    minPodsAvailableCount: minCount('Shorthand of budget.minAvailableCount.'),
    minPodsAvailableRatio: minRatio('Shorthand of budget.minAvailableRatio.'),
    ...breakerFields,
  },
  { description: 'Shorthand for a policy with a single breaker, which is then called "breaker".', ...oneDetector },
);
