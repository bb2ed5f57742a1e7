/**
 * Counters with labels whose series can be forgotten. A Service that is gone must take its series along: dashboards
 * would show it for ever, and alerts on it never clear.
 */
import { Counter, type Registry } from 'prom-client';

export interface Tally<Label extends string> {
  add(labels: Readonly<Record<Label, string>>, count?: number): void;
  /** Removes every series that `keep` refuses. */
  retain(keep: (labels: Readonly<Record<Label, string>>) => boolean): void;
}

export interface TallyOptions<Label extends string> {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

export function createTally<Label extends string>(options: TallyOptions<Label>): Tally<Label> {
  const { registry, name, help, labels: labelNames } = options;
  const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
  const series = new Map<string, Readonly<Record<Label, string>>>();
  return {
    add(labels, count = 1) {
      series.set(JSON.stringify(labelNames.map((label) => labels[label])), labels);
      counter.inc(labels, count);
    },
    retain(keep) {
      for (const [key, labels] of series) {
        if (keep(labels)) continue;
        series.delete(key);
        counter.remove(labels);
      }
    },
  };
}
