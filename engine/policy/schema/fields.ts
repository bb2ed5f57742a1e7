/**
 * The kinds of value a policy has. Each helper gives a bounded schema that a structural CRD can hold, and writes what
 * it expects and its default into the description, so that `kubectl explain` and an error message say the same.
 *
 * `default` becomes a CRD default, which the API server writes into the stored object. It is for fields whose absence
 * means exactly that default and nothing else. Where absence can be told apart (it inherits, or a lint rule asks what
 * was written), use `whenAbsent`, which is text only.
 */
import { Type } from '../../json-schema.ts';
import { type DecimalText, decimalPattern } from '../decimal.ts';
import { type DurationText, durationMs, durationPattern, formatDuration } from '../duration.ts';
import type { Bounds, Words } from './vocabulary.ts';

interface FieldOptions<Value> extends Words {
  readonly description: string;
  readonly default?: Value;
  readonly whenAbsent?: string | number | boolean;
}

interface TextOptions extends FieldOptions<string> {
  readonly expected: string;
  readonly pattern?: string;
  readonly maxLength: number;
}

export function text(options: TextOptions) {
  return Type.String(leaf({ minLength: 1 }, options, options.expected));
}

export function choice<const Value extends string>(values: readonly Value[], options: FieldOptions<Value>) {
  const expected = values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`;
  return Type.Unsafe<Value>(leaf({ type: 'string', enum: values }, options, expected));
}

export function integer(bounds: Bounds, options: FieldOptions<number>) {
  const expected = `an integer from ${bounds.min} to ${bounds.max}`;
  return Type.Integer(leaf({ format: 'int32', minimum: bounds.min, maximum: bounds.max }, options, expected));
}

export function boolean(options: FieldOptions<boolean>) {
  return Type.Boolean(leaf({}, options, 'true or false'));
}

/** Bounds as a person writes them: `{min: '1s', max: '1h'}`. */
export function duration(limits: { readonly min: string; readonly max: string }, options: FieldOptions<DurationText>) {
  const bounds = { min: durationMs(limits.min), max: durationMs(limits.max) };
  const range = `${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`;
  const expected = `a duration from ${range}: integer seconds, or a string such as 500ms or 1m30s`;
  const shape = intOrString(Math.ceil(bounds.min / 1000), Math.floor(bounds.max / 1000), durationPattern);
  return Type.Unsafe<DurationText>(leaf({ ...shape, durationMs: bounds }, options, expected));
}

export function decimalNumber(bounds: Bounds, options: FieldOptions<DecimalText>) {
  // The widest bounds are those of the notation, and tell a reader nothing.
  const range = bounds.max < 999_999_999_999 ? ` from ${bounds.min} to ${bounds.max}` : '';
  const expected = `a number${range}: an integer, or decimals in quotes such as "7.5"`;
  const shape = intOrString(Math.ceil(bounds.min), Math.floor(bounds.max), decimalPattern);
  return Type.Unsafe<DecimalText>(leaf({ ...shape, decimal: bounds }, options, expected));
}

/** A share where people are used to a percent sign: `50` or `"50%"`. */
export function percentage(options: FieldOptions<DecimalText>) {
  const expected = 'a percentage from 0 to 100: an integer, or a string such as "50%"';
  return Type.Unsafe<DecimalText>(leaf(intOrString(0, 100, '^(100|[1-9]?[0-9])%?$'), options, expected));
}

/** Long enough for real rules; a bound, because a query of megabytes would be parsed, sent and logged each period. */
export const queryMaxLength = 4096;

export function query(options: FieldOptions<string>) {
  return text({
    expected: `a PromQL query of at most ${queryMaxLength} characters`,
    maxLength: queryMaxLength,
    ...options,
  });
}

export function dnsLabel(options: FieldOptions<string>) {
  return text({
    expected: 'a DNS label: at most 63 lower-case letters, digits or "-", such as pricer',
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    maxLength: 63,
    ...options,
  });
}

export function labelName(options: FieldOptions<string>) {
  return text({
    expected: 'the name of a Prometheus label, such as pod',
    pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$',
    maxLength: 128,
    ...options,
  });
}

function intOrString(minimum: number, maximum: number, pattern: string) {
  return { 'x-kubernetes-int-or-string': true, minimum, maximum, maxLength: 32, pattern };
}

function leaf<Shape extends object>(shape: Shape, options: FieldOptions<string | number | boolean>, expected: string) {
  const { whenAbsent, ...words } = options;
  return { ...shape, ...words, expected, description: describe(options, expected) };
}

function describe(options: FieldOptions<string | number | boolean>, expected: string): string {
  const value = `${expected.charAt(0).toUpperCase()}${expected.slice(1)}.`;
  const absence = options.default ?? options.whenAbsent;
  const missing = absence === undefined ? '' : ` Default: ${absence}.`;
  return `${options.description} ${value}${missing}`;
}
