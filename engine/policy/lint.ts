/**
 * Policies that are valid and probably not what was meant. Each rule is one function with one code; none of them stops
 * a policy, because the same text may be right for somebody.
 */
import type { Backend } from '../model.ts';
import { codes } from './codes.ts';
import { formatDuration } from './duration.ts';
import { type Finding, type Path, warning } from './finding.ts';
import { lintBreaker } from './lint-breaker.ts';
import { lintCohort } from './lint-cohort.ts';
import { lintGroups } from './lint-groups.ts';
import { lintStateful } from './lint-stateful.ts';
import { breakerSpecs } from './normalise.ts';
import type { Policy } from './policy.ts';
import type { QueryChecker } from './promql.ts';
import type { PolicySpec } from './schema.ts';

/** `members` of the fleet add the rules that need to know how many there are, and where. */
export function lint(
  policy: Policy,
  spec: PolicySpec,
  checkQuery: QueryChecker,
  members?: readonly Backend[],
): readonly Finding[] {
  const breakers = breakerSpecs(spec).flatMap((breakerSpec, index) => {
    const breaker = policy.breakers[index];
    const path: Path = spec.breaker === undefined ? ['spec', 'breakers', index] : ['spec', 'breaker'];
    if (breaker === undefined) return [];
    const about = lintBreaker(breaker, breakerSpec, policy, path, checkQuery);
    return [...about, ...lintGroups(breaker, breakerSpec, path, members)];
  });
  return [
    ...neverEjects(policy),
    ...activatorWithoutEffect(policy, spec),
    ...noRamp(policy),
    ...staleTooSoon(policy),
    ...nothingToClose(policy, spec),
    ...nothingToCombine(policy),
    ...lintCohort(policy, members),
    ...breakers,
    ...(members === undefined ? [] : lintFleetSize(policy, members.length)),
    ...(members === undefined ? [] : everybodyIsNear(policy, members)),
    ...(members === undefined ? [] : lintStateful(policy, spec, members)),
  ];
}

/** For a fleet of this many backends: can the budget let anybody go at all? */
function lintFleetSize(policy: Policy, fleetSize: number): readonly Finding[] {
  const { minAvailableCount, minAvailableRatioPercent, maxEjectedPercent } = policy.budget;
  if (fleetSize === 0 || neverEjects(policy).length > 0) return [];
  const floor = Math.max(minAvailableCount, Math.ceil((fleetSize * minAvailableRatioPercent) / 100));
  if (floor >= fleetSize) {
    const message = `the floor of ${floor} leaves nothing of ${backends(fleetSize)}: nobody can ever be ejected`;
    const byCount = minAvailableCount >= fleetSize;
    const field = byCount ? 'minAvailableCount' : 'minAvailableRatio';
    return [warning(codes.floorTooHigh, ['spec', 'budget', field], message, 'lower the floor or add backends')];
  }
  if (Math.floor((fleetSize * maxEjectedPercent) / 100) >= 1) return [];
  const message = `${maxEjectedPercent} % of ${backends(fleetSize)} is less than one: nobody can ever be ejected`;
  const remedy = `with ${backends(fleetSize)} it takes ${Math.ceil(100 / fleetSize)} or more`;
  return [warning(codes.shareTooSmall, ['spec', 'budget', 'maxEjectedPercent'], message, remedy)];
}

/** A slip in the EndpointSlices, or a Service that has no use for it: nothing else would tell. */
function everybodyIsNear({ proximity }: Policy, members: readonly Backend[]): readonly Finding[] {
  if (proximity === 'None' || members.length === 0) return [];
  const places = members.map(({ zone, node }) => (proximity === 'Zone' ? zone : node) ?? '');
  if (new Set(places).size > 1) return [];
  const [what, field] = proximity === 'Zone' ? ['in the same zone', 'zone'] : ['on the same node', 'nodeName'];
  const where = places[0] === '' ? `the EndpointSlices give no ${field}` : `all backends are ${what}`;
  const remedy = `write ${field} beside the addresses of each endpoint, or leave proximity out`;
  return [warning(codes.noEffect, ['spec', 'proximity'], `has no effect: ${where}`, remedy)];
}

function neverEjects({ budget }: Policy): readonly Finding[] {
  const never = (field: Path, why: string): Finding =>
    warning(
      codes.neverEjects,
      ['spec', 'budget', ...field],
      `${why}: nobody can ever be ejected`,
      'to watch without acting, write enforcement: Observe',
    );
  const found: Finding[] = [];
  if (budget.minAvailableRatioPercent === 100) found.push(never(['minAvailableRatio'], 'all backends must stay'));
  if (budget.maxEjectedPercent === 0) found.push(never(['maxEjectedPercent'], 'no share of the fleet may be out'));
  if (budget.holdAbovePercent === 0) found.push(never(['holdAbovePercent'], 'a single anomaly already holds all'));
  if (budget.velocity.count === 0 && budget.velocity.percent === 0) {
    found.push(never(['velocity'], 'no ejection is allowed in any 10 minutes'));
  }
  return found;
}

function activatorWithoutEffect({ activator, eject }: Policy, spec: PolicySpec): readonly Finding[] {
  const { mode } = activator;
  const evicts = mode !== 'periodic' || eject.then === 'Evict';
  const idle = (field: keyof NonNullable<PolicySpec['activator']>, needs: string): readonly Finding[] =>
    spec.activator?.[field] === undefined
      ? []
      : [
          warning(
            codes.noEffect,
            ['spec', 'activator', field],
            `has no effect with mode ${mode}`,
            `it needs mode ${needs}`,
          ),
        ];
  return [
    ...(mode === 'periodic' ? idle('maxRetryCount', 'retryAndPause or retryAndKill') : []),
    ...(mode === 'retryAndPause' ? [] : idle('maxPauseCount', 'retryAndPause')),
    ...(evicts ? [] : idle('maxEvictionsPerHour', 'retryAndPause or retryAndKill')),
  ];
}

function noRamp({ activator: { ramp } }: Policy): readonly Finding[] {
  if (ramp.weights[0] !== 100) return [];
  const message = 'a backend comes back with all its traffic at once, before anything has proven it healthy';
  return [
    warning(codes.noRamp, ['spec', 'activator', 'ramp', 'weights'], message, 'start with a small weight, such as 5'),
  ];
}

/** Evaluations that may fail before data counts as lost. */
const leastMissed = 3;

function staleTooSoon({ activator: { maxStaleMs }, breakers }: Policy): readonly Finding[] {
  const slow = breakers.find(
    ({ evaluationPeriodMs }) => (maxStaleMs ?? evaluationPeriodMs * leastMissed) < evaluationPeriodMs * leastMissed,
  );
  if (maxStaleMs === undefined || slow === undefined) return [];
  const { name, evaluationPeriodMs } = slow;
  const message = `${formatDuration(maxStaleMs)} is less than ${leastMissed} evaluations of breaker ${name} take, one each ${formatDuration(evaluationPeriodMs)}: a few answers that fail bring back whom it took out`;
  return [warning(codes.staleTooSoon, ['spec', 'activator', 'maxStale'], message, 'give it minutes')];
}

function nothingToClose({ eject }: Policy, spec: PolicySpec): readonly Finding[] {
  const { closeAfterMs } = eject;
  if (closeAfterMs === undefined) {
    if (eject.then === 'None') return [];
    const message = `then: ${eject.then} never happens without closeAfter`;
    return [warning(codes.nothingToClose, ['spec', 'eject', 'then'], message, 'set closeAfter')];
  }
  const path = ['spec', 'eject', spec.eject?.then === undefined ? 'closeAfter' : 'then'];
  const after = `${formatDuration(closeAfterMs)} after the ejection`;
  if (eject.then === 'None') {
    return [
      warning(codes.nothingToClose, path, `nothing happens ${after}: then is None`, 'remove closeAfter, or set then'),
    ];
  }
  if (eject.how !== 'Remove' || eject.then !== 'Remove') return [];
  const message = `nothing is left to remove ${after}: how is Remove already`;
  return [warning(codes.nothingToClose, path, message, 'set how: Drain, or then: Evict')];
}

function nothingToCombine({ combine, breakers }: Policy): readonly Finding[] {
  const enforcing = breakers.filter(({ enforcement }) => enforcement === 'Enforce').length;
  if (combine !== 'All' || enforcing > 1 || breakers.length - enforcing > 1) return [];
  const message =
    'has no effect with one breaker: those that only observe are not asked to agree with those that enforce';
  return [warning(codes.noEffect, ['spec', 'combine'], message, 'leave it out, or add a breaker')];
}

function backends(count: number): string {
  return count === 1 ? '1 backend' : `${count} backends`;
}
