/** Whose object is it: kind, version, and the Service it speaks of. */
import { type ServiceKey, serviceKey } from '../model.ts';
import { codes } from './codes.ts';
import { type Finding, shown } from './finding.ts';
import { apiVersion, group, kind, version } from './schema.ts';
import { nearest } from './suggest.ts';
import { isFields } from './walk.ts';

/** Is it a KubervisorService of the version we speak? If not, nothing else about it is worth saying. */
export function checkIdentity(object: unknown): Finding | undefined {
  if (!isFields(object)) {
    return { code: codes.foreign, path: [], at: 'value', message: `must be a ${kind}; found ${shown(object)}` };
  }
  const given = typeof object['apiVersion'] === 'string' ? object['apiVersion'] : undefined;
  const [givenGroup, givenVersion] = given?.split('/') ?? [];
  const identity = (path: string, message: string, remedy: string): Finding => {
    return { code: codes.foreign, path: [path], at: 'value', message, remedy };
  };
  if (givenGroup === 'kubervisor.k8s.io') {
    return identity('apiVersion', `${given} is the original Kubervisor's`, `rewrite it as ${apiVersion}`);
  }
  if (object['kind'] !== kind) {
    const near = typeof object['kind'] === 'string' && nearest(object['kind'], [kind]) !== undefined;
    return identity(
      'kind',
      `must be ${kind}; found ${shown(object['kind'])}`,
      near ? `did you mean ${kind}?` : 'remove it',
    );
  }
  if (given === apiVersion) return undefined;
  if (givenGroup === group && /^v[0-9]/.test(givenVersion ?? '')) {
    return identity('apiVersion', `${given} is not a version this Kubervisor knows`, `upgrade it, or write ${version}`);
  }
  return identity('apiVersion', `must be ${apiVersion}; found ${shown(object['apiVersion'])}`, `write ${apiVersion}`);
}

/** Readable even from a policy that is refused: the last accepted one of that Service stays in force. */
export function serviceOf(object: unknown, defaultNamespace: string): ServiceKey | undefined {
  if (!isFields(object)) return undefined;
  const { metadata, spec } = object;
  const namespace = isFields(metadata) ? (metadata['namespace'] ?? defaultNamespace) : defaultNamespace;
  const service = isFields(spec) ? spec['service'] : undefined;
  return isName(namespace) && isName(service) ? serviceKey(namespace, service) : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value);
}
