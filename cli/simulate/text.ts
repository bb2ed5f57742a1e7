/** A simulation as text for a terminal. */
import type { Comparison } from '../../engine/simulate/compare.ts';
import type {
  BreakerReport,
  Episode,
  HeldReport,
  ServiceReport,
  SimulationReport,
} from '../../engine/simulate/report.ts';
import { moment } from './moment.ts';
import { type Column, numberText, secondsText, table, type TableOptions } from '../table.ts';

export function simulationText(report: SimulationReport, options: TableOptions): string {
  return report.services.map((service) => serviceText(service, report, options)).join('\n');
}

function serviceText(service: ServiceReport, { from, until }: SimulationReport, options: TableOptions): string {
  const { episodes, held, breakers, backends, assumptions } = service;
  const section = <Row>(title: string, columns: readonly Column<Row>[], rows: readonly Row[]): string =>
    rows.length === 0 ? '' : `\n${title}\n${table(columns, rows, options)}`;
  return [
    `${service.service}: policy ${service.policy} (${service.enforcement}), ${moment(from)} to ${moment(until)}, ${backends.length} backends\n`,
    `${totalsText(service)}\n`,
    section('What would have been out', episodeColumns, episodes),
    section('What would have been held', heldColumns, held),
    section('What the breakers saw', breakerColumns, breakers),
    ...breakers.flatMap(noteOf).map((note) => `${note}\n`),
    `\nAssumed\n${assumptions.map((text) => `- ${text}\n`).join('')}`,
  ].join('');
}

/** @param other what the second policy of each pair is called. */
export function comparisonText(comparisons: readonly Comparison[], other: OtherPolicy, options: TableOptions): string {
  const rows = comparisons.flatMap((comparison) => [
    { which: 'this', report: comparison.one },
    { which: other, report: comparison.other },
  ]);
  const list = (title: string, episodes: readonly Episode[]): string =>
    episodes.length === 0 ? '' : `\n${title}\n${table(episodeColumns, episodes, options)}`;
  return [
    '\nCompared\n',
    table(comparisonColumns, rows, options),
    ...comparisons.map(({ service, onlyOne, onlyOther }) =>
      list(`${service}: out with this policy only`, onlyOne).concat(
        list(`${service}: out with the policy ${otherPolicyText[other]} only`, onlyOther),
      ),
    ),
  ].join('');
}

export type OtherPolicy = 'against' | 'suggested';

const otherPolicyText: Readonly<Record<OtherPolicy, string>> = {
  against: 'of --against',
  suggested: 'as suggested',
};

/** One line that answers the first question. */
export function totalsText({ totals }: ServiceReport): string {
  const { ejections, failedReturns, flaps, outMs, held, stillOut } = totals;
  const refusals = Object.entries(held).map(
    ([cause, { count, forMs }]) => `${cause} ${count} (${secondsText(forMs / 1000)})`,
  );
  return [
    `${ejections} ${ejections === 1 ? 'ejection' : 'ejections'}, ${secondsText(outMs / 1000)} out in all`,
    `${failedReturns} failed returns`,
    `${flaps} flaps`,
    `held: ${refusals.length === 0 ? 'nobody' : refusals.join(', ')}`,
    ...(stillOut === 0 ? [] : [`${stillOut} still out at the end`]),
  ].join('; ');
}

const episodeColumns: readonly Column<Episode>[] = [
  { header: 'BACKEND', cell: ({ backend, observed }) => `${backend}${observed ? ' (observed)' : ''}` },
  { header: 'FROM', cell: ({ from }) => moment(from) },
  { header: 'OUT', cell: ({ outMs }) => secondsText(outMs / 1000) },
  { header: 'ENDED', cell: ({ ended }) => ended },
  { header: 'FAILED-RETURNS', cell: ({ failedReturns }) => String(failedReturns) },
  { header: 'BREAKER', cell: ({ breaker = '' }) => breaker },
  { header: 'VALUE', wide: true, cell: ({ value }) => numberText(value) },
  { header: 'BOUND', wide: true, cell: ({ bound }) => numberText(bound) },
  { header: 'WHY', cell: ({ reason, flap }) => `${flap ? 'flap: ' : ''}${reason}` },
];

const heldColumns: readonly Column<HeldReport>[] = [
  { header: 'BACKEND', cell: ({ backend, observed }) => `${backend}${observed ? ' (observed)' : ''}` },
  { header: 'FROM', cell: ({ from }) => moment(from) },
  { header: 'FOR', cell: ({ forMs }) => secondsText(forMs / 1000) },
  { header: 'CAUSE', cell: ({ cause }) => cause },
  { header: 'BREAKER', cell: ({ breaker }) => breaker },
  { header: 'WHY', cell: ({ reason }) => reason },
];

const breakerColumns: readonly Column<BreakerReport>[] = [
  { header: 'BREAKER', cell: ({ breaker, enforcement }) => `${breaker} (${enforcement})` },
  { header: 'EVALUATIONS', cell: ({ evaluations }) => String(evaluations) },
  { header: 'FLEET-WIDE', cell: ({ fleetWide }) => String(fleetWide) },
  { header: 'UNUSABLE', cell: ({ unusable }) => String(sum(unusable.map(({ count }) => count))) },
  { header: 'NO-DATA', cell: ({ noData }) => countedText(noData) },
  { header: 'ANOMALOUS', cell: ({ anomalous }) => countedText(anomalous) },
];

const comparisonColumns: readonly Column<{ readonly which: string; readonly report: ServiceReport }>[] = [
  { header: 'SERVICE', cell: ({ report }) => report.service },
  { header: 'POLICY', cell: ({ which }) => which },
  { header: 'EJECTIONS', cell: ({ report }) => String(report.totals.ejections) },
  { header: 'OUT', cell: ({ report }) => secondsText(report.totals.outMs / 1000) },
  { header: 'FAILED-RETURNS', cell: ({ report }) => String(report.totals.failedReturns) },
  { header: 'FLAPS', cell: ({ report }) => String(report.totals.flaps) },
  { header: 'HELD', cell: ({ report }) => String(report.held.length) },
  { header: 'STILL-OUT', cell: ({ report }) => String(report.totals.stillOut) },
];

const namesShown = 3;

function countedText(counted: BreakerReport['anomalous']): string {
  const shown = counted.slice(0, namesShown).map(({ backend, evaluations }) => `${backend} ${evaluations}x`);
  const more = counted.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

function noteOf({ breaker, unusable, noData, unmatched }: BreakerReport): readonly string[] {
  const [worst] = unusable;
  const [silent] = noData;
  const reason = silent?.reasons[0];
  return [
    ...(worst === undefined ? [] : [`${breaker} could not judge ${worst.count} times: ${worst.reason}`]),
    ...(silent === undefined || reason === undefined
      ? []
      : [`${breaker} had no verdict on ${silent.backend} ${silent.evaluations} times, mostly: ${reason.reason}`]),
    ...(unmatched === 0 ? [] : [`${breaker}: up to ${unmatched} series at a moment name no backend of the fleet`]),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
