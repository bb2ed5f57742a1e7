/** Services and their breakers as tables. */
import type { BreakerView, GroupView, ServiceProblemView, ServiceView } from '../engine/admin/messages.ts';
import { refusalIn } from '../engine/admin/view-context.ts';
import { ageText, type Column, defaultWidth, numberText, table, type TableOptions } from './table.ts';

const serviceColumns: readonly Column<ServiceView>[] = [
  { header: 'NAME', cell: ({ namespace, name }) => `${namespace}/${name}` },
  { header: 'MODE', cell: modeOf },
  { header: 'READY', cell: ({ summary }) => `${summary.ready}/${summary.total}`, yields: true },
  { header: 'SERVING', cell: ({ summary }) => String(summary.serving) },
  { header: 'OUT', cell: ({ summary }) => String(outOf(summary)) },
  { header: 'HELD', cell: heldOf, yields: true },
  { header: 'BUDGET-LEFT', cell: ({ budget }) => `${budget.left}/${budget.maxOut}`, yields: true },
  { header: 'STATUS', cell: statusOf },
];

const breakerColumns: readonly Column<BreakerView & { readonly now: number }>[] = [
  { header: 'NAME', cell: ({ name }) => name },
  { header: 'MODE', cell: ({ enforcement }) => enforcement },
  { header: 'OUTCOME', cell: ({ outcome }) => outcome },
  { header: 'EVALUATED', cell: ({ evaluatedTime, now }) => ageText(evaluatedTime, now) },
  { header: 'NORMAL', cell: (breaker) => countText(breaker, breaker.normal) },
  { header: 'ANOMALOUS', cell: (breaker) => countText(breaker, breaker.anomalous) },
  { header: 'NO-DATA', cell: (breaker) => countText(breaker, breaker.insufficient + breaker.error) },
  { header: 'BASELINE', cell: ({ baseline }) => numberText(baseline) },
  { header: 'WHY', cell: whyOf },
];

const groupColumns: readonly Column<GroupView & { readonly breaker: string }>[] = [
  { header: 'BREAKER', cell: ({ breaker }) => breaker },
  { header: 'GROUP', cell: ({ key }) => key },
  { header: 'SIZE', cell: ({ size }) => String(size) },
  { header: 'OUTCOME', cell: ({ outcome }) => outcome },
  { header: 'BASELINE', cell: ({ baseline }) => numberText(baseline) },
  { header: 'REST', cell: ({ againstRest }) => againstRest },
  { header: 'VALUE', cell: ({ value }) => numberText(value) },
  { header: 'BOUND', cell: ({ bound }) => numberText(bound) },
  { header: 'WHY', cell: ({ reason, againstRestReason }) => (reason === '' ? againstRestReason : reason) },
];

/** Those that nobody has to look after come last. */
export function servicesTable(services: readonly ServiceView[], options: Partial<TableOptions> = {}): string {
  const key = ({ namespace, name, policy, policyStatus }: ServiceView): string =>
    `${policy === '' && policyStatus === undefined ? 1 : 0} ${namespace}/${name}`;
  const sorted = services.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return table(serviceColumns, sorted, { width: defaultWidth, ...options });
}

/** Empty for a Service without breakers. */
export function breakersTable({ breakers }: ServiceView, now: number, options: Partial<TableOptions> = {}): string {
  if (breakers.length === 0) return '';
  const rows = breakers.map((breaker) => ({ ...breaker, now }));
  return `\n${table(breakerColumns, rows, { width: defaultWidth, ...options })}`;
}

/** Empty where no breaker has groups. */
export function groupsTable({ breakers }: ServiceView, options: Partial<TableOptions> = {}): string {
  const rows = breakers.flatMap(({ name, groups }) => groups.map((group) => ({ ...group, breaker: name })));
  return rows.length === 0 ? '' : `\n${table(groupColumns, rows, { width: defaultWidth, ...options })}`;
}

function outOf({ ejected, probing, ramping, paused, evicted }: ServiceView['summary']): number {
  return ejected + probing + ramping + paused + evicted;
}

/** 0 would be a lie where it is not known. */
function countText({ outcome }: BreakerView, count: number): string {
  return outcome === 'unknown' ? '' : String(count);
}

function heldOf({ summary, breakers }: ServiceView): string {
  return breakers.some(({ outcome }) => outcome === 'unknown') ? '' : String(summary.held);
}

function modeOf({ suspension, freeze, enforcement }: ServiceView): string {
  if (suspension !== undefined) return 'Suspended';
  return freeze === undefined ? enforcement : 'Frozen';
}

/** Undefined also where a server of an older version answers, which says nothing of them. */
function problemAbout(
  subject: ServiceProblemView['about'],
  { problems }: Partial<ServiceView>,
): ServiceProblemView | undefined {
  return problems?.find(({ about }) => about === subject);
}

/** What is unusual about a Service, the gravest first; `ok` when nothing is. */
function statusOf(service: ServiceView): string {
  const { policy, enforcement, policyStatus, suspension, freeze, budget, breakers, summary } = service;
  // A line above says who suspended everything, and why.
  if (suspension?.scope === 'everything') return 'suspended (all)';
  if (suspension !== undefined) return `suspended by ${suspension.actor}`;
  if (budget.belowFloorSinceTime !== undefined) return `below the floor of ${budget.floor}`;
  // What stands in the table then is as it was when the record could be read last.
  if (problemAbout('record', service) !== undefined) return 'record unreadable: frozen';
  // It ends within hours: without the day it fits the line.
  if (freeze !== undefined) return `frozen until ${freeze.untilTime.slice(11, 19)}Z by ${freeze.actor}`;
  if (refusalIn(policyStatus) !== undefined) return `policy ${policyStatus?.name ?? ''} is invalid`;
  const refused = problemAbout('policy', service);
  if (refused !== undefined) return `policy is invalid (${refused.code})`;
  if (policy === '') return 'no policy';
  if (enforcement === 'Suspended') return 'suspended by its policy';
  if (breakers.some(({ outcome }) => outcome === 'unknown')) return toldStatus(service);
  const unusual = breakers.find(({ outcome }) => outcome === 'fleet-wide' || outcome === 'unusable');
  if (unusual !== undefined) return `${unusual.name}: ${unusual.outcome}`;
  const idle = breakers.find(({ outcome, reason }) => outcome === 'judged' && reason !== '');
  if (idle !== undefined) return `${idle.name}: nobody is judged`;
  const moved = breakers.find(({ groups }) => groups.some(({ outcome }) => outcome === 'fleet-wide'));
  if (moved !== undefined) return `${moved.name}: group fleet-wide`;
  if (summary.held > 0) return `${summary.held} held`;
  const settling = breakers.find(({ evaluations, settle }) => evaluations <= settle);
  if (settling !== undefined) return `${settling.name}: ${settlingText(settling)}`;
  return summary.wouldEject > 0 ? `${summary.wouldEject} would be out` : 'ok';
}

/** Where another one judges: what it has written about it. */
function toldStatus({ policyStatus, summary }: ServiceView): string {
  const conditions = policyStatus?.conditions ?? [];
  if (conditions.length === 0) return 'no leader has looked at it yet';
  const unusual = conditions.find(({ type, status }) =>
    type === 'BudgetExhausted' ? status === 'True' : type === 'DetectorsHealthy' && status !== 'True',
  );
  if (unusual !== undefined) return unusual.message;
  return summary.wouldEject > 0 ? `${summary.wouldEject} would be out` : 'ok';
}

function whyOf(breaker: BreakerView): string {
  if (breaker.reason !== '') return breaker.reason;
  if (breaker.enforcement === 'Suspended') return 'suspended';
  return breaker.evaluations <= breaker.settle ? settlingText(breaker) : '';
}

function settlingText({ evaluations, settle, outcome }: BreakerView): string {
  return outcome === 'none' ? 'not evaluated yet' : `settling ${evaluations}/${settle}`;
}
