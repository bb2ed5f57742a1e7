/** Two replays of the same history beside each other. */
import type { Episode, ServiceReport, SimulationReport } from './report.ts';

export interface Comparison {
  readonly service: string;
  readonly one: ServiceReport;
  readonly other: ServiceReport;
  /** Taken out by this one, while the other left the same backend in all the time. */
  readonly onlyOne: readonly Episode[];
  readonly onlyOther: readonly Episode[];
}

/** Of the Services that both have. */
export function compare(one: SimulationReport, other: SimulationReport): readonly Comparison[] {
  return one.services.flatMap((report) =>
    other.services
      .filter(({ service }) => service === report.service)
      .map((against) => ({
        service: report.service,
        one: report,
        other: against,
        onlyOne: missingIn(against, report, other.until),
        onlyOther: missingIn(report, against, one.until),
      })),
  );
}

function missingIn(report: ServiceReport, { episodes }: ServiceReport, end: string): readonly Episode[] {
  return episodes.filter(
    (episode) =>
      !report.episodes.some(
        ({ backend, from, until = end }) =>
          backend === episode.backend && from <= (episode.until ?? end) && until >= episode.from,
      ),
  );
}
