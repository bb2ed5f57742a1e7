/** A structural schema, as the API server demands it, from one of ours: its keywords as they are, our own words as CEL. */
import { formatDuration } from './duration.ts';
import type { Choice, GoesWith, NotAbove, SchemaNode } from './schema/vocabulary.ts';

export interface StructuralOptions {
  /**
   * Durations written as text are held to their bounds too. Off where they stand in lists: the API server prices a rule
   * by the longest list, and would refuse the whole definition.
   */
  readonly boundDurations?: true;
}

/** The keywords the API server knows, in an order that reads well. Our own words become CEL rules or stay behind. */
const keywords = [
  ...['type', 'description', 'default', 'format', 'enum', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength'],
  ...['minItems', 'maxItems', 'x-kubernetes-int-or-string', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
  'required',
] as const satisfies readonly (keyof SchemaNode)[];

export function structural(node: SchemaNode, options: StructuralOptions = {}): unknown {
  const out: Record<string, unknown> = {};
  for (const keyword of keywords) if (node[keyword] !== undefined) out[keyword] = node[keyword];
  const rules = validations(node, options);
  if (rules.length > 0) out['x-kubernetes-validations'] = rules;
  if (node.properties !== undefined) {
    out['properties'] = Object.fromEntries(
      Object.entries(node.properties).map(([name, child]) => [name, structural(child, options)]),
    );
  }
  if (node.items !== undefined) out['items'] = structural(node.items, options);
  return out;
}

interface Validation {
  readonly rule: string;
  readonly message: string;
}

function validations(node: SchemaNode, { boundDurations }: StructuralOptions): readonly Validation[] {
  return [
    ...(node.choices ?? []).map(choiceRule),
    ...(node.goesWith ?? []).map(goesWithRule),
    ...(node.notAbove === undefined ? [] : [notAboveRule(node.notAbove)]),
    ...(node.risesTo === undefined ? [] : [risesRule(node.risesTo)]),
    ...(boundDurations === undefined ? [] : durationRules(node)),
    ...(node.immutable === undefined ? [] : [{ rule: 'self == oldSelf', message: node.immutable }]),
  ];
}

function choiceRule({ of, exactly, message }: Choice): Validation {
  const set = of.map(hasRule).join(', ');
  return { rule: `[${set}].filter(x, x).size() ${exactly === true ? '== 1' : '<= 1'}`, message };
}

/** `budget.velocity` is there when `budget` is and has `velocity`. */
function hasRule(path: string): string {
  const names = path.split('.');
  const steps = names.map((_, depth) => `has(self.${names.slice(0, depth + 1).join('.')})`);
  return steps.join(' && ');
}

/** What CEL reserves is spelled with underscores in rules. */
function celName(name: string): string {
  return name === 'for' ? '__for__' : name;
}

function goesWithRule({ field, of, values, required, message }: GoesWith): Validation {
  const isOne = `self.${of} in [${values.map((value) => `'${value}'`).join(', ')}]`;
  const has = `has(self.${celName(field)})`;
  return { rule: required === undefined ? `!${has} || ${isOne}` : `${has} == (${isOne})`, message };
}

function notAboveRule({ field, limit, limitDefault }: NotAbove): Validation {
  const bound = `(has(self.${limit}) ? self.${limit} : ${limitDefault})`;
  return { rule: `!has(self.${field}) || self.${field} <= ${bound}`, message: `${field} must be at most ${limit}` };
}

function risesRule(end: number): Validation {
  return {
    rule: `self.isSorted() && self[self.size() - 1] == ${end}`,
    message: `must never fall and must end in ${end}`,
  };
}

/** Integers are held by minimum and maximum. */
function durationRules({ durationMs, expected = '' }: SchemaNode): readonly Validation[] {
  if (durationMs === undefined) return [];
  const [least, most] = [durationMs.min, durationMs.max].map((ms) => `duration('${formatDuration(ms)}')`);
  const rule = `type(self) == int || (duration(self) >= ${least} && duration(self) <= ${most})`;
  return [{ rule, message: `must be ${expected}` }];
}
