/**
 * The words our schema uses beyond JSON Schema. A structural CRD schema cannot say them as keywords, and the API server
 * refuses keywords it does not know; so each word is checked here (rules.ts) and either rendered as a CEL rule or left
 * out of the CRD (crd.ts). One schema, three readers, no rule written twice.
 */

import type { TSchema } from '../../json-schema.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** At most one of some fields, or exactly one. A dotted name reaches into an object: `budget.minAvailableCount`. */
export interface Choice {
  readonly of: readonly string[];
  readonly exactly?: true;
  readonly message: string;
}

/** `field` may not exceed `limit`, nor `limitDefault` when `limit` is absent. */
export interface NotAbove {
  readonly field: string;
  readonly limit: string;
  readonly limitDefault: number;
}

/** A field that only makes sense where `of` has one of `values`, and is demanded there if `required`. */
export interface GoesWith {
  readonly field: string;
  readonly of: string;
  readonly values: readonly string[];
  readonly required?: true;
  readonly message: string;
}

export interface Words {
  /** What a correct value is, as the end of the sentence "must be ...". */
  readonly expected?: string;
  /** Bounds of a duration in milliseconds; JSON Schema can bound the integer form only. */
  readonly durationMs?: Bounds;
  /** Bounds of a decimal, for its string form too. */
  readonly decimal?: Bounds;
  readonly choices?: readonly Choice[];
  readonly goesWith?: readonly GoesWith[];
  readonly notAbove?: NotAbove;
  /** The list never falls, and its last item is this. */
  readonly risesTo?: number;
  /** Unknown fields are welcome here: the object belongs to somebody else. */
  readonly open?: true;
  /** The object can be made and deleted, this part of it not be edited; the text says what to do instead. */
  readonly immutable?: string;
}

/** A schema as its readers see it: the JSON Schema subset that a structural CRD schema allows, and our words. */
export interface SchemaNode extends Words {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** TypeBox types know the value a schema describes; its readers want the keywords. */
export function asNode(schema: TSchema): SchemaNode {
  return schema as SchemaNode;
}
