/**
 * Which clients a status question is about: node_matchers of envoy.type.matcher.v3. Whatever is not understood refuses
 * the question: an answer about everybody would look like the one that was asked for.
 */
import type protobuf from 'protobufjs/minimal.js';
import type { Clock } from '../engine/clock.ts';
import { malformed } from './refusal.ts';
import { matchRegexes } from './regex-match.ts';
import { bytesTag, readNested, varintTag } from './wire.ts';

/** Of a node its id is matched. */
export type NodeMatcher =
  | { readonly kind: 'text'; readonly by: TextMatch; readonly text: string; readonly ignoreCase: boolean }
  /** Of the whole id. */
  | { readonly kind: 'regex'; readonly regex: RegExp };

type TextMatch = 'exact' | 'prefix' | 'suffix' | 'contains';

/** @throws RequestRefused for kinds of matchers that are not known here. */
export function readNodeMatcher(reader: protobuf.Reader): NodeMatcher {
  let matcher: NodeMatcher | undefined;
  readNested(reader, {
    [bytesTag(1)]: (nodeId) => (matcher = readStringMatcher(nodeId)),
    [bytesTag(2)]: () => {
      throw malformed('node_metadatas cannot be matched: of a node only its id is known here; match by node_id');
    },
  });
  if (matcher === undefined)
    throw malformed('a node_matcher without node_id; leave node_matchers out to ask for everybody');
  return matcher;
}

/** The ids that at least one of them matches. @throws RequestRefused when a regular expression takes too long. */
export async function matchIds(
  matchers: readonly NodeMatcher[],
  ids: readonly string[],
  clock: Clock,
): Promise<ReadonlySet<string>> {
  const regexes = matchers.flatMap((matcher) => (matcher.kind === 'regex' ? matcher.regex : []));
  const byRegex = await matchRegexes(regexes, ids, clock);
  return new Set([...ids.filter((id) => matchers.some((matcher) => matchesText(matcher, id))), ...byRegex]);
}

function matchesText(matcher: NodeMatcher, id: string): boolean {
  if (matcher.kind === 'regex') return false;
  const { by, text, ignoreCase } = matcher;
  return ignoreCase ? textMatches[by](id.toLowerCase(), text.toLowerCase()) : textMatches[by](id, text);
}

const textMatches: Readonly<Record<TextMatch, (id: string, text: string) => boolean>> = {
  exact: (id, text) => id === text,
  prefix: (id, text) => id.startsWith(text),
  suffix: (id, text) => id.endsWith(text),
  contains: (id, text) => id.includes(text),
};

/** StringMatcher. */
function readStringMatcher(reader: protobuf.Reader): NodeMatcher {
  let found:
    | { readonly by: TextMatch; readonly text: string }
    | { readonly by: 'regex'; readonly regex: RegExp }
    | undefined;
  let ignoreCase = false;
  readNested(reader, {
    [bytesTag(1)]: (field) => (found = { by: 'exact', text: field.string() }),
    [bytesTag(2)]: (field) => (found = { by: 'prefix', text: nonEmpty('prefix', field) }),
    [bytesTag(3)]: (field) => (found = { by: 'suffix', text: nonEmpty('suffix', field) }),
    [bytesTag(5)]: (field) => (found = { by: 'regex', regex: readRegex(field) }),
    [varintTag(6)]: (field) => (ignoreCase = field.bool()),
    [bytesTag(7)]: (field) => (found = { by: 'contains', text: nonEmpty('contains', field) }),
  });
  if (found === undefined) throw malformed('node_id can be matched by exact, prefix, suffix, contains or safe_regex');
  return found.by === 'regex' ? { kind: 'regex', regex: found.regex } : { kind: 'text', ...found, ignoreCase };
}

function nonEmpty(kind: TextMatch, field: protobuf.Reader): string {
  const text = field.string();
  if (text === '') throw malformed(`an empty ${kind} would match everybody; leave node_matchers out to ask for that`);
  return text;
}

/** RegexMatcher; the engine it may name makes no difference. */
function readRegex(reader: protobuf.Reader): RegExp {
  let source = '';
  readNested(reader, { [bytesTag(2)]: (field) => (source = field.string()) });
  if (source === '') throw malformed('safe_regex without a regex');
  try {
    // The flag refuses escapes that mean something in RE2 and nothing here.
    return new RegExp(`^(?:${source})$`, 'u');
  } catch (error) {
    throw malformed(
      `safe_regex is not a regular expression that is understood here: ${(error as Error).message}`,
      error,
    );
  }
}
