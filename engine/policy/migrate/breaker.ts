/** A breaker of the original as one of ours. Its defaults are written out where ours are others. */
import { formatDuration } from '../duration.ts';
import type { Fields } from './fields.ts';
import type { MetricSources } from './metric-sources.ts';
import type { Notes } from './note.ts';

interface BreakerContext {
  readonly notes: Notes;
  readonly sources: MetricSources;
  readonly namespace: string;
  /** Where it is now, such as `breakers[0]`. */
  readonly becomes: string;
}

const originalTolerance = 50;
const originalDeviation = 75;
const leastPeriodMs = 1000;

/** What minPods*, which the original has for each breaker, ask for is read by budget.ts. */
export function migrateBreaker(from: Fields, name: string, context: BreakerContext): object {
  const { notes, becomes } = context;
  if (from.text('name') !== undefined) notes.moved(`${from.path}.name`, `${becomes}.name`);
  else notes.moved(from.path, becomes, `the only breaker has a name now: ${name}`);
  return {
    name,
    ...period(from, context),
    ...discrete(from.object('discreteValueOutOfList'), context),
    ...deviation(from.object('continuousValueDeviation'), context),
    ...custom(from, context),
  };
}

function period(from: Fields, { notes, becomes }: BreakerContext): object {
  const seconds = from.number('evaluationPeriod');
  if (seconds === undefined) return {};
  const ms = Math.round(seconds * 1000);
  const field = `${from.path}.evaluationPeriod`;
  if (ms < leastPeriodMs)
    notes.attention(field, `${seconds} s is less than the least of 1 s`, `${becomes}.evaluationPeriod`);
  else notes.moved(field, `${becomes}.evaluationPeriod`);
  return { evaluationPeriod: formatDuration(Math.max(leastPeriodMs, ms)) };
}

function discrete(from: Fields | undefined, context: BreakerContext): object {
  if (from === undefined) return {};
  const { notes, becomes } = context;
  const at = `${becomes}.discreteValueOutOfList`;
  const [query, key] = [from.text('promQL'), from.text('key')];
  const [goodValues, badValues] = [from.texts('goodValues'), from.texts('badValues')];
  const [tolerance, activity] = [from.number('tolerance'), from.number('minActivity')];
  if (query !== undefined) notes.moved(`${from.path}.promQL`, `${at}.query`);
  if (key !== undefined) notes.moved(`${from.path}.key`, `${at}.key`);
  for (const [name, values] of Object.entries({ goodValues, badValues })) {
    if (values !== undefined && values.length > 0) notes.moved(`${from.path}.${name}`, `${at}.${name}`);
  }
  const told = tolerance === undefined ? 'was not set, which meant 50' : 'the same';
  notes.moved(
    `${from.path}.tolerance`,
    `${at}.tolerancePercent`,
    `${told}; leave it out to compare with the other backends instead of with a fixed share`,
  );
  if (activity !== undefined) notes.moved(`${from.path}.minActivity`, `${at}.minActivity`);
  const where = measured(from, context);
  from.done();
  return {
    ...where,
    discreteValueOutOfList: {
      query,
      key,
      ...(goodValues === undefined || goodValues.length === 0 ? {} : { goodValues }),
      ...(badValues === undefined || badValues.length === 0 ? {} : { badValues }),
      tolerancePercent: decimal(tolerance ?? originalTolerance),
      ...(activity === undefined ? {} : { minActivity: decimal(activity) }),
    },
  };
}

function deviation(from: Fields | undefined, context: BreakerContext): object {
  if (from === undefined) return {};
  const { notes, becomes } = context;
  const at = `${becomes}.continuousValueDeviation`;
  const [query, percent] = [from.text('promQL'), from.number('maxDeviationPercent')];
  notes.attention(
    `${from.path}.promQL`,
    'had to divide by the mean of the fleet. It may go on to; without the division the median of the others is the measure, ' +
      'and values can be read as they are',
    `${at}.query`,
  );
  notes.moved(
    `${from.path}.maxDeviationPercent`,
    `${at}.maxDeviationPercent`,
    percent === undefined ? 'was not set, which meant 75' : undefined,
  );
  const where = measured(from, context);
  from.done();
  return { ...where, continuousValueDeviation: { query, maxDeviationPercent: decimal(percent ?? originalDeviation) } };
}

/** Where the metrics are, and which label names the pod. */
function measured(from: Fields, { notes, sources, becomes }: BreakerContext): object {
  const [address, label] = [from.text('prometheusService'), from.text('podNamekey')];
  const source = address === undefined ? undefined : sources.nameOf(address);
  if (source !== undefined) {
    notes.attention(
      `${from.path}.prometheusService`,
      `put it into the serving config as metricSources.${source}`,
      source === 'default' ? 'the source "default"' : `${becomes}.source`,
    );
  }
  if (label !== undefined) notes.moved(`${from.path}.podNamekey`, `${becomes}.match.label`);
  return {
    ...(source === undefined || source === 'default' ? {} : { source }),
    ...(label === undefined ? {} : { match: { label } }),
  };
}

function custom(from: Fields, { notes, namespace, becomes }: BreakerContext): object {
  const given = from.text('customService');
  if (given === undefined) return {};
  const field = `${from.path}.customService`;
  const [, service = given, of = namespace, port = '80'] =
    /^(?:https?:\/\/)?([^.:/]+)(?:\.([^.:/]+)[^:/]*)?(?::(\d+))?\/?$/.exec(given) ?? [];
  if (of !== namespace) {
    notes.attention(
      field,
      `is a Service of the namespace ${of}; only those of the policy's own are asked`,
      `${becomes}.customService`,
    );
  } else {
    notes.moved(
      field,
      `${becomes}.customService`,
      'its list of pods is understood; it may answer with verdicts instead',
    );
  }
  return { customService: `${service}:${port}` };
}

/** The API has no floats: 7.5 is written "7.5". */
function decimal(value: number): number | string {
  return Number.isInteger(value) ? value : String(value);
}
