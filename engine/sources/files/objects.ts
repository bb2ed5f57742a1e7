/** YAML objects become typed Kubernetes objects, structurally checked, each with its place. */
import { isIPv4, isIPv6 } from 'node:net';
import type { TSchema } from '../../json-schema.ts';
import type { ServiceKey } from '../../model.ts';
import { serviceKey } from '../../model.ts';
import { fieldOf } from '../../policy/finding.ts';
import type { Problem } from '../../problem.ts';
import { type SchemaCheck, schemaCheck } from '../../schema-check.ts';
import type { EndpointSliceObject, PodObject, ServiceObject } from '../kubernetes-objects.ts';
import { serviceNameLabel } from '../kubernetes-objects.ts';
import type { Place, YamlObject } from './documents.ts';
import { EndpointSliceSchema, PodSchema, ServiceSchema } from './schema.ts';

/** What kubectl assumes when a manifest names no namespace. */
const defaultNamespace = 'default';

interface Identity {
  readonly namespace: string;
  readonly name: string;
  readonly place: Place;
}

export interface ServiceInFile extends Identity {
  readonly kind: 'Service';
  readonly object: ServiceObject;
  readonly service: ServiceKey;
}

export interface SliceInFile extends Identity {
  readonly kind: 'EndpointSlice';
  readonly object: EndpointSliceObject;
  /** Absent when its label does not say. */
  readonly service?: ServiceKey;
}

export interface PodInFile extends Identity {
  readonly kind: 'Pod';
  readonly object: PodObject;
}

export type KubernetesReading =
  | { readonly kind: 'object'; readonly object: ServiceInFile | SliceInFile | PodInFile }
  | { readonly kind: 'malformed'; readonly problems: readonly Problem[] }
  | { readonly kind: 'ignored'; readonly problem: Problem };

const serviceCheck = schemaCheck(ServiceSchema);
const sliceCheck = schemaCheck(EndpointSliceSchema);
const podCheck = schemaCheck(PodSchema);

export function readKubernetesObject(yaml: YamlObject): KubernetesReading {
  const { value, place } = yaml;
  switch (`${yaml.apiVersion} ${yaml.kind}`) {
    case 'v1 Service': {
      if (!serviceCheck.accepts(value)) return malformed(serviceCheck, yaml);
      const { name, namespace = defaultNamespace } = value.metadata;
      const service = serviceKey(namespace, name);
      return { kind: 'object', object: { kind: 'Service', namespace, name, place, object: value, service } };
    }
    case 'discovery.k8s.io/v1 EndpointSlice': {
      if (!sliceCheck.accepts(value)) return malformed(sliceCheck, yaml);
      const problems = addressProblems(value, yaml);
      if (problems.length > 0) return { kind: 'malformed', problems };
      const { name, namespace = defaultNamespace, labels } = value.metadata;
      const owner = labels?.[serviceNameLabel];
      const service = owner === undefined ? {} : { service: serviceKey(namespace, owner) };
      return { kind: 'object', object: { kind: 'EndpointSlice', namespace, name, place, object: value, ...service } };
    }
    case 'v1 Pod': {
      if (!podCheck.accepts(value)) return malformed(podCheck, yaml);
      const { name, namespace = defaultNamespace } = value.metadata;
      return { kind: 'object', object: { kind: 'Pod', namespace, name, place, object: value } };
    }
    default:
      return { kind: 'ignored', problem: otherKind(yaml) };
  }
}

function malformed(check: SchemaCheck<TSchema>, yaml: YamlObject): KubernetesReading {
  const problems = check.errors(yaml.value).map(({ instancePath, message = 'is wrong' }): Problem => {
    const path = instancePath.split('/').slice(1).map(pathStep);
    return {
      code: 'KV0207',
      severity: 'error',
      ...yaml.placeOf(path),
      ...(path.length > 0 && { field: fieldOf(path) }),
      message: `malformed ${yaml.kind}: ${message}`,
    };
  });
  return { kind: 'malformed', problems };
}

/** A step of a JSON pointer: a number is an index, `~1` stands for a slash. */
function pathStep(step: string): string | number {
  return /^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** An address that is not one would make Envoy refuse the whole assignment. */
function addressProblems(slice: EndpointSliceObject, yaml: YamlObject): readonly Problem[] {
  if (slice.addressType === 'FQDN') return [];
  // Node takes an IPv6 address with a zone for one; neither Kubernetes nor Envoy does.
  const isAddress = slice.addressType === 'IPv4' ? isIPv4 : (text: string) => isIPv6(text) && !text.includes('%');
  return (slice.endpoints ?? []).flatMap(({ addresses }, index) =>
    addresses.flatMap((address, position): readonly Problem[] => {
      if (isAddress(address)) return [];
      const path = ['endpoints', index, 'addresses', position];
      return [
        {
          code: 'KV0207',
          severity: 'error',
          ...yaml.placeOf(path),
          field: fieldOf(path),
          message: `malformed EndpointSlice: "${address}" is no ${slice.addressType} address`,
        },
      ];
    }),
  );
}

function otherKind({ apiVersion, kind, place }: YamlObject): Problem {
  return {
    code: 'KV0206',
    severity: 'warning',
    ...place,
    message: `${apiVersion} ${kind} is not used and was ignored`,
    remedy: 'only v1 Service, Pod and List, discovery.k8s.io/v1 EndpointSlice and KubervisorService are',
  };
}
