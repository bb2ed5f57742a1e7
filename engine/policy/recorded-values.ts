/** Numbers as records have them. */
import { Type } from '../json-schema.ts';

/** Half of what there are dates for, before and after 1970: a moment and a duration make a moment. */
const longestMs = 4e15;

export const moment = Type.Number({ minimum: -longestMs, maximum: longestMs });
export const durationMs = Type.Number({ minimum: 0, maximum: longestMs });
/** Of a metric. JSON has no infinities: they are null there, and compare with nothing. */
export const measured = Type.Unsafe<number>({ type: ['number', 'null'] });
