/** Suggestions as text for a terminal. */
import type { Candidate, ConfirmedReport, Suggestion } from '../../engine/simulate/suggest/suggestion.ts';
import type { Confirm } from '../../engine/simulate/suggest/rehearsal.ts';
import { type Column, numberText, secondsText, table, type TableOptions } from '../table.ts';
import { moment } from './moment.ts';

export function suggestionsText(suggestions: readonly Suggestion[], options: TableOptions): string {
  return suggestions.map((suggestion) => suggestionText(suggestion, options)).join('');
}

function suggestionText(suggestion: Suggestion, options: TableOptions): string {
  const shown = options.wide === true ? suggestion.candidates : nearby(suggestion);
  return [
    `\n${headlineOf(suggestion)}\n`,
    table(columnsOf(suggestion), shown, options),
    ...notesOf(suggestion).map((note) => `- ${note}\n`),
  ].join('');
}

export function headlineOf({ service, breaker, detector, field, current, suggested }: Suggestion): string {
  const value = suggested === undefined ? 'no suggestion' : suggested === current ? 'as it is' : numberText(suggested);
  return `Suggested for ${service}, breaker ${breaker}: ${detector}.${field} ${value} (now ${numberText(current)})`;
}

/** Far below the suggestion everything is a false alarm, far above it nothing is: neither is worth a line. */
function nearby({ candidates, current, suggested }: Suggestion): readonly Candidate[] {
  const middle = candidates.findIndex(({ value }) => value === (suggested ?? current));
  return candidates.filter(({ value }, index) => value === current || (index >= middle - 3 && index <= middle + 2));
}

export function columnsOf({ candidates, current, suggested }: Suggestion): readonly Column<Candidate>[] {
  const ways = candidates[0]?.confirmed ?? [];
  const mark = (value: number): string =>
    `${value === current ? ' now' : ''}${value === suggested ? ' suggested' : ''}`;
  return [
    { header: 'VALUE', cell: ({ value }) => `${numberText(value)}${mark(value)}` },
    {
      header: 'ANOMALOUS',
      cell: ({ flaggedBackendWindows, backendWindows }) => `${flaggedBackendWindows}/${backendWindows}`,
    },
    { header: 'FLAGGED', cell: ({ flaggedWindows, windows }) => percentText(flaggedWindows, windows) },
    { header: 'FLEET-WIDE', cell: ({ fleetWideWindows, windows }) => percentText(fleetWideWindows, windows) },
    ...ways.map(
      ({ confirm }, way): Column<Candidate> => ({
        header: confirmText(confirm).toUpperCase().replaceAll(' ', '-'),
        cell: ({ confirmed, windows }) => percentText(confirmed[way]?.windows ?? 0, windows),
      }),
    ),
    {
      header: 'EJECTIONS',
      cell: ({ confirmed, isGivenUp }) => `${confirmed[0]?.alarms.length ?? 0}${isGivenUp ? '+' : ''}`,
    },
    ...((ways[0]?.incidents.length ?? 0) === 0
      ? []
      : [{ header: 'INCIDENTS', cell: ({ confirmed }: Candidate) => incidentsText(confirmed[0]) }]),
  ];
}

function incidentsText(confirmed: ConfirmedReport | undefined): string {
  const incidents = confirmed?.incidents ?? [];
  const after = incidents.flatMap(({ afterMs }) => afterMs ?? []);
  const slowest = after.length === 0 ? '' : ` in ${secondsText(Math.max(...after) / 1000)}`;
  return `${after.length}/${incidents.length}${slowest}`;
}

/** What the figures rest on, and what to do about it. */
export function notesOf(suggestion: Suggestion): readonly string[] {
  const { candidates, suggested, windows, targetRate, byConfirm } = suggestion;
  const oneIn = `1 in ${1 / targetRate}`;
  if (windows === 0) return ['nothing could be judged: see what the breakers saw'];
  const chosen = candidates.find(({ value }) => value === suggested);
  const missed = chosen?.confirmed[0]?.incidents.filter(({ afterMs }) => afterMs === undefined) ?? [];
  const others = byConfirm
    .slice(1)
    .map(
      ({ confirm, suggested: value }) => `${confirmText(confirm)}: ${value === undefined ? 'none' : numberText(value)}`,
    );
  return [
    chosen === undefined
      ? `at every value tried there are false alarms in ${oneIn} windows or more: what it saw was not healthy, or this measure cannot tell`
      : `the strictest value with false alarms in fewer than ${oneIn} of the ${windows} windows, all of them taken to be healthy`,
    ...(chosen === undefined ? [] : [certaintyOf(suggestion, chosen)]),
    ...missed.map(
      ({ from }) => `it does not find the incident of ${moment(from)}: choose a stricter value, or another measure`,
    ),
    ...faultNote(suggestion, chosen),
    ...(others.length === 0 ? [] : [`with another confirm, later by the evaluations it adds: ${others.join('; ')}`]),
  ];
}

function certaintyOf(
  { independentWindows, provenOneIn, enoughHistoryMs, targetRate }: Suggestion,
  chosen: Candidate,
): string {
  const apart = `${independentWindows} of the windows do not overlap`;
  if ((chosen.confirmed[0]?.rate ?? 0) > 0) return `${apart}: an estimate from few events, not a bound`;
  const proven =
    provenOneIn < 1 ? 'which proves nothing' : `so with 95 % confidence the rate is under 1 in ${provenOneIn}`;
  return provenOneIn * targetRate >= 1
    ? `${apart}, ${proven}`
    : `${apart}, ${proven}; to be sure of 1 in ${1 / targetRate} takes ${secondsText(enoughHistoryMs / 1000)} of such history`;
}

/** A real fault that is counted as a false alarm makes every bound lax. */
function faultNote({ candidates, current }: Suggestion, chosen: Candidate | undefined): readonly string[] {
  const shown = chosen ?? candidates.at(-1);
  const [first] = candidates.find(({ value }) => value === current)?.confirmed[0]?.alarms ?? [];
  const [worst] = shown?.confirmed[0]?.alarms ?? [];
  const alarm = worst ?? first;
  if (alarm === undefined) return [];
  return [
    `counted as a false alarm: ${alarm.backend} with ${numberText(alarm.value)} at ${moment(alarm.from)}; if that was a fault, leave it out with --incident ${alarm.from}/${alarm.until}`,
  ];
}

function confirmText({ of, atLeast }: Confirm): string {
  return `${atLeast} of ${of}`;
}

function percentText(part: number, whole: number): string {
  if (whole === 0) return '';
  return part === 0 ? '0' : `${numberText((part / whole) * 100)} %`;
}
