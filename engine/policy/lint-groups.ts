/** The lint rules about groupBy, some of which need to know the fleet. */
import { groupKeyOf } from '../group-key.ts';
import type { Backend } from '../model.ts';
import { codes } from './codes.ts';
import { type Finding, type Path, warning } from './finding.ts';
import { type Breaker, comparesPeers, minGroup } from './policy.ts';
import type { BreakerSpec } from './schema.ts';

export function lintGroups(
  { detector, groupBy }: Breaker,
  spec: BreakerSpec,
  path: Path,
  members: readonly Backend[] = [],
): readonly Finding[] {
  if (spec.groupBy === undefined) return [];
  const where = [...path, 'groupBy'];
  if (!comparesPeers(detector)) {
    const kind = detector.kind === 'discreteValueOutOfList' ? `${detector.kind} and a tolerancePercent` : detector.kind;
    const message = `has no effect with ${kind}, which compares a backend with no other`;
    return [warning(codes.noEffect, where, message, 'remove it')];
  }
  return groupBy === undefined ? [] : [...withoutGroup(groupBy, where, members), ...allSmall(groupBy, where, members)];
}

function withoutGroup(groupBy: readonly string[], path: Path, members: readonly Backend[]): readonly Finding[] {
  const reasons = members.flatMap((backend) => {
    const group = groupKeyOf(backend, groupBy);
    return group.kind === 'unknown' ? [`${backend.name}: ${group.reason}`] : [];
  });
  const [example] = reasons;
  if (example === undefined) return [];
  const message = `${reasons.length} of ${members.length} backends have no group and are not judged (${example})`;
  const remedy = 'group by a label that all have; labels come from Pods, in files mode from those in the directory';
  return [warning(codes.noGroup, path, message, remedy)];
}

function allSmall(groupBy: readonly string[], path: Path, members: readonly Backend[]): readonly Finding[] {
  const sizes = new Map<string, number>();
  for (const backend of members) {
    const group = groupKeyOf(backend, groupBy);
    if (group.kind === 'known') sizes.set(group.key, (sizes.get(group.key) ?? 0) + 1);
  }
  const largest = Math.max(...sizes.values());
  if (sizes.size === 0 || largest >= minGroup) return [];
  const message = `nobody is judged: none of the ${sizes.size} groups has the ${minGroup} backends it needs, the largest has ${largest}`;
  return [warning(codes.groupsTooSmall, path, message, 'group by a label that more backends share')];
}
