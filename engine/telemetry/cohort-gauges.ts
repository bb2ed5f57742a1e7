/**
 * A Service by version and by zone, for controllers that decide about a release: who of it is in rotation, and what the
 * breakers say of it.
 */
import { Gauge, type Registry } from 'prom-client';
import type { GroupJudgement } from '../breakers/verdict.ts';
import { type Backend, members } from '../model.ts';
import { versionOf } from '../rotation/cohort.ts';
import type { ServiceState } from '../rotation/state.ts';
import { type ServiceLabels, stateOf } from './service-labels.ts';

export interface CohortGauges {
  reset(): void;
  show(state: ServiceState, labels: ServiceLabels): void;
}

/**
 * Of each Service the largest ones are shown by name: labels are free text, and whoever puts a build number into one
 * must not fill somebody else's Prometheus. The rest, and whose value is not known, is under the empty value.
 */
const shown = 10;

export function createCohortGauges(registry: Registry): CohortGauges {
  const gauge = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    new Gauge({ name, help, labelNames: ['namespace', 'service', ...labels], registers: [registry] });
  const byVersion = gauge('kubervisor_endpoints_by_version', 'Backends by version and state', 'version', 'state');
  const byZone = gauge('kubervisor_endpoints_by_zone', 'Backends by zone and state', 'zone', 'state');
  const verdicts = gauge(
    'kubervisor_verdicts_by_version',
    'Backends by version and by the last verdict of the breaker',
    'version',
    'breaker',
    'verdict',
  );

  const groups = gauge(
    'kubervisor_group_anomalous',
    'With groupBy: 1 where the group as a whole is anomalous against the rest, 0 where it is not',
    'breaker',
    'group',
  );

  return {
    reset() {
      for (const each of [byVersion, byZone, verdicts, groups]) each.reset();
    },
    show(state, labels) {
      const statesOf = (backends: readonly Backend[]) =>
        countsShown(backends, (backend) => stateOf(state, backend), 'serving');
      for (const [version, backends] of cohorts(state, versionOf)) {
        for (const [its, count] of statesOf(backends)) byVersion.set({ ...labels, version, state: its }, count);
        for (const [breaker, { last }] of state.breakers) {
          if (last === undefined) continue;
          const kindOf = ({ id }: Backend) => last.verdicts.get(id)?.kind;
          for (const [verdict, count] of countsShown(backends, kindOf, 'anomalous')) {
            verdicts.set({ ...labels, version, breaker, verdict }, count);
          }
        }
      }
      for (const [breaker, { last }] of state.breakers) {
        for (const { key, againstRest } of largest(last?.groups ?? [])) {
          if (againstRest.kind !== 'normal' && againstRest.kind !== 'anomalous') continue;
          groups.set({ ...labels, breaker, group: key }, Number(againstRest.kind === 'anomalous'));
        }
      }
      for (const [zone, backends] of cohorts(state, ({ zone: its }) => its)) {
        for (const [its, count] of statesOf(backends)) byZone.set({ ...labels, zone, state: its }, count);
      }
    },
  };
}

function largest(groups: readonly GroupJudgement[]): readonly GroupJudgement[] {
  return groups.toSorted((a, b) => b.members.length - a.members.length || (a.key < b.key ? -1 : 1)).slice(0, shown);
}

/** Nothing where the value of nobody is known: there the Service as a whole says it all. */
function cohorts(
  { fleet }: ServiceState,
  of: (backend: Backend) => string | undefined,
): ReadonlyMap<string, readonly Backend[]> {
  const byValue = Map.groupBy(members(fleet), (backend) => of(backend) ?? '');
  const known = [...byValue.keys()].filter((value) => value !== '');
  if (known.length === 0) return new Map();
  const size = (value: string): number => byValue.get(value)?.length ?? 0;
  const named = known.sort((a, b) => size(b) - size(a) || (a < b ? -1 : 1)).slice(0, shown);
  const rest = [...byValue].filter(([value]) => !named.includes(value)).flatMap(([, backends]) => backends);
  const cohort = named.map((value) => [value, byValue.get(value) ?? []] as const);
  return new Map(rest.length === 0 ? cohort : [...cohort, ['', rest]]);
}

/** What nobody is in is left out, for most of it always is; but for one, so that a cohort is never without a series. */
function countsShown<Kind extends string>(
  backends: readonly Backend[],
  kindOf: (backend: Backend) => Kind | undefined,
  always: Kind,
): ReadonlyMap<Kind, number> {
  const counts = new Map<Kind, number>([[always, 0]]);
  for (const backend of backends) {
    const kind = kindOf(backend);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
