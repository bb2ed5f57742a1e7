/** Policies as files have them. */
import type { PolicyParser } from '../../policy/parse.ts';
import type { PolicyClaim } from '../policies.ts';
import type { Place, YamlObject } from './documents.ts';

export interface PolicyInFile extends PolicyClaim {
  readonly kind: 'KubervisorService';
  readonly place: Place;
}

export function isPolicy({ kind }: YamlObject): boolean {
  return kind === 'KubervisorService';
}

export function readPolicy(yaml: YamlObject, parser: PolicyParser): PolicyInFile {
  const { document, text, lines, root, place, value } = yaml;
  const outcome = parser.parseDocument(document, { file: place.file, text, lines, root });
  const identity = outcome.kind === 'accepted' ? outcome.policy : identityOf(value, place);
  const servicePlace = yaml.placeOf(['spec', 'service']);
  return {
    kind: 'KubervisorService',
    namespace: identity.namespace,
    name: identity.name,
    place,
    servicePlace,
    outcome,
  };
}

/** A refused policy may lack even a name; its place then stands in, so that two of them are not taken for one. */
function identityOf(value: YamlObject['value'], place: Place): { readonly namespace: string; readonly name: string } {
  const metadata = value['metadata'];
  const text = (field: string): string | undefined => {
    if (typeof metadata !== 'object' || metadata === null || !Object.hasOwn(metadata, field)) return undefined;
    const found: unknown = Reflect.get(metadata, field);
    return typeof found === 'string' ? found : undefined;
  };
  return { namespace: text('namespace') ?? 'default', name: text('name') ?? `${place.file}:${place.line}` };
}
