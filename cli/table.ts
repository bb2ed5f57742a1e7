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
}

export interface TableOptions {
  /** Longest line. */
  readonly width: number;
  /** All columns, and nothing cut. */
  readonly wide?: boolean;
  /** Default true. */
  readonly header?: boolean;
}

/** What fits a terminal, a review and a mail. */
export const defaultWidth = 100;

/** A terminal may be narrower, and would wrap what is longer. */
export function widthOf({ isTerminal, columns }: Output): number {
  return isTerminal && columns > 0 ? Math.min(columns, defaultWidth) : defaultWidth;
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string {
  const { wide = false, header = true } = options;
  const shown = columns.filter((column) => wide || column.wide === undefined);
  const lines = rows.map((row) => shown.map(({ cell }) => printable(cell(row)) || '-'));
  const headers = shown.map((column) => column.header);
  const widths = headers.map((name, index) => Math.max(name.length, ...lines.map((line) => line[index]?.length ?? 0)));
  return (header ? [headers, ...lines] : lines)
    .map((cells) => cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
    .map((line) => `${wide ? line.trimEnd() : cut(line.trimEnd(), options.width)}\n`)
    .join('');
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
