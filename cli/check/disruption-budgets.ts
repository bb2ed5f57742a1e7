/**
 * PodDisruptionBudgets against the floor. They count different things: to a PodDisruptionBudget an ejected pod is as ready
 * as any, so a drain may take the pods that still serve; and one that allows no disruption allows us no eviction.
 */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { budgetOf } from '../../engine/budget/arithmetic.ts';
import { type Governed, governedServices } from './governed.ts';
import { type Check, type Finding, nameOf, ok, recordsOf, selectorText, warning, type World } from './world.ts';

export const disruptionBudgetsCheck: Check = {
  id: 'disruption-budgets',
  about: 'the PodDisruptionBudgets',
  async run(world) {
    const governed = (await governedServices(world)).filter(({ pods }) => pods.length > 0);
    const findings = await Promise.all(governed.map((each) => compare(each, world)));
    const wrong = findings.flat();
    if (wrong.length > 0 || governed.length === 0) return wrong;
    return [ok(`the PodDisruptionBudgets of ${governed.length} Services keep their floor`)];
  },
};

async function compare({ namespace, service, policy, pods }: Governed, world: World): Promise<readonly Finding[]> {
  const name = `service/${namespace}/${service}`;
  const budgets = await budgetsOf(namespace, pods, world);
  const { floor, maxOut } = budgetOf(pods.length, policy.budget);
  const [budget, second] = budgets;
  if (budget === undefined) {
    const message = `${name} has no PodDisruptionBudget: a drain may take all ${pods.length} pods, and its floor is ${floor}`;
    return [warning(message, `make one with minAvailable: ${Math.min(pods.length - 1, floor + maxOut)}`)];
  }
  if (second !== undefined) {
    const names = budgets.map((each) => `pdb/${nameOf(each)}`).join(' and ');
    return [
      warning(`${name}: ${names} are for the same pods: the API server evicts none of them`, 'delete all but one'),
    ];
  }
  const kept = keptBy(budget, pods.length);
  const pdb = `pdb/${nameOf(budget)}`;
  const evicts = policy.activator.mode === 'retryAndKill' || policy.eject.then === 'Evict';
  if (evicts && kept >= pods.length) {
    const message = `${pdb} keeps all ${pods.length} pods of ${name}: what its policy wants evicted is never evicted`;
    return [warning(message, `let at least one go: minAvailable: ${pods.length - 1}`)];
  }
  const enough = Math.min(pods.length - 1, floor + maxOut);
  if (kept >= enough) return [];
  // Of those that a drain leaves, as many as may be ejected may be ejected already.
  const left = Math.max(0, kept - maxOut);
  const message =
    `${pdb} lets a drain leave ${kept} of ${pods.length} pods of ${name}; with ${maxOut} ejected, which it counts as ` +
    `ready, ${left} would serve, and the floor is ${floor}`;
  return [warning(message, `set its minAvailable to ${enough}`)];
}

async function budgetsOf(namespace: string, pods: readonly Fields[], world: World): Promise<readonly Fields[]> {
  const all = await world.list(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`);
  const ours = new Set(pods.map(nameOf));
  const meant = await Promise.all(
    all.map(async (budget) => {
      const { selector } = fieldsOf(budget, 'spec');
      // Absent it selects nothing, empty all.
      if (selector === undefined || selector === null) return false;
      const text = selectorText(fieldsOf(selector, 'matchLabels'), recordsOf(fieldsOf(selector)['matchExpressions']));
      const selected = await world.list(`/api/v1/namespaces/${namespace}/pods`, text);
      return selected.some((pod) => ours.has(nameOf(pod)));
    }),
  );
  return all.filter((_, index) => meant[index] === true);
}

/** How many of so many pods it keeps. Percentages are rounded up, as the disruption controller does. */
function keptBy(budget: Fields, pods: number): number {
  const { minAvailable, maxUnavailable } = fieldsOf(budget, 'spec');
  if (minAvailable !== undefined) return amountOf(minAvailable, pods);
  // Absent both, one may go.
  return maxUnavailable === undefined ? pods - 1 : Math.max(0, pods - amountOf(maxUnavailable, pods));
}

function amountOf(value: unknown, pods: number): number {
  const text = String(value);
  return text.endsWith('%') ? Math.ceil((Number.parseInt(text, 10) * pods) / 100) : Number(text);
}
