/**
 * A policy of the original Kubervisor (`kubervisor.k8s.io`) as one of ours, with a note for each field. The original
 * changed labels of pods; we change what Envoys are told. What it judged, it goes on to judge; where its defaults were
 * others than ours, they are written out.
 */
import { isFields } from '../walk.ts';
import { migrateActivator } from './activator.ts';
import { migrateBreaker } from './breaker.ts';
import { type Fields, fieldsOf } from './fields.ts';
import type { MetricSources } from './metric-sources.ts';
import { createNotes, type Note, type Notes } from './note.ts';

export const originalGroup = 'kubervisor.k8s.io';

export interface Migrated {
  /** A KubervisorService of ours, as plain data. */
  readonly policy: object;
  readonly notes: readonly Note[];
}

/** Whether it is an object that {@link migrate} is for. */
export function isOriginal(object: unknown): object is Readonly<Record<string, unknown>> {
  return (
    isFields(object) &&
    String(object['apiVersion']).startsWith(`${originalGroup}/`) &&
    object['kind'] === 'KubervisorService'
  );
}

/** @param sources collects what belongs into the serving config, over all policies */
export function migrate(object: Readonly<Record<string, unknown>>, sources: MetricSources): Migrated {
  const notes = createNotes();
  const metadata = fieldsOf(object['metadata'], 'metadata', notes);
  const namespace = metadata.text('namespace');
  const spec = fieldsOf(object['spec'], 'spec', notes);
  const service = spec.text('service');
  if (service !== undefined) notes.moved('spec.service', 'service');

  const several = spec.objects('breakers');
  const one = spec.object('breaker');
  const from = several ?? (one === undefined ? [] : [one]);
  const breakers = from.map((breaker, index) => {
    const name = breaker.text('name') ?? 'breaker';
    const becomes = `breakers[${index}]`;
    return migrateBreaker(breaker, name, { notes, sources, namespace: namespace ?? 'default', becomes });
  });
  const budget = migrateBudget(from, notes);
  const own = from.flatMap((breaker) => breaker.object('activator') ?? []);
  const general = [spec.object('defaultActivator'), spec.object('activator')].flatMap((each) => each ?? []);
  const activator = migrateActivator([...own, ...general], notes);
  for (const breaker of from) breaker.done();
  spec.done();
  notes.moved(
    'spec',
    'budget.maxEjectedPercent, budget.velocity, breakers[].confirm, settle, warmUp, activator.ramp',
    'have no counterpart in the original and their defaults here: it acted at the first look, and let back in at once',
  );
  return {
    policy: {
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: metadataOf(object['metadata']),
      spec: { service, budget, breakers, activator },
    },
    notes: notes.all(),
  };
}

/** The original let each breaker have a floor of its own, and they added up; there is one, over all of them. */
function migrateBudget(breakers: readonly Fields[], notes: Notes): object {
  const strictest = (name: string, becomes: string): number | undefined => {
    const values = breakers.flatMap((breaker) => {
      const value = breaker.number(name);
      if (value === undefined) return [];
      notes.moved(
        `${breaker.path}.${name}`,
        becomes,
        breakers.length > 1 ? 'one floor for all breakers: the strictest' : undefined,
      );
      return value;
    });
    return values.length === 0 ? undefined : Math.max(...values);
  };
  const count = strictest('minPodsAvailableCount', 'budget.minAvailableCount');
  const ratio = strictest('minPodsAvailableRatio', 'budget.minAvailableRatio');
  return {
    ...(count === undefined ? {} : { minAvailableCount: count }),
    ...(ratio === undefined ? {} : { minAvailableRatio: ratio }),
  };
}

/** What people wrote, without what a server added. */
function metadataOf(metadata: unknown): object {
  if (!isFields(metadata)) return {};
  const { name, namespace, labels } = metadata;
  return Object.fromEntries(Object.entries({ name, namespace, labels }).filter(([, value]) => value !== undefined));
}
