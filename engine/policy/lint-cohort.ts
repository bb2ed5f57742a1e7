/** onCohort: EjectWithinBudget, where no cohort can ever be ejected as a whole. */
import { budgetOf, velocityLimit } from '../budget/arithmetic.ts';
import type { Backend } from '../model.ts';
import { codes } from './codes.ts';
import { type Finding, warning } from './finding.ts';
import type { Policy } from './policy.ts';

/** Fewer that have something in common are no cohort (rotation/cohort.ts). */
const smallest = 3;
const path = ['spec', 'budget', 'onCohort'];

/** @param members The fleet, where it is known. */
export function lintCohort({ budget }: Policy, members: readonly Backend[] | undefined): readonly Finding[] {
  if (budget.onCohort !== 'EjectWithinBudget') return [];
  const never = (limit: string, remedy: string): readonly Finding[] => [
    warning(
      codes.cohortNeverFits,
      path,
      `a cohort is ${smallest} backends or more, and ${limit}: it never goes`,
      remedy,
    ),
  ];
  const { velocity } = budget;
  if (members === undefined || members.length === 0) {
    const isSlow = velocity.percent === 0 && velocity.count < smallest;
    return isSlow ? never(`velocity lets ${velocity.count} go in 10 minutes`, 'raise velocity.count') : [];
  }
  const base = members.length;
  const { maxOut } = budgetOf(base, budget);
  if (maxOut < smallest) {
    return never(
      `of ${base} at most ${maxOut} may be out`,
      'raise maxEjectedPercent, lower the floor, or add backends',
    );
  }
  const limit = velocityLimit(base, budget);
  if (limit < smallest) return never(`velocity lets ${limit} of ${base} go in 10 minutes`, 'raise velocity.count');
  const held = Math.floor((base * budget.holdAbovePercent) / 100);
  if (held < smallest) {
    return never(`with more than ${held} of ${base} bad everybody is held`, 'raise holdAbovePercent');
  }
  if (members.some(hasSomethingInCommon)) return [];
  const remedy = 'list the Pods beside the EndpointSlices, or write zone and nodeName beside the addresses';
  return [
    warning(
      codes.cohortUnknown,
      path,
      'no version, zone or node of any backend is known: there are no cohorts',
      remedy,
    ),
  ];
}

function hasSomethingInCommon({ labels, zone = '', node = '' }: Backend): boolean {
  return labels !== undefined || zone !== '' || node !== '';
}
