/** A benchmark's result: named samples, printed as minimum, median, 95th percentile and maximum. Nothing is asserted. */

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  /** What we aim at, for the reader. */
  readonly goal?: string;
}

export interface Summary {
  readonly name: string;
  readonly unit: string;
  readonly runs: number;
  readonly min: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
  readonly goal?: string;
}

export function summarise({ name, unit, samples, goal }: Figure): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  return {
    name,
    unit,
    runs: sorted.length,
    min: at(0),
    median: at(0.5),
    p95: at(0.95),
    max: at(1),
    ...(goal === undefined ? {} : { goal }),
  };
}

export function table(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => [
    summary.name,
    String(summary.runs),
    ...[summary.min, summary.median, summary.p95, summary.max].map((value) => `${value} ${summary.unit}`),
    summary.goal ?? '',
  ]);
  const all = [['FIGURE', 'RUNS', 'MIN', 'MEDIAN', 'P95', 'MAX', 'GOAL'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
