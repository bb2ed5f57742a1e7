/**
 * Numbers with decimals. The Kubernetes API has no floats in its objects, so a policy has an integer (`30`) or a string
 * (`"7.5"`).
 */

export type DecimalText = number | string;

/** Twelve digits on either side stay exact enough as a double, and no exponent means no surprise of scale. */
export const decimalPattern = '^-?[0-9]{1,12}([.][0-9]{1,12})?$';

/** The number, or undefined when the text is not a decimal. */
export function parseDecimal(text: DecimalText): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) ? text : undefined;
  return new RegExp(decimalPattern).test(text) ? Number(text) : undefined;
}

/** For values that the schema has already accepted. */
export function decimal(text: DecimalText): number {
  const parsed = parseDecimal(text);
  if (parsed === undefined) throw new Error(`not a decimal: ${text}`);
  return parsed;
}

/** `50` and `"50%"` are the same ratio. */
export function percent(text: DecimalText): number {
  return typeof text === 'number' ? text : decimal(text.replace('%', ''));
}
