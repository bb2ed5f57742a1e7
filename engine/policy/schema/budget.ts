/** How many may be out at once: schema of spec.budget. */
import { Type } from '../../json-schema.ts';
import { defaults } from '../defaults.ts';
import { choice, integer, percentage } from './fields.ts';

export const minCount = (description: string, whenAbsent?: string | number) =>
  Type.Optional(
    integer({ min: 0, max: 100_000 }, { description, ...(whenAbsent === undefined ? {} : { whenAbsent }) }),
  );

export const minRatio = (description: string, whenAbsent?: string | number) =>
  Type.Optional(percentage({ description, ...(whenAbsent === undefined ? {} : { whenAbsent }) }));

const percentOf = (description: string, fallback: number) =>
  Type.Optional(integer({ min: 0, max: 100 }, { description, default: fallback }));

export const Budget = Type.Object(
  {
    minAvailableCount: minCount(
      'Backends that must stay available. The larger of this and minAvailableRatio is the floor.',
      defaults.budget.minAvailableCount,
    ),
    minAvailableRatio: minRatio(
      'Share of the fleet, in percent, that must stay available; rounded up to whole backends.',
      defaults.budget.minAvailableRatio,
    ),
    minPodsAvailableCount: minCount('Older name of minAvailableCount.'),
    minPodsAvailableRatio: minRatio('Older name of minAvailableRatio.'),
    maxEjectedPercent: percentOf(
      'Share of the fleet, in percent, that may be out at once; rounded down to whole backends.',
      defaults.budget.maxEjectedPercent,
    ),
    velocity: Type.Optional(
      Type.Object(
        {
          count: Type.Optional(
            integer(
              { min: 0, max: 1000 },
              { description: 'Backends per 10 minutes.', default: defaults.budget.velocity.count },
            ),
          ),
          percent: percentOf(
            'Percent of the fleet per 10 minutes; 0 leaves only the count.',
            defaults.budget.velocity.percent,
          ),
        },
        { description: 'New ejections allowed per 10 minutes: the larger of count and percent.' },
      ),
    ),
    holdAbovePercent: percentOf(
      'When more than this share of the fleet, in percent, is anomalous or was ejected in the last 5 minutes, nothing ' +
        'is ejected: a shared cause is likelier than that many broken backends.',
      defaults.budget.holdAbovePercent,
    ),
    onBreach: Type.Optional(
      choice(['Readmit', 'Hold'], {
        description:
          'When the fleet shrinks below the floor for other reasons: Readmit brings ejected backends back, least severe ' +
          'first, after 60 seconds; Hold keeps them out.',
        default: defaults.budget.onBreach,
      }),
    ),
    onCohort: Type.Optional(
      choice(['Report', 'EjectWithinBudget'], {
        description:
          'When 80 % of those that are bad have their version, zone or node in common, and half of that cohort, of 3 or ' +
          'more, is bad: Report takes nobody of it out one by one and says so; EjectWithinBudget takes it out as a whole, ' +
          'if all of it fits the budget and the rest of the fleet is judged normal.',
        default: defaults.budget.onCohort,
      }),
    ),
  },
  {
    description: 'How many of the fleet may be out at once, over all breakers and manual acts of the Service.',
  },
);
