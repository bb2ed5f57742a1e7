/** How ejected backends come back: schema of spec.activator. */
import { Type } from '../../json-schema.ts';
import { defaults } from '../defaults.ts';
import { choice, duration, integer } from './fields.ts';

const retries = { min: 0, max: 1000 };

export const Activator = Type.Object(
  {
    mode: Type.Optional(
      choice(['periodic', 'retryAndPause', 'retryAndKill'], {
        description:
          'What follows too many retries: periodic tries for ever; retryAndPause keeps the backend out for inspection; ' +
          'retryAndKill evicts it.',
        default: defaults.activator.mode,
      }),
    ),
    period: Type.Optional(
      duration(
        { min: '1s', max: '30m' },
        {
          description:
            'Time out of rotation: this, times the number of retries, at most 30 minutes; of that, between half and all, so ' +
            'that backends ejected together do not come back together.',
          default: defaults.activator.period,
        },
      ),
    ),
    maxRetryCount: Type.Optional(
      integer(retries, {
        description: 'Retries after which the backend is paused or evicted. No effect with mode periodic.',
        whenAbsent: defaults.activator.maxRetryCount,
      }),
    ),
    maxPauseCount: Type.Optional(
      integer(retries, {
        description: 'Paused backends above which the oldest is evicted. Only with mode retryAndPause.',
        whenAbsent: defaults.activator.maxPauseCount,
      }),
    ),
    resetAfter: Type.Optional(
      duration(
        { min: '1s', max: '24h' },
        {
          description: 'Retries are forgotten after this much time judged healthy.',
          default: defaults.activator.resetAfter,
        },
      ),
    ),
    maxEvictionsPerHour: Type.Optional(
      integer(retries, {
        description:
          'Evictions per hour and pod template; over it backends stay out unevicted. Only where something evicts.',
        whenAbsent: defaults.activator.maxEvictionsPerHour,
      }),
    ),
    onStarved: Type.Optional(
      choice(['Hold', 'Restore', 'Pause'], {
        description:
          'What becomes of a backend on its way back that gets too little traffic to be judged, even at 25 % of its weight: ' +
          'Hold leaves it there until there is enough; Restore brings it back by time, unless it turns out anomalous; Pause ' +
          'takes it out until a person restores it.',
        default: defaults.activator.onStarved,
      }),
    ),
    maxStale: Type.Optional(
      duration(
        { min: '10s', max: '24h' },
        {
          description:
            'How long a backend on its way back waits while its breaker has no data: then it ramps back by time, few at ' +
            'once, and keeps its strikes. Absent: for ever.',
        },
      ),
    ),
    ramp: Type.Optional(
      Type.Object(
        {
          weights: Type.Optional(
            Type.Array(
              Type.Integer({ format: 'int32', minimum: 1, maximum: 100, expected: 'an integer from 1 to 100' }),
              {
                description:
                  'Percent of the full weight at each step of the way back; the first is the probe. ' +
                  'Each step up needs a fresh normal verdict. Never falls, ends in 100. ' +
                  `Default: ${defaults.activator.ramp.weights.join(', ')}.`,
                minItems: 1,
                maxItems: 10,
                'x-kubernetes-list-type': 'atomic',
                default: [...defaults.activator.ramp.weights],
                expected: 'a list of 1 to 10 percentages that ends in 100',
                risesTo: 100,
              },
            ),
          ),
          stepPeriod: Type.Optional(
            duration(
              { min: '1s', max: '1h' },
              { description: 'Least time at each step.', default: defaults.activator.ramp.stepPeriod },
            ),
          ),
        },
        { description: 'How weight returns.' },
      ),
    ),
  },
  { description: 'How ejected backends come back.' },
);
