/** Bounds from the past: each field over its candidates, and the policies once more with what they suggest. */
import { codes } from '../../policy/codes.ts';
import type { Policy } from '../../policy/policy.ts';
import { ProblemError } from '../../problem.ts';
import { recordingsOf } from '../fleet.ts';
import type { Period } from '../questions.ts';
import { numbersIn } from '../recording.ts';
import { type Run, type Simulation, type SimulationOptions, withPast } from '../simulate.ts';
import { fieldsOf } from './field.ts';
import type { Incident, Suggestion } from './suggestion.ts';
import { createRehearsals } from './rehearsals.ts';

export interface SuggestOptions extends Omit<SimulationOptions, 'runs'> {
  readonly run: Run;
  readonly incidents: readonly Incident[];
}

export interface Suggested {
  readonly simulation: Simulation;
  readonly suggestions: readonly Suggestion[];
  /** With the suggested values; absent when the policies have them already, or there are none. */
  readonly against?: Simulation;
}

/** @throws ProblemError as `simulate` does, when there is nothing to vary, and for an incident outside of the period. */
export function suggest(options: SuggestOptions): Promise<Suggested> {
  const { run, incidents, period } = options;
  mustVary(run.policies);
  mustLieWithin(incidents, period);
  return withPast({ ...options, runs: [run] }, async (past) => {
    const rehearsals = createRehearsals(run.policies, incidents, period, (policy, breaker) =>
      // Of a threshold, which has one query that its bound is about; the first.
      recordingsOf({ ...policy, breakers: [breaker] }, past.recordings, period)
        .slice(0, 1)
        .flatMap(({ recording }) => numbersIn(recording)),
    );
    const simulation = await past.replay(run, { index: 0, of: 2 }, rehearsals.observe);
    const suggestions = rehearsals.suggestions();
    const policies = run.policies.map((policy) => withSuggestions(policy, suggestions));
    if (policies.every((policy, index) => policy === run.policies[index])) return { simulation, suggestions };
    return { simulation, suggestions, against: await past.replay({ ...run, policies }, { index: 1, of: 2 }) };
  });
}

/** Of each breaker the first field, where another value is suggested. */
function withSuggestions(policy: Policy, suggestions: readonly Suggestion[]): Policy {
  const breakers = policy.breakers.map((breaker) => {
    const first = suggestions.find(
      (suggestion) => suggestion.service === policy.service && suggestion.breaker === breaker.name,
    );
    if (first?.suggested === undefined || first.suggested === first.current) return breaker;
    const field = fieldsOf(breaker.detector, () => []).find(({ name }) => name === first.field);
    return field === undefined ? breaker : { ...breaker, detector: field.with(first.suggested) };
  });
  return breakers.every((breaker, index) => breaker === policy.breakers[index]) ? policy : { ...policy, breakers };
}

function mustVary(policies: readonly Policy[]): void {
  const breakers = policies.flatMap((policy) => policy.breakers);
  if (breakers.some(({ detector }) => fieldsOf(detector, () => []).length > 0)) return;
  throw new ProblemError({
    code: codes.nothingToSuggest,
    severity: 'error',
    message: 'no breaker of the policies has a bound that history could suggest',
    remedy:
      'it can for continuousValueDeviation, outlier, ratio, threshold by order, and discreteValueOutOfList with tolerancePercent',
  });
}

function mustLieWithin(incidents: readonly Incident[], { fromMs, untilMs }: Period): void {
  const outside = incidents.find((incident) => incident.untilMs <= fromMs || incident.fromMs >= untilMs);
  if (outside === undefined) return;
  const text = (atMs: number): string => new Date(atMs).toISOString();
  throw new ProblemError({
    code: codes.incidentOutside,
    severity: 'error',
    message: `the incident from ${text(outside.fromMs)} to ${text(outside.untilMs)} lies outside of the history from ${text(fromMs)} to ${text(untilMs)}`,
    remedy: 'correct --incident, or look further back with --since',
  });
}
