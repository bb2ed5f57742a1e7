/** `npm run bench -- false-alarms`: measures the grid, says which cells are above the bars, and writes them down. */
import { type Cell, type CellResult, grid, measure } from './false-alarms.ts';
import { writeBetweenMarks } from './marks.ts';

const bars = { flagged: 0.05, confirmed: 0.001 };
const defaultWindows = 2000;

export function benchFalseAlarms(windows = defaultWindows): readonly CellResult[] {
  return grid.map((cell, index) => {
    if (index % 10 === 0) process.stderr.write(`\r${index} of ${grid.length} cells `);
    if (index === grid.length - 1) process.stderr.write(`\r${grid.length} cells            \n`);
    return measure(cell, windows, index + 1);
  });
}

export function falseAlarmsReport(results: readonly CellResult[]): string {
  const above = results.filter(isAbove).toSorted((a, b) => b.flagged - a.flagged || b.confirmed - a.confirmed);
  const [windows = 0] = results.map((result) => result.windows);
  const clean = results.filter(({ flagged }) => flagged === 0).length;
  return [
    `${results.length} cells of ${windows.toLocaleString('en')} windows; in ${clean} of them nobody was ever flagged.`,
    '',
    'Worst cell of each size and number of requests, in % of windows in which anybody is flagged, before `confirm`:',
    '',
    ...worstTable(results),
    '',
    above.length === 0
      ? 'No cell is above the bars.'
      : `Every cell above a bar (${bars.flagged * 100} % of windows flagged, ${bars.confirmed * 100} % after \`confirm\` 2 of 3):`,
    ...(above.length === 0 ? [] : ['', ...rows(above)]),
  ].join('\n');
}

export function writeFalseAlarms(results: readonly CellResult[]): void {
  writeBetweenMarks('detection.md', 'npm run bench -- false-alarms', falseAlarmsReport(results));
}

function isAbove({ flagged, confirmed }: CellResult): boolean {
  return flagged > bars.flagged || confirmed > bars.confirmed;
}

function worstTable(results: readonly CellResult[]): readonly string[] {
  const distinct = (key: (cell: Cell) => number): readonly number[] => [...new Set(results.map(key))];
  const requests = distinct((cell) => cell.requests);
  return table(
    ['backends', ...requests.map((count) => `${count} requests`)],
    distinct((cell) => cell.backends).map((backends) => [
      String(backends),
      ...requests.map((count) => {
        const cells = results.filter((cell) => cell.backends === backends && cell.requests === count);
        return percent(Math.max(...cells.map(({ flagged }) => flagged)));
      }),
    ]),
  );
}

function rows(results: readonly CellResult[]): readonly string[] {
  return table(
    ['backends', 'requests', 'error rate', 'true overdispersion', 'pods', 'flagged', 'after confirm'],
    results.map(({ backends, requests, rate, overdispersion, pods, flagged, confirmed }) => [
      ...[backends, requests].map(String),
      `${rate * 100} %`,
      String(overdispersion),
      pods,
      `${percent(flagged)} %`,
      `${percent(confirmed)} %`,
    ]),
  );
}

function table(header: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  return [header, header.map(() => '---:'), ...lines].map((line) => `| ${line.join(' | ')} |`);
}

function percent(share: number): string {
  return String(Number((share * 100).toFixed(2)));
}
