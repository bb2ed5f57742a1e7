/**
 * A cohort: backends that have their version, their zone or their node in common, and are bad together.
 *
 * A bad release shows in all pods of its version, a broken switch in all of its zone. To take them out one after the other
 * wastes the budget on what no pod can help, and looks like progress. With two or more flagged, of which 80 % have a value
 * in common, and half of all that have this value flagged, it is the cohort that is bad; with fewer than three it is as
 * likely chance, and one that is the whole fleet is holdAbovePercent's.
 */
import type { Backend, BackendId } from '../model.ts';
import { templateOf } from './template.ts';

export interface Cohort {
  /** `group`: of a breaker's groupBy, found apart from the rest as a whole (apart.ts). */
  readonly by: 'version' | 'zone' | 'node' | 'group';
  readonly value: string;
  readonly members: ReadonlySet<BackendId>;
  /** How many of them are flagged. */
  readonly flagged: number;
  /** How many are flagged that are none of them. */
  readonly flaggedElsewhere: number;
}

const minFlagged = 2;
/** With fewer it is as likely chance. */
export const minSize = 3;
const shareOfFlagged = 0.8;
const shareOfCohort = 0.5;

/**
 * What backends have in common, the most telling first: a release is a likelier culprit than the machines it runs on, and
 * a node is a more precise one than its zone.
 */
const traits = [
  { by: 'version', of: versionOf },
  { by: 'node', of: ({ node }: Backend) => node },
  { by: 'zone', of: ({ zone }: Backend) => zone },
] as const;

/** A backend whose labels are not known is of no version: a guess would put it among strangers. */
export function versionOf(backend: Backend): string | undefined {
  const { labels = {} } = backend;
  const said = ['version', 'app.kubernetes.io/version'].find((name) => Object.hasOwn(labels, name));
  return templateOf(backend) ?? (said === undefined ? undefined : labels[said]);
}

/**
 * The cohort that explains the most of those flagged; of several the one with the fewest others in it, then the most
 * telling. The order of the backends decides nothing.
 */
export function cohortOf(backends: readonly Backend[], flagged: ReadonlySet<BackendId>): Cohort | undefined {
  const present = backends.filter(({ id }) => flagged.has(id)).length;
  if (present < minFlagged) return undefined;
  let best: Cohort | undefined;
  for (const { by, of } of traits) {
    for (const [value, sharing] of Map.groupBy(backends, of)) {
      if (value === undefined || value === '') continue;
      const count = sharing.filter(({ id }) => flagged.has(id)).length;
      const ids = new Set(sharing.map(({ id }) => id));
      const cohort: Cohort = { by, value, members: ids, flagged: count, flaggedElsewhere: present - count };
      const isSmaller = cohort.members.size >= minSize && cohort.members.size < backends.length;
      if (!isSmaller || cohort.flagged < shareOfFlagged * present || !isBad(cohort)) continue;
      if (best === undefined || explainsMore(cohort, best)) best = cohort;
    }
  }
  return best;
}

/** Whether it would be bad if only these were flagged. */
export function isBadBy({ members }: Cohort, flagged: ReadonlySet<BackendId>): boolean {
  const count = [...members].filter((id) => flagged.has(id)).length;
  return count >= minFlagged && isBad({ members, flagged: count });
}

/** `version canary-7: 3 of 3 flagged`, `group track=canary: as a whole unlike the rest` */
export function describeCohort(cohort: Cohort): string {
  if (cohort.by === 'group') return `${nameOf(cohort)}: as a whole unlike the rest`;
  return `${nameOf(cohort)}: ${cohort.flagged} of ${cohort.members.size} flagged`;
}

/** `version canary-7` */
export function nameOf({ by, value }: Pick<Cohort, 'by' | 'value'>): string {
  return `${by} ${value}`;
}

function isBad({ members, flagged }: Pick<Cohort, 'members' | 'flagged'>): boolean {
  return flagged >= shareOfCohort * members.size;
}

/** Among equals the first trait stays, and of its values the first by name. */
function explainsMore(a: Cohort, b: Cohort): boolean {
  if (a.flagged !== b.flagged) return a.flagged > b.flagged;
  if (a.members.size !== b.members.size) return a.members.size < b.members.size;
  return a.by === b.by && a.value < b.value;
}
