/** The rules of the schema that JSON Schema cannot say: our own words (schema/vocabulary.ts). */
import { codes } from './codes.ts';
import { parseDecimal } from './decimal.ts';
import { parseDurationMs } from './duration.ts';
import { type Finding, type Path, shown } from './finding.ts';
import type { Bounds, Choice, GoesWith, NotAbove, SchemaNode } from './schema/vocabulary.ts';
import { type Fields, isFields, walk } from './walk.ts';

/** Every broken rule, wherever the value has the shape that the rule speaks of; other places are shape.ts' to report. */
export function checkRules(schema: SchemaNode, value: unknown): readonly Finding[] {
  const findings: Finding[] = [];
  walk(schema, value, [], (node, part, path) => void findings.push(...rulesOf(node, part, path)));
  return findings;
}

function rulesOf(node: SchemaNode, value: unknown, path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  if (node.durationMs !== undefined)
    findings.push(...outside(node, node.durationMs, parseDurationOf(value), value, path));
  if (node.decimal !== undefined) findings.push(...outside(node, node.decimal, parseDecimalOf(value), value, path));
  if (isFields(value)) {
    for (const choice of node.choices ?? []) findings.push(...chosen(choice, value, path));
    for (const rule of node.goesWith ?? []) findings.push(...misplaced(rule, value, path));
    if (node.notAbove !== undefined) findings.push(...above(node.notAbove, value, path));
  }
  if (Array.isArray(value)) {
    if (node.risesTo !== undefined) findings.push(...rises(node.risesTo, value, path));
    findings.push(...duplicates(node, value, path));
  }
  return findings;
}

/** The pattern has accepted the text; its amount is checked here, since a pattern cannot compare. */
function outside(
  node: SchemaNode,
  bounds: Bounds,
  amount: number | undefined,
  value: unknown,
  path: Path,
): readonly Finding[] {
  if (amount === undefined || (amount >= bounds.min && amount <= bounds.max)) return [];
  return [{ code: codes.badValue, path, at: 'value', message: `must be ${node.expected}; found ${shown(value)}` }];
}

function parseDurationOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseDurationMs(value) : undefined;
}

function parseDecimalOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseDecimal(value) : undefined;
}

function chosen(choice: Choice, value: Fields, path: Path): readonly Finding[] {
  const set = choice.of.map((name) => name.split('.')).filter((names) => isSet(value, names));
  const second = set[1];
  if (second !== undefined) {
    const found = set.map((names) => names.join('.')).join(' and ');
    return [
      { code: codes.choice, path: [...path, ...second], at: 'key', message: `${choice.message}; found ${found}` },
    ];
  }
  if (choice.exactly === undefined || set.length > 0) return [];
  return [{ code: codes.choice, path, at: 'key', message: `${choice.message}; found none` }];
}

function isSet(value: unknown, names: readonly string[]): boolean {
  const [name, ...rest] = names;
  if (name === undefined) return value !== undefined;
  return isFields(value) && Object.hasOwn(value, name) && isSet(value[name], rest);
}

function misplaced({ field, of, values, required, message }: GoesWith, value: Fields, path: Path): readonly Finding[] {
  const isPlace = values.some((each) => each === value[of]);
  const isThere = Object.hasOwn(value, field);
  if (isThere ? isPlace : !(isPlace && required === true)) return [];
  return [{ code: codes.choice, path: [...path, field], at: 'key', message }];
}

function above(rule: NotAbove, value: Fields, path: Path): readonly Finding[] {
  const amount = value[rule.field];
  const limit = value[rule.limit] ?? rule.limitDefault;
  if (typeof amount !== 'number' || typeof limit !== 'number' || amount <= limit) return [];
  const source = value[rule.limit] === undefined ? 'by default' : 'here';
  const message = `must be at most "${rule.limit}", which is ${limit} ${source}; found ${amount}`;
  return [{ code: codes.contradiction, path: [...path, rule.field], at: 'value', message }];
}

function rises(end: number, list: readonly unknown[], path: Path): readonly Finding[] {
  const falls = list.findIndex((item, index) => isBelow(item, list[index - 1]));
  if (falls > 0) {
    const message = `must never fall from step to step; found ${shown(list[falls])} after ${shown(list[falls - 1])}`;
    return [{ code: codes.contradiction, path: [...path, falls], at: 'value', message }];
  }
  if (list.length === 0 || list.at(-1) === end) return [];
  const message = `must end in ${end}; found ${shown(list.at(-1))} at its end`;
  return [{ code: codes.contradiction, path: [...path, list.length - 1], at: 'value', message }];
}

function isBelow(value: unknown, other: unknown): boolean {
  return typeof value === 'number' && typeof other === 'number' && value < other;
}

function duplicates(node: SchemaNode, list: readonly unknown[], path: Path): readonly Finding[] {
  const [key] = node['x-kubernetes-list-map-keys'] ?? [];
  const isSetList = node['x-kubernetes-list-type'] === 'set';
  if (key === undefined && !isSetList) return [];
  const seen = new Set<unknown>();
  const findings: Finding[] = [];
  list.forEach((item, index) => {
    const identity = key === undefined ? item : isFields(item) ? item[key] : undefined;
    if (identity === undefined || !seen.has(identity)) {
      seen.add(identity);
      return;
    }
    const place = key === undefined ? [...path, index] : [...path, index, key];
    const message = `must be unique; found ${shown(identity)} a second time`;
    findings.push({ code: codes.duplicate, path: place, at: 'value', message });
  });
  return findings;
}
