/** From matched samples to one reading per backend. */
import type { Sample } from '../metrics/source.ts';
import type { BackendId } from '../model.ts';
import type { Reading } from './subject.ts';

export interface MatchedSamples {
  readonly byBackend: ReadonlyMap<BackendId, readonly Sample[]>;
  /** Backends for which the match is not unique, with the reason: a guess here would eject the wrong one. */
  readonly ambiguous: ReadonlyMap<BackendId, string>;
}

/** Exactly one finite number is a value. Two series for one backend mean that the query does not say which counts. */
export function singleReading(samples: MatchedSamples, id: BackendId): Reading {
  const ambiguity = samples.ambiguous.get(id);
  if (ambiguity !== undefined) return { kind: 'invalid', reason: ambiguity };
  const [sample, another] = samples.byBackend.get(id) ?? [];
  if (sample === undefined) return { kind: 'missing', reason: 'no sample' };
  if (another !== undefined) {
    return { kind: 'invalid', reason: 'several samples for one backend; aggregate the query by backend' };
  }
  return numericReading(sample);
}

/**
 * NaN (0/0: no requests) and infinities (x/0) are absence of evidence, not evidence: a comparison with NaN is false and
 * would read as healthy, one with infinity would read as the worst fault there is.
 */
export function numericReading(sample: Sample): Reading {
  switch (sample.value.kind) {
    case 'number':
      return { kind: 'value', value: sample.value.value };
    case 'nan':
      return { kind: 'missing', reason: 'value is NaN' };
    case 'infinite':
      return { kind: 'missing', reason: 'value is infinite' };
    case 'histogram':
      return {
        kind: 'invalid',
        reason: 'value is a native histogram; use histogram_quantile, histogram_avg or histogram_fraction',
      };
  }
}
