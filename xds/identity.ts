/**
 * What a client may ask for, by the names in its certificate, which an authority has signed; never by what it says of
 * itself. A client to whom no rule applies may ask for nothing.
 */
import type { IdentityRule, PartPattern } from '../engine/config/identity-rule.ts';
import type { SubjectName } from '../engine/tls/names.ts';
import { everywhere, type NamespaceRule } from './client.ts';
import { isDnsLabel } from './names.ts';

export interface Grant {
  readonly scope: 'everything' | 'some' | 'nothing';
  readonly allows: NamespaceRule;
}

export const everything: Grant = { scope: 'everything', allows: everywhere };
export const nothing: Grant = { scope: 'nothing', allows: () => false };

/** A name longer than any SPIFFE id may be is no name. */
const maxNameLength = 2048;

/** All rules that apply to any of the names count together. */
export function createGrants(rules: readonly IdentityRule[]): (names: readonly SubjectName[]) => Grant {
  return (names) => {
    const allowed = names.flatMap((name) => rules.flatMap((rule) => namespacesOf(rule, name)));
    if (allowed.length === 0) return nothing;
    if (allowed.some(isEverything)) return everything;
    const literals = new Set(allowed.filter(({ gap }) => gap === undefined).map(({ before }) => before));
    const patterns = allowed.filter(({ gap }) => gap !== undefined);
    return {
      scope: 'some',
      allows: (namespace) =>
        literals.has(namespace) || patterns.some((pattern) => gapOf(pattern, namespace) !== undefined),
    };
  };
}

/** What the rule grants to whoever bears the name. */
function namespacesOf({ kind, parts, namespaces }: IdentityRule, name: SubjectName): readonly PartPattern[] {
  if (name.kind !== kind || name.value.length > maxNameLength) return [];
  const texts = name.value.split(kind === 'uri' ? '/' : '.');
  if (texts.length !== parts.length) return [];
  let captured = '';
  for (const [index, part] of parts.entries()) {
    const text = gapOf(part, texts[index] ?? '');
    if (text === undefined) return [];
    if (part.gap === 'namespace') captured = text;
  }
  // What stood in the name is a text like any other from here on: a star in a certificate is no wildcard.
  return namespaces.map((pattern) =>
    pattern.gap === 'namespace' ? { before: pattern.before + captured + pattern.after, after: '' } : pattern,
  );
}

/** What of the text fills the gap, empty where there is no gap; undefined when the text does not fit. */
function gapOf({ before, gap, after }: PartPattern, text: string): string | undefined {
  if (gap === undefined) return text === before ? '' : undefined;
  const length = text.length - before.length - after.length;
  if (length < 1 || !text.startsWith(before) || !text.endsWith(after)) return undefined;
  const filling = text.slice(before.length, before.length + length);
  return gap === 'any' || isDnsLabel(filling) ? filling : undefined;
}

function isEverything({ before, gap, after }: PartPattern): boolean {
  return gap === 'any' && before === '' && after === '';
}
