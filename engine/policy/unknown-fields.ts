/**
 * Fields the schema does not know. The API server drops them without a word unless it is told otherwise, and then a
 * misspelt floor is no floor at all; so a file that has one is refused, with what was probably meant.
 */
import { codes } from './codes.ts';
import type { Finding, Path } from './finding.ts';
import type { SchemaNode } from './schema/vocabulary.ts';
import { nearest } from './suggest.ts';
import { type Fields, isFields, walk } from './walk.ts';

export function checkUnknownFields(schema: SchemaNode, value: unknown): readonly Finding[] {
  const findings: Finding[] = [];
  const places = placesOfFields(schema);
  walk(schema, value, [], (node, part, path) => {
    if (isFields(part)) findings.push(...unknownIn(node, part, path, places));
  });
  return findings;
}

/** Fields of the original Kubervisor, and what they became. */
const formerNames: Readonly<Record<string, string>> = {
  promQL: 'it is called query here',
  podNamekey: 'it is called match.label here, in the breaker',
  podLabel: 'it is called match.label here, in the breaker',
  prometheusService: 'name a metric source of the serving config in source, in the breaker',
  tolerance: 'it is called tolerancePercent here',
  defaultActivator: 'it is called activator here',
  minPodsAvailableCount: 'it is called minAvailableCount here, in spec.budget',
  minPodsAvailableRatio: 'it is called minAvailableRatio here, in spec.budget',
};

function unknownIn(node: SchemaNode, value: Fields, path: Path, places: Places): readonly Finding[] {
  const { properties } = node;
  if (properties === undefined || node.open === true) return [];
  const known = Object.keys(properties);
  const findings: Finding[] = [];
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(properties, name) || value[name] === undefined) continue;
    const near = nearest(name, known);
    const elsewhere = places.get(name) ?? [];
    const remedy =
      (Object.hasOwn(formerNames, name) ? formerNames[name] : undefined) ??
      (near === undefined ? undefined : `did you mean ${near}?`) ??
      (elsewhere.length === 0 || elsewhere.length > 3 ? undefined : `it belongs in ${elsewhere.join(' or ')}`) ??
      `known here: ${known.join(', ')}`;
    findings.push({
      code: codes.unknownField,
      path: [...path, name],
      at: 'key',
      message: 'is not a known field',
      remedy,
    });
  }
  return findings;
}

/** Field name to the objects that have it. */
type Places = ReadonlyMap<string, readonly string[]>;

function placesOfFields(schema: SchemaNode): Places {
  const places = new Map<string, string[]>();
  const visit = (node: SchemaNode, where: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      if (where !== '') places.set(name, [...(places.get(name) ?? []), where]);
      visit(child, where === '' ? name : `${where}.${name}`);
    }
    if (node.items !== undefined) visit(node.items, `${where}[]`);
  };
  visit(schema, '');
  return places;
}
