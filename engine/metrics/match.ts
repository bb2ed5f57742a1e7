/** Which sample speaks of which backend. Pure. */
import type { Backend, BackendId } from '../model.ts';
import type { Match } from '../policy/policy.ts';
import { canonicalIdentity, indexBackends } from './identity.ts';
import type { Sample } from './source.ts';

export interface MatchResult {
  /** Samples of each backend that has any, in the order of the answer. */
  readonly byBackend: ReadonlyMap<BackendId, readonly Sample[]>;
  /** Backends that share a label value, with the reason: a guess here would eject the wrong one. */
  readonly ambiguous: ReadonlyMap<BackendId, string>;
  /** Samples of our namespace that name no backend of this fleet: the first few, to show to a person. */
  readonly unmatched: readonly Sample[];
  readonly unmatchedCount: number;
  /** Samples of other namespaces. */
  readonly foreignCount: number;
}

/** A query that selects the whole cluster leaves thousands unmatched; a person needs a few to see why. */
const unmatchedShown = 10;

/**
 * `backends` is the whole fleet, terminating ones included: theirs are known samples, and an address that a terminating
 * pod still shares with a new one is ambiguous, not the new one's.
 */
export function matchSamples(
  match: Match,
  namespace: string,
  backends: readonly Backend[],
  samples: readonly Sample[],
): MatchResult {
  const index = indexBackends(backends, match.by);
  const byBackend = new Map<BackendId, Sample[]>();
  const ambiguous = new Map<BackendId, string>();
  const unmatched: Sample[] = [];
  let unmatchedCount = 0;
  let foreignCount = 0;

  for (const sample of samples) {
    const sampleNamespace = labelValue(sample, match.namespaceLabel);
    if (sampleNamespace !== undefined && sampleNamespace !== namespace) {
      foreignCount += 1;
      continue;
    }
    const value = labelValue(sample, match.label);
    const identity = value === undefined ? undefined : canonicalIdentity(match.by, value);
    const named = identity === undefined ? [] : (index.get(identity) ?? []);
    const [backend, another] = named;
    if (backend === undefined) {
      unmatchedCount += 1;
      if (unmatched.length < unmatchedShown) unmatched.push(sample);
    } else if (another !== undefined) {
      const names = named.map(({ name }) => name).join(', ');
      for (const { id } of named) ambiguous.set(id, `${match.label}="${value}" fits several backends: ${names}`);
    } else {
      const others = byBackend.get(backend.id);
      if (others === undefined) byBackend.set(backend.id, [sample]);
      else others.push(sample);
    }
  }
  return { byBackend, ambiguous, unmatched, unmatchedCount, foreignCount };
}

/** An empty label is an absent one in Prometheus. Own properties only: `constructor` is a legal label name. */
function labelValue(sample: Sample, label: string): string | undefined {
  const value = Object.hasOwn(sample.labels, label) ? sample.labels[label] : undefined;
  return value === '' ? undefined : value;
}
