/**
 * A rule of `xds.identity.allow`: whose certificate bears such a name may ask for what is in these namespaces.
 *
 *   spiffe://cluster.local/ns/{namespace}/sa/*    a URI; wildcards stay within one part between slashes
 *   dns:gateway-*.example.com                     a DNS name; wildcards stay within one label
 *
 * Without regular expressions: a pattern is compared part by part, in a time that only its length decides.
 */

export interface IdentityRule {
  readonly kind: 'uri' | 'dns';
  /** Between the slashes of the URI, or the dots of the name. */
  readonly parts: readonly PartPattern[];
  readonly namespaces: readonly PartPattern[];
}

/** A text with at most one gap in it: `*` for any text but none, or `{namespace}` for one that can be a namespace. */
export interface PartPattern {
  readonly before: string;
  /** Absent for a text that is meant as it stands; then all of it is `before`. */
  readonly gap?: 'any' | 'namespace';
  readonly after: string;
}

export type ParsedRule =
  | { readonly kind: 'rule'; readonly rule: IdentityRule }
  | { readonly kind: 'flawed'; readonly flaws: readonly RuleFlaw[] };

export interface RuleFlaw {
  /** Index into the namespaces; absent for the name. */
  readonly namespace?: number;
  readonly message: string;
  readonly remedy: string;
}

const examples = 'write spiffe://cluster.local/ns/{namespace}/sa/* or dns:gateway.example.com';

export function parseIdentityRule(name: string, namespaces: readonly string[]): ParsedRule {
  const kind = name.startsWith('dns:') ? 'dns' : /^[a-z][a-z0-9+.-]*:\/\/[!-~]+$/i.test(name) ? 'uri' : undefined;
  if (kind === undefined) {
    return flawed([{ message: 'must be a URI, or dns: and a name', remedy: examples }]);
  }
  const texts = kind === 'dns' ? name.slice('dns:'.length).toLowerCase().split('.') : name.split('/');
  const parts = texts.map(parsePart);
  const flaws: RuleFlaw[] = [];
  if (parts.includes(undefined) || (kind === 'dns' && !texts.every(isDnsPattern))) {
    flaws.push({ message: 'each part of the name has at most one wildcard, * or {namespace}', remedy: examples });
  }
  const captures = texts.filter((text) => text.includes('{namespace}')).length;
  if (captures > 1) flaws.push({ message: '{namespace} may stand in one place only', remedy: 'write * in the others' });
  const granted = namespaces.map((text, namespace) => {
    const pattern = isNamespacePattern(text) ? parsePart(text) : undefined;
    if (pattern === undefined) {
      const message = 'must be a namespace, with at most one * or {namespace} in it';
      flaws.push({ namespace, message, remedy: '"*" is every namespace' });
    } else if (pattern.gap === 'namespace' && captures === 0) {
      flaws.push({ namespace, message: 'there is no {namespace} in the name', remedy: 'put it where the name has it' });
    }
    return pattern;
  });
  if (flaws.length > 0) return flawed(flaws);
  const isPart = (part: PartPattern | undefined): part is PartPattern => part !== undefined;
  return { kind: 'rule', rule: { kind, parts: parts.filter(isPart), namespaces: granted.filter(isPart) } };
}

function flawed(flaws: readonly RuleFlaw[]): ParsedRule {
  return { kind: 'flawed', flaws };
}

function parsePart(text: string): PartPattern | undefined {
  const [before = '', after, ...more] = text.split(/\*|\{namespace\}/);
  if (after === undefined) return /[{}]/.test(text) ? undefined : { before, after: '' };
  if (more.length > 0 || /[{}]/.test(before + after)) return undefined;
  return { before, gap: text.includes('*') ? 'any' : 'namespace', after };
}

function isDnsPattern(text: string): boolean {
  return /^[a-z0-9_*{}-]+$/.test(text);
}

function isNamespacePattern(text: string): boolean {
  return /^[a-z0-9*{}-]+$/.test(text);
}
