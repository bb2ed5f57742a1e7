/** Tables as kubectl prints them: headers without spaces, columns padded with spaces, the last one cut to fit. */
import { human } from '../engine/breakers/statistics.ts';
import type { Output } from './context.ts';
import { printable } from './printable.ts';

export interface Column<Row> {
  readonly header: string;
  /** Empty is printed as `-`. */
  cell(row: Row): string;
  /** Only with -o wide. */
  readonly wide?: true;
  /** Left out, the last of them first, where a terminal is too narrow for the last column, which says what matters. */
  readonly yields?: true;
}

export interface TableOptions {
  /** Longest line. */
  readonly width: number;
  /** All columns, and nothing cut. */
  readonly wide?: boolean;
  /** Default true. */
  readonly header?: boolean;
  /** Whether columns that yield may be left out. Default false: a program that reads a pipe counts columns. */
  readonly mayYield?: boolean;
}

/** What fits a terminal, a review and a mail. */
export const defaultWidth = 100;

/** What of the last column has to be seen at least, where it is longer. */
const leastOfLast = 24;

/** As wide as a terminal is: it would wrap what is longer. */
export function fitTo({ isTerminal, columns }: Output): Pick<TableOptions, 'width' | 'mayYield'> {
  return isTerminal && columns > 0 ? { width: columns, mayYield: true } : { width: defaultWidth };
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string {
  const { wide = false, header = true, mayYield = false } = options;
  const shown = columns.filter((column) => wide || column.wide === undefined);
  const lines = rows.map((row) => shown.map(({ cell }) => printable(cell(row)) || '-'));
  const headers = shown.map((column) => column.header);
  const widths = headers.map((name, index) => Math.max(name.length, ...lines.map((line) => line[index]?.length ?? 0)));
  const yielding = mayYield && !wide ? shown.findLastIndex((column) => column.yields) : -1;
  if (yielding >= 0 && isTight(widths, options.width)) return table(shown.toSpliced(yielding, 1), rows, options);
  return (header ? [headers, ...lines] : lines)
    .map((cells) => cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
    .map((line) => `${wide ? line.trimEnd() : cut(line.trimEnd(), options.width)}\n`)
    .join('');
}

/** Whether the last column would be cut to less than has to be seen of it. */
function isTight(widths: readonly number[], width: number): boolean {
  const before = widths.slice(0, -1).reduce((total, each) => total + each + 2, 0);
  return before + Math.min(widths.at(-1) ?? 0, leastOfLast) > width;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

export function numberText(value: number | undefined): string {
  return value === undefined ? '' : human(value);
}

/** How long ago, as {@link secondsText}. */
export function ageText(time: string | undefined, now: number): string {
  return time === undefined ? '' : secondsText((now - Date.parse(time)) / 1000);
}

/** `42s`, `5m10s`, `50m`, `20h`, `4d`: as precise as anybody needs. */
export function secondsText(exact: number): string {
  const seconds = Math.max(0, Math.round(exact));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
