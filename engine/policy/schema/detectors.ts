/** The schemas of what a breaker can measure. Each breaker has exactly one of these. */
import { Type } from '../../json-schema.ts';
import { defaults } from '../defaults.ts';
import { choice, decimalNumber, integer, query, text } from './fields.ts';

const deviation = defaults.continuousValueDeviation;
const discrete = defaults.discreteValueOutOfList;

const values = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 256, expected: 'a label value of at most 256 characters' }), {
    description,
    minItems: 1,
    maxItems: 64,
    'x-kubernetes-list-type': 'set',
    expected: 'a list of 1 to 64 label values',
  });

const ContinuousValueDeviation = Type.Object(
  {
    query: query({ description: 'One number per backend, such as an average price or a latency.' }),
    maxDeviationPercent: Type.Optional(
      decimalNumber(
        { min: 0, max: 10_000 },
        {
          description:
            'How far the value may be from that of the other backends, and from the baseline, in percent of it.',
          default: deviation.maxDeviationPercent,
        },
      ),
    ),
    direction: Type.Optional(
      choice(['Both', 'Above', 'Below'], {
        description: 'Which side is anomalous.',
        default: deviation.direction,
      }),
    ),
    reference: Type.Optional(
      choice(['Median', 'Mean'], {
        description:
          'Of the other backends, what the value is compared with. A mean moves with every bad backend among them; ' +
          'the baseline is a median either way.',
        default: deviation.reference,
      }),
    ),
  },
  { description: 'Anomalous: the value deviates from that of the other backends and from the baseline.' },
);

const DiscreteValueOutOfList = Type.Object(
  {
    query: query({ description: 'Counts per backend and value of the label `key`, such as responses by status code.' }),
    key: text({
      description: 'Label of the sample that carries the value.',
      expected: 'the name of a Prometheus label, such as code',
      pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$',
      maxLength: 128,
    }),
    goodValues: Type.Optional(values('Every other value is bad. Set this or badValues.')),
    badValues: Type.Optional(values('Every other value is good. Set this or goodValues.')),
    tolerancePercent: Type.Optional(
      decimalNumber(
        { min: 0, max: 100 },
        {
          description: 'Share of bad values above which a backend is anomalous.',
          whenAbsent: 'clearly more than that of the others, as for ratio',
        },
      ),
    ),
    minActivity: Type.Optional(
      decimalNumber(
        { min: 0, max: 1_000_000_000 },
        {
          description: 'Sum of good and bad counts under which a backend is not judged.',
          default: discrete.minActivity,
        },
      ),
    ),
  },
  {
    description: 'Anomalous: too large a share of what a backend did carries a bad value.',
    choices: [
      { of: ['goodValues', 'badValues'], exactly: true, message: 'set exactly one of goodValues and badValues' },
    ],
  },
);

const Threshold = Type.Object(
  {
    query: query({ description: 'One number per backend.' }),
    longQuery: Type.Optional(
      query({
        description:
          'The same over a longer window. With it a serving backend is anomalous only if both values are beyond the bound.',
        whenAbsent: 'query alone decides',
      }),
    ),
    operator: choice(['>', '>=', '<', '<=', '==', '!='], {
      description: 'The relation of value to bound that is anomalous: with ">" a value above the bound is.',
    }),
    value: decimalNumber({ min: -999_999_999_999, max: 999_999_999_999 }, { description: 'The bound.' }),
  },
  { description: 'Anomalous: the value is beyond a fixed bound.' },
);

const Ratio = Type.Object(
  {
    bad: query({ description: 'Bad events per backend, counted in a window: increase(), not rate().' }),
    total: query({ description: 'All events per backend, counted in the same window.' }),
    minRequests: Type.Optional(
      integer(
        { min: 1, max: 1_000_000 },
        { description: 'Events under which a backend is not judged.', default: defaults.ratio.minRequests },
      ),
    ),
    minBad: Type.Optional(
      integer(
        { min: 1, max: 1_000_000 },
        {
          description: 'Bad events under which no backend is anomalous. A probe goes out again on fewer.',
          default: defaults.ratio.minBad,
        },
      ),
    ),
    sensitivity: Type.Optional(
      decimalNumber(
        { min: 0, max: 1 },
        {
          description:
            'Assumed spread between healthy backends; smaller finds smaller differences and errs more often.',
          default: defaults.ratio.sensitivity,
        },
      ),
    ),
  },
  {
    description: 'Anomalous: the share of bad events is clearly larger than that of the other backends.',
  },
);

const Outlier = Type.Object(
  {
    query: query({ description: 'One number per backend, such as a latency.' }),
    direction: Type.Optional(
      choice(['Above', 'Below', 'Both'], {
        description: 'Which side of the median is anomalous.',
        default: defaults.outlier.direction,
      }),
    ),
    minRatio: Type.Optional(
      decimalNumber(
        { min: 1, max: 1000 },
        { description: 'Times the median a value must be to count at all.', default: defaults.outlier.minRatio },
      ),
    ),
  },
  {
    description:
      'Anomalous: the value is far outside the spread of the others, and of what the fleet is known to run at.',
  },
);

const CustomService = text({
  description:
    'A Service of the same namespace that judges: it answers a plain GET with the backends it finds anomalous. ' +
    'It must have a selector; its answer has one second.',
  expected: 'the name and port of a Service, such as my-metrics-svc:8080',
  pattern:
    '^[a-z0-9]([-a-z0-9]*[a-z0-9])?:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$',
  maxLength: 69,
});

/** By field name. Exactly one per breaker. */
export const detectors = {
  continuousValueDeviation: Type.Optional(ContinuousValueDeviation),
  discreteValueOutOfList: Type.Optional(DiscreteValueOutOfList),
  threshold: Type.Optional(Threshold),
  ratio: Type.Optional(Ratio),
  outlier: Type.Optional(Outlier),
  customService: Type.Optional(CustomService),
};

export const detectorNames = Object.keys(detectors);
