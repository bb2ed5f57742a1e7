/** The CustomResourceDefinition, from the same schema that validates files. Structural, so that the API server takes it. */
import { stringify } from 'yaml';
import { group, kind, specSchema, version } from './schema.ts';
import { statusSchema } from './schema/status.ts';
import type { Choice, NotAbove, SchemaNode } from './schema/vocabulary.ts';

const header = '# Generated from engine/policy/schema.ts by "npm run gen"; do not edit.\n';

/** The whole file `manifests/crds/kubervisorservices.yaml`. */
export function renderCrd(): string {
  return header + stringify(crd(), { lineWidth: 120, aliasDuplicateObjects: false });
}

function crd(): unknown {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `kubervisorservices.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural: 'kubervisorservices',
        singular: 'kubervisorservice',
        shortNames: ['kvs'],
        categories: ['kubervisor'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: printerColumns,
          schema: { openAPIV3Schema: root() },
        },
      ],
    },
  };
}

const printerColumns = [
  { name: 'Service', type: 'string', jsonPath: '.spec.service' },
  { name: 'Mode', type: 'string', jsonPath: '.status.enforcement' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Serving', type: 'string', jsonPath: '.status.serving' },
  { name: 'Ejected', type: 'integer', jsonPath: '.status.summary.ejected' },
  { name: 'Budget', type: 'string', jsonPath: '.status.budget.text' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

function root(): unknown {
  return {
    type: 'object',
    description:
      'Takes broken endpoints of a Service out of rotation, by any metric, and brings them back by evidence.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: `Always ${kind}.` },
      metadata: { type: 'object' },
      spec: structural(specSchema),
      status: structural(statusSchema),
    },
  };
}

/** The keywords the API server knows, in an order that reads well. Our own words become CEL rules or stay behind. */
const keywords = [
  ...['type', 'description', 'default', 'format', 'enum', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength'],
  ...['minItems', 'maxItems', 'x-kubernetes-int-or-string', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
  'required',
] as const satisfies readonly (keyof SchemaNode)[];

function structural(node: SchemaNode): unknown {
  const out: Record<string, unknown> = {};
  for (const keyword of keywords) if (node[keyword] !== undefined) out[keyword] = node[keyword];
  const rules = validations(node);
  if (rules.length > 0) out['x-kubernetes-validations'] = rules;
  if (node.properties !== undefined) {
    out['properties'] = Object.fromEntries(
      Object.entries(node.properties).map(([name, child]) => [name, structural(child)]),
    );
  }
  if (node.items !== undefined) out['items'] = structural(node.items);
  return out;
}

interface Validation {
  readonly rule: string;
  readonly message: string;
}

function validations(node: SchemaNode): readonly Validation[] {
  return [
    ...(node.choices ?? []).map(choiceRule),
    ...(node.notAbove === undefined ? [] : [notAboveRule(node.notAbove)]),
    ...(node.risesTo === undefined ? [] : [risesRule(node.risesTo)]),
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
