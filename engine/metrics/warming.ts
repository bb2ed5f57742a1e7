/**
 * A source that lost its history answers at once, and wrongly: after a restart without its data, the first `rate(x[5m])`
 * is made of two scrapes, an increase of a minute is that of two seconds, and both look like any other number. So data
 * that appears where there was none (the first answer to a query, or the first after an empty one or an error) must
 * show its past first: the same query is asked at the evaluation time minus how far it looks back.
 *
 * - It had data then: the window is full, and the answer goes through.
 * - It had none: that may also be a series that does not exist while all is well, such as a counter of errors before
 *   the first one. To wait there would be to look away for a whole window just when a fault begins. So the source is
 *   asked for a witness: did it gather anything at all before the window? Then its history is fine and the query was
 *   merely quiet. If it has no witness either, the query is `warming` until the window has passed.
 * - The check failed: it is repeated with the next query, and at the latest when the window has passed it is moot. A
 *   source that refuses old evaluation times is not warming for ever.
 *
 * It costs one or two further queries a transition, none in between. A loss of history that comes and goes between two
 * evaluations of a query, so that not even one of them is empty, is not seen; windows of several scrapes rule that out.
 */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';
import type { MetricSource, QueryAnswer, QueryRequest } from './source.ts';

export interface WarmingOptions {
  readonly clock: Clock;
  /** A query that has samples whenever the source gathered anything in the `lookbackMs` before the evaluation time. */
  readonly witness?: (lookbackMs: number) => string;
}

/** Whatever a Prometheus scrapes has `up`; sources that are only pushed to lack it, and their quiet queries must wait. */
export function prometheusWitness(lookbackMs: number): string {
  return `count(count_over_time(up[${Math.min(lookbackMs, 300_000)}ms]))`;
}

type Past = 'present' | 'absent' | 'unknown';

type State =
  | { readonly kind: 'proven' }
  | {
      readonly kind: 'warming';
      readonly untilMs: EpochMs;
      readonly past: Exclude<Past, 'present'>;
      readonly why: string;
    };

/** Queries that nobody asks any more are forgotten; one that is forgotten too early only proves its past again. */
const maxStates = 10_000;

export function createWarmingSource(source: MetricSource, { clock, witness }: WarmingOptions): MetricSource {
  const states = new Map<string, State>();

  const remember = (key: string, state: State): void => {
    states.delete(key);
    states.set(key, state);
    if (states.size <= maxStates) return;
    const [oldest] = states.keys();
    if (oldest !== undefined) states.delete(oldest);
  };

  const had = async (query: string, request: QueryRequest, startedAtMs: number, signal: AbortSignal) => {
    const timeoutMs = request.timeoutMs - (clock.now() - startedAtMs);
    if (timeoutMs <= 0) return { past: 'unknown', why: 'no time left to ask for it' } as const;
    const answer = await source.query(
      { ...request, query, timeoutMs, atMs: request.atMs - request.lookbackMs },
      signal,
    );
    if (answer.kind !== 'samples') return { past: 'unknown', why: answer.message } as const;
    return answer.samples.length > 0
      ? ({ past: 'present' } as const)
      : ({ past: 'absent', why: 'it has none' } as const);
  };

  const lookBack = async (request: QueryRequest, startedAtMs: number, signal: AbortSignal) => {
    const own = await had(request.query, request, startedAtMs, signal);
    if (own.past !== 'absent' || witness === undefined) return own;
    return had(witness(request.lookbackMs), request, startedAtMs, signal);
  };

  return {
    async query(request, signal) {
      const key = JSON.stringify([request.lookbackMs, request.query, request.tenant]);
      const startedAtMs = clock.now();
      const answer = await source.query(request, signal);
      if (answer.kind !== 'samples' || answer.samples.length === 0) {
        states.delete(key);
        return answer;
      }
      let state = states.get(key);
      const passed = state?.kind === 'warming' && request.atMs >= state.untilMs;
      if (request.lookbackMs === 0 || passed) {
        state = { kind: 'proven' };
      } else if (state === undefined || (state.kind === 'warming' && state.past === 'unknown')) {
        const history = await lookBack(request, startedAtMs, signal);
        const untilMs = state?.kind === 'warming' ? state.untilMs : request.atMs + request.lookbackMs;
        state = history.past === 'present' ? { kind: 'proven' } : { kind: 'warming', untilMs, ...history };
      }
      remember(key, state);
      return state.kind === 'proven' ? answer : warming(state, request);
    },
    health: () => source.health(),
  };
}

function warming(state: Extract<State, { kind: 'warming' }>, { lookbackMs }: QueryRequest): QueryAnswer {
  const needed = `the query looks back ${lookbackMs / 1000} s, and the data from before`;
  const message =
    state.past === 'absent'
      ? `${needed} is not there: the source is new, or lost its history`
      : `${needed} could not be checked: ${state.why}`;
  return { kind: 'warming', untilMs: state.untilMs, message };
}
