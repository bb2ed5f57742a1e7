/**
 * The fleet over time. EndpointSlices say what the fleet is now, and that is taken for what it was. Without them the
 * series themselves say who was there: a backend exists from its first sample to its last, ready all the while.
 */
import { canonicalIdentity } from '../metrics/identity.ts';
import { type Backend, backendId, type EpochMs, type Fleet, splitServiceKey } from '../model.ts';
import type { Match, Policy } from '../policy/policy.ts';
import { ProblemError } from '../problem.ts';
import { type Period, questionsOfBreaker } from './questions.ts';
import { type RecordedSeries, type Recording, type Span, spanOf } from './recording.ts';

export interface FleetHistory {
  readonly origin: 'slices' | 'series';
  /** In order; the first one is from the start. */
  readonly changes: readonly { readonly atMs: EpochMs; readonly fleet: Fleet }[];
}

/** Recordings of one breaker's questions. */
export function recordingsOf(
  policy: Policy,
  recordings: readonly Recording[],
  period: Period,
): readonly { readonly match: Match; readonly lookbackMs: number; readonly recording: Recording }[] {
  return policy.breakers.flatMap((breaker) =>
    questionsOfBreaker(breaker, period).flatMap(({ source, query, startMs, stepMs }) =>
      recordings
        .filter(
          (recording) =>
            recording.source === source &&
            recording.query === query &&
            recording.startMs === startMs &&
            recording.stepMs === stepMs,
        )
        .map((recording) => ({ match: breaker.match, lookbackMs: breaker.lookbackMs, recording })),
    ),
  );
}

/** @throws ProblemError when the series cannot say who was there. */
export function fleetHistory(
  policy: Policy,
  slices: Fleet | undefined,
  recordings: readonly Recording[],
  period: Period,
): FleetHistory {
  if (slices !== undefined && slices.backends.length > 0) {
    return { origin: 'slices', changes: [{ atMs: period.fromMs, fleet: slices }] };
  }
  return { origin: 'series', changes: fleetsFromSeries(policy, recordings, period) };
}

interface Life extends Span {
  readonly by: Match['by'];
  readonly name: string;
}

function fleetsFromSeries(policy: Policy, recordings: readonly Recording[], period: Period): FleetHistory['changes'] {
  const own = recordingsOf(policy, recordings, period);
  const kinds = new Set(own.map(({ match }) => match.by));
  if (kinds.size > 1) {
    throw new ProblemError({
      code: 'KV0746',
      severity: 'error',
      message: `the breakers of ${policy.service} name backends by ${[...kinds].join(' and by ')}, and no series says which is which`,
      remedy: 'put the Service and its EndpointSlices beside the policy, in a directory for -f',
    });
  }
  const { namespace } = splitServiceKey(policy.service);
  const lives = new Map<string, Life>();
  for (const { match, recording } of own) {
    for (const series of recording.series.values()) {
      const name = nameIn(series, match, namespace);
      const span = name === undefined ? undefined : spanOf(recording, series);
      if (name === undefined || span === undefined) continue;
      // It is gone at the first moment at which it was looked for and not there.
      const lastMs = span.lastMs + recording.stepMs;
      const known = lives.get(name);
      lives.set(name, {
        by: match.by,
        name,
        firstMs: Math.min(span.firstMs, known?.firstMs ?? span.firstMs),
        lastMs: Math.max(lastMs, known?.lastMs ?? lastMs),
      });
    }
  }
  // Scrapes are not all at one moment: who comes first, or goes last, within one look of another was there as well.
  const lookMs = Math.max(0, ...own.map(({ lookbackMs, recording }) => lookbackMs + 2 * recording.stepMs));
  return changesOf(policy, [...lives.values()], lookMs, period);
}

function changesOf(policy: Policy, lives: readonly Life[], lookMs: number, period: Period): FleetHistory['changes'] {
  const beginMs = Math.min(...lives.map(({ firstMs }) => firstMs));
  const endMs = Math.max(...lives.map(({ lastMs }) => lastMs));
  const placed = lives.map((life) => ({
    ...life,
    isOld: life.firstMs <= beginMs + lookMs,
    fromMs: life.firstMs <= beginMs + lookMs ? period.fromMs : life.firstMs,
    untilMs: life.lastMs >= endMs - lookMs ? Number.POSITIVE_INFINITY : life.lastMs,
  }));
  const moments = new Set([period.fromMs, ...placed.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs])]);
  return [...moments]
    .filter((atMs) => Number.isFinite(atMs))
    .sort((a, b) => a - b)
    .map((atMs) => ({
      atMs,
      fleet: {
        service: policy.service,
        ports: [],
        backends: placed
          .filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
          .map(({ by, name, isOld, fromMs }) => backendOf(by, name, isOld ? undefined : fromMs))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      },
    }));
}

function nameIn({ labels }: RecordedSeries, match: Match, namespace: string): string | undefined {
  const sampleNamespace = ownLabel(labels, match.namespaceLabel);
  if (sampleNamespace !== '' && sampleNamespace !== namespace) return undefined;
  return canonicalIdentity(match.by, ownLabel(labels, match.label));
}

function ownLabel(labels: RecordedSeries['labels'], name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
}

function backendOf(by: Match['by'], name: string, readySinceMs: EpochMs | undefined): Backend {
  return {
    id: backendId(name),
    name,
    ready: true,
    serving: true,
    terminating: false,
    ...(readySinceMs === undefined ? {} : { readySinceMs }),
    ...(by === 'PodName' ? { podName: name } : {}),
    ...(by === 'PodUID' ? { podUid: name } : {}),
    endpoints: by === 'PodIP' || by === 'Address' ? [endpointOf(by, name)] : [],
  };
}

function endpointOf(by: 'PodIP' | 'Address', name: string): Backend['endpoints'][number] {
  if (by === 'PodIP') return { portName: '', address: name, port: 0 };
  const colon = name.lastIndexOf(':');
  const address = name.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { portName: '', address, port: Number(name.slice(colon + 1)) };
}
