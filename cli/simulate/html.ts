/** The report as one page: plots inline, no scripts, nothing loaded from elsewhere. */
import { describeHeld } from '../../engine/budget/held.ts';
import type { Comparison } from '../../engine/simulate/compare.ts';
import type { BreakerDiary, Curve } from '../../engine/simulate/diary.ts';
import type { Episode, ServiceReport, SimulationReport } from '../../engine/simulate/report.ts';
import type { Simulation } from '../../engine/simulate/simulate.ts';
import type { Suggestion } from '../../engine/simulate/suggest/suggestion.ts';
import type { ReplayedPolicy } from '../../engine/simulate/replay.ts';
import { questionOf } from '../../engine/policy/policy.ts';
import { numberText, secondsText } from '../table.ts';
import { escapeHtml } from './escape.ts';
import { type Line, plotSvg, type Shade } from './plot.ts';
import { style } from './style.ts';
import { moment } from './moment.ts';
import { columnsOf, headlineOf, notesOf } from './suggestion-text.ts';
import { type OtherPolicy, totalsText } from './text.ts';

/** Who was out or held longest; more plots would not be read. */
const plotsShown = 40;
const linesShown = 200;

export interface Page {
  readonly simulation: Simulation;
  /** The same history with other policies. */
  readonly against: Simulation | undefined;
  readonly other: OtherPolicy;
  readonly comparisons: readonly Comparison[];
  readonly suggestions: readonly Suggestion[];
}

export function simulationPage({ simulation, against, other, comparisons, suggestions }: Page): string {
  const { report } = simulation;
  const sections = report.services.map((service) =>
    serviceSection(
      service,
      simulation,
      against?.report.services.find((other) => other.service === service.service),
    ),
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Kubervisor simulation</title>
<style>${style}</style></head>
<body>
<h1>What the policies would have done</h1>
<p>${moment(report.from)} to ${moment(report.until)}, from the history of the metrics, through the engine itself. Nothing was served. Times are UTC.</p>
${comparisonSection(comparisons, other)}
${suggestions.map(suggestionSection).join('\n')}
${sections.join('\n')}
</body>
</html>
`;
}

function comparisonSection(comparisons: readonly Comparison[], which: OtherPolicy): string {
  if (comparisons.length === 0) return '';
  const row = (which: string, { service, totals, held }: ServiceReport): readonly string[] => [
    service,
    which,
    String(totals.ejections),
    secondsText(totals.outMs / 1000),
    String(totals.failedReturns),
    String(totals.flaps),
    String(held.length),
  ];
  const rows = comparisons.flatMap(({ one, other }) => [row('this', one), row(which, other)]);
  const differences = comparisons.flatMap(({ service, onlyOne, onlyOther }) => [
    ...onlyOne.map((episode) => ['this', service, ...episodeCells(episode)]),
    ...onlyOther.map((episode) => [which, service, ...episodeCells(episode)]),
  ]);
  return `<h2>Compared</h2>
${tableHtml(['Service', 'Policy', 'Ejections', 'Out', 'Failed returns', 'Flaps', 'Held'], rows)}
<h3>Out with one of them only</h3>
${differences.length === 0 ? '<p>Nobody.</p>' : tableHtml(['Policy', 'Service', ...episodeHeaders], differences)}`;
}

function suggestionSection(suggestion: Suggestion): string {
  const columns = columnsOf(suggestion);
  const rows = suggestion.candidates.map((candidate) => columns.map(({ cell }) => cell(candidate)));
  return `<h2>${escapeHtml(headlineOf(suggestion))}</h2>
${tableHtml(
  columns.map(({ header }) => header.toLowerCase().replaceAll('-', ' ')),
  rows,
)}
<ul class="soft">${notesOf(suggestion)
    .map((note) => `<li>${escapeHtml(note)}</li>`)
    .join('')}</ul>`;
}

function serviceSection(service: ServiceReport, simulation: Simulation, against: ServiceReport | undefined): string {
  const { report, policies } = simulation;
  const replayed = policies.find(({ policy }) => policy.service === service.service);
  const held = service.held.map((each) => [
    each.backend,
    moment(each.from),
    secondsText(each.forMs / 1000),
    `${each.cause}: ${describeHeld(each.cause)}`,
    each.breaker,
    each.reason,
  ]);
  return `<h2>${escapeHtml(service.service)}</h2>
<p>Policy ${escapeHtml(service.policy)} (${service.enforcement}), ${service.backends.length} backends. ${escapeHtml(totalsText(service))}.</p>
<p class="soft">Assumed:</p>
<ul class="soft">${service.assumptions.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>
${replayed === undefined ? '' : replayed.policy.breakers.map(({ name }) => breakerSection(name, service, replayed, simulation, report, against)).join('\n')}
<h3>Out</h3>
${service.episodes.length === 0 ? '<p>Nobody.</p>' : tableHtml(episodeHeaders, service.episodes.map(episodeCells))}
<h3>Held</h3>
${held.length === 0 ? '<p>Nobody.</p>' : tableHtml(['Backend', 'From', 'For', 'Cause', 'Breaker', 'Why'], held)}
<h3>No verdict</h3>
${noVerdictTable(service)}`;
}

function noVerdictTable({ breakers }: ServiceReport): string {
  const rows = breakers.flatMap(({ breaker, evaluations, unusable, noData }) => [
    ...unusable.map(({ reason, count }) => [breaker, 'all', `${count} of ${evaluations}`, reason]),
    ...noData.map(({ backend, evaluations: count, reasons }) => [
      breaker,
      backend,
      `${count} of ${evaluations}`,
      reasons.map((each) => `${each.reason} (${each.count})`).join('; '),
    ]),
  ]);
  return rows.length === 0
    ? '<p>Everybody was judged at each evaluation.</p>'
    : tableHtml(['Breaker', 'Backend', 'Evaluations', 'Reasons'], rows);
}

const episodeHeaders = ['Backend', 'From', 'Out', 'Ended', 'Failed returns', 'Breaker', 'Value', 'Bound', 'Why'];

function episodeCells(episode: Episode): readonly string[] {
  return [
    `${episode.backend}${episode.observed ? ' (observed)' : ''}`,
    moment(episode.from),
    secondsText(episode.outMs / 1000),
    episode.ended,
    String(episode.failedReturns),
    episode.breaker ?? '',
    numberText(episode.value),
    numberText(episode.bound),
    `${episode.flap ? 'flap: ' : ''}${episode.reason}`,
  ];
}

function breakerSection(
  breaker: string,
  service: ServiceReport,
  { policy }: ReplayedPolicy,
  { diary }: Simulation,
  { from, until }: SimulationReport,
  against: ServiceReport | undefined,
): string {
  const { backends, breakers } = diary.of(policy.service);
  const seen = breakers.get(breaker);
  const detector = policy.breakers.find(({ name }) => name === breaker)?.detector;
  if (seen === undefined || detector === undefined || seen.curves.size === 0) return '';
  const extent = { fromMs: Date.parse(from), untilMs: Date.parse(until) };
  const named = [...seen.curves].map(([id, curve]) => ({ name: backends.get(id) ?? id, curve }));
  const affected = worstFirst(service, against, named);
  const isCount = detector.kind === 'ratio' || detector.kind === 'discreteValueOutOfList';
  const plots = affected.slice(0, plotsShown).map(
    ({ name, curve }) => `<h3>${escapeHtml(name)}</h3>
${plotSvg({
  ...extent,
  lines: [...boundsOf(curve), { style: 'value', atMs: curve.atMs, value: curve.value, title: name }],
  spans: shadesOf(service, name, extent.untilMs),
  ...(against === undefined ? {} : { strip: shadesOf(against, name, extent.untilMs).filter(({ isMark }) => !isMark) }),
})}`,
  );
  const more = affected.length - plots.length;
  return `<h3>Breaker ${escapeHtml(breaker)}: ${detector.kind}</h3>
<p class="soft"><code>${escapeHtml(questionOf(detector))}</code>${isCount ? ', as a share in percent' : ''}; ${seenText(seen)}</p>
${keyHtml(against !== undefined)}
<p class="soft">All backends${affected.length === 0 ? '; nobody was out or held' : ''}</p>
${plotSvg({ ...extent, lines: overview(named, new Set(affected.map(({ name }) => name))), spans: [] })}
${plots.join('\n')}
${more > 0 ? `<p>${more} more were out or held for a shorter time.</p>` : ''}`;
}

/** Above and below apart: a detector that looks both ways gives the bound on the side that the value is on. */
function boundsOf({ atMs, value, bound }: Curve): readonly Line[] {
  const side = (isAbove: boolean): Line => ({
    style: 'bound',
    atMs,
    value: bound.map((each, index) => (each >= (value[index] ?? Number.NaN) === isAbove ? each : Number.NaN)),
    title: 'bound',
  });
  return [side(true), side(false)];
}

function seenText({ evaluations, fleetWide, unusable }: BreakerDiary): string {
  const unused = [...unusable.values()].reduce((sum, count) => sum + count, 0);
  return `${evaluations} evaluations, ${fleetWide} of them saw the whole fleet moved, ${unused} could not be used`;
}

interface Named {
  readonly name: string;
  readonly curve: Curve;
}

/** Those that were out or held, with either policy, the longest first. */
function worstFirst(
  service: ServiceReport,
  against: ServiceReport | undefined,
  named: readonly Named[],
): readonly Named[] {
  const times = new Map<string, number>();
  for (const { episodes, held } of [service, ...(against === undefined ? [] : [against])]) {
    for (const { backend, outMs } of episodes) times.set(backend, (times.get(backend) ?? 0) + outMs);
    for (const { backend, forMs } of held) times.set(backend, (times.get(backend) ?? 0) + forMs);
  }
  return named
    .filter(({ name }) => times.has(name))
    .toSorted((a, b) => (times.get(b.name) ?? 0) - (times.get(a.name) ?? 0) || (a.name < b.name ? -1 : 1));
}

function overview(named: readonly Named[], affected: ReadonlySet<string>): readonly Line[] {
  const line = ({ name, curve }: Named): Line => ({
    style: affected.has(name) ? 'value' : 'others',
    atMs: curve.atMs,
    value: curve.value,
    title: name,
  });
  // The blue ones last, so that they lie on top.
  const inOrder = named.toSorted((a, b) => Number(affected.has(a.name)) - Number(affected.has(b.name)));
  return inOrder.slice(-linesShown).map(line);
}

function shadesOf({ episodes, held }: ServiceReport, backend: string, endMs: number): readonly Shade[] {
  return [
    ...episodes
      .filter((episode) => episode.backend === backend)
      .flatMap(({ states }) =>
        states.map(
          ({ state, weight, from, until }): Shade => ({
            style: state,
            fromMs: Date.parse(from),
            untilMs: Date.parse(until),
            title: `${state}${weight > 0 ? ` at ${weight} %` : ''} from ${moment(from)} to ${moment(until)}`,
          }),
        ),
      ),
    ...held
      .filter((each) => each.backend === backend)
      .map(
        ({ cause, reason, from, until }): Shade => ({
          style: 'held',
          fromMs: Date.parse(from),
          untilMs: until === undefined ? endMs : Date.parse(until),
          title: `held, ${cause}, from ${moment(from)}: ${reason}`,
          isMark: true,
        }),
      ),
  ];
}

function keyHtml(hasStrip: boolean): string {
  const keys = [
    ['value', 'value'],
    ['bound', 'bound while judged'],
    ['others', 'backends that were never out or held'],
    ['ejected', 'ejected'],
    ['probing', 'probing'],
    ['ramping', 'ramping'],
    ['paused', 'paused'],
    ['evicted', 'evicted'],
    ['held', 'held (a mark at the top)'],
  ];
  const strip = hasStrip ? '<span>strip at the foot: with the other policy</span>' : '';
  return `<p class="key">${keys.map(([name, text]) => `<span><i class="${name}"></i>${text}</span>`).join('')}${strip}</p>`;
}

function tableHtml(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headers.map((header) => `<th>${escapeHtml(header)}</th>`).join('');
  const last = headers.length - 1;
  const body = rows.map(
    (cells) =>
      `<tr>${cells.map((cell, index) => `<td${index < last ? ' class="tight"' : ''}>${escapeHtml(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><tr>${head}</tr>${body.join('')}</table></div>`;
}
