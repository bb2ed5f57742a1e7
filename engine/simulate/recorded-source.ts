/**
 * A metric source that answers from recordings. What was not recorded is asked of the real one at that moment: the check
 * of a query's past, which only follows a gap, and happens off the moments of the breaker.
 */
import type { MetricSource, QueryAnswer, QueryRequest } from '../metrics/source.ts';
import { type Recording, samplesAt } from './recording.ts';

export interface RecordedSource extends MetricSource {
  /** A question is with the real source. */
  isAsking(): boolean;
  /** Resolves when those that are there now have their answers. */
  answered(): Promise<unknown>;
}

export interface RecordedSourceOptions {
  readonly recordings: readonly Recording[];
  /** Evaluations were asked for that long before the moment, on the source's clock. */
  readonly queryOffsetMs: number;
  readonly instant: MetricSource;
}

/** Nobody's fleet waits for this answer. */
const timeoutMs = 30_000;

export function createRecordedSource({ recordings, queryOffsetMs, instant }: RecordedSourceOptions): RecordedSource {
  const byQuery = Map.groupBy(recordings, ({ query }) => query);
  const asked = new Set<Promise<QueryAnswer>>();

  async function ask(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const answer = instant.query({ ...request, timeoutMs }, signal);
    asked.add(answer);
    try {
      return await answer;
    } finally {
      asked.delete(answer);
    }
  }

  return {
    async query(request, signal) {
      for (const recording of byQuery.get(request.query) ?? []) {
        const samples = samplesAt(recording, request.atMs);
        if (samples === undefined) continue;
        const evaluatedAtMs = request.atMs - queryOffsetMs;
        return { kind: 'samples', samples, notes: [], evaluatedAtMs, evaluatedAtLocalMs: evaluatedAtMs };
      }
      return ask(request, signal);
    },
    health: () => instant.health(),
    isAsking: () => asked.size > 0,
    answered: () => Promise.all(asked),
  };
}
