/** The CustomResourceDefinition, from the same schema that validates files. Structural, so that the API server takes it. */
import { stringify } from 'yaml';
import { group, kind, specSchema, version } from './schema.ts';
import { statusSchema } from './schema/status.ts';
import type { SchemaNode } from './schema/vocabulary.ts';
import { structural, type StructuralOptions } from './structural.ts';

export interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: SchemaNode;
  readonly status: SchemaNode;
  readonly printerColumns: readonly PrinterColumn[];
  readonly structural?: StructuralOptions;
}

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  /** 1: with -o wide only. */
  readonly priority?: 1;
}

/** The whole file `manifests/crds/kubervisorservices.yaml`. */
export function renderCrd(): string {
  return renderDefinition(policyDefinition, 'engine/policy/schema.ts');
}

/** A file of `manifests/crds`. @param source where to make changes */
export function renderDefinition(definition: Definition, source: string): string {
  const header = `# Generated from ${source} by "npm run gen"; do not edit.\n`;
  return header + stringify(crd(definition), { lineWidth: 120, aliasDuplicateObjects: false });
}

function crd(definition: Definition): unknown {
  const { kind, plural, singular, shortName, printerColumns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [shortName],
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
          schema: { openAPIV3Schema: root(definition) },
        },
      ],
    },
  };
}

function root({ kind, description, spec, status, structural: options }: Definition): unknown {
  return {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: `Always ${kind}.` },
      metadata: { type: 'object' },
      spec: structural(spec, options),
      status: structural(status, options),
    },
  };
}

const policyDefinition: Definition = {
  kind,
  plural: 'kubervisorservices',
  singular: 'kubervisorservice',
  shortName: 'kvs',
  description: 'Takes broken endpoints of a Service out of rotation, by any metric, and brings them back by evidence.',
  spec: specSchema,
  status: statusSchema,
  printerColumns: [
    { name: 'Service', type: 'string', jsonPath: '.spec.service' },
    { name: 'Mode', type: 'string', jsonPath: '.status.enforcement' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Serving', type: 'string', jsonPath: '.status.serving' },
    { name: 'Ejected', type: 'integer', jsonPath: '.status.summary.ejected' },
    { name: 'Budget', type: 'string', jsonPath: '.status.budget.text' },
    { name: 'Out', type: 'integer', jsonPath: '.status.summary.out', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
