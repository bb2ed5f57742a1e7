/**
 * Text to syntax tree, by Prometheus' own grammar for editors, in time that grows with the length of the text and with
 * nothing else: whoever may write a policy may write any text. Left to itself the parser guesses on after a fault, and
 * nested aggregations keep several readings of the text alive: a few thousand characters took a second.
 */
import type { Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import type { QueryFault } from './expr.ts';

/** Brackets within brackets; rules of people come to ten. */
const deepestNesting = 64;

export type TreeReading =
  | { readonly kind: 'tree'; readonly tree: Tree }
  | { readonly kind: 'unreadable'; readonly fault: QueryFault };

/** Never throws. Only the first fault is told: what follows a syntax error is guesswork. */
export function readTree(query: string): TreeReading {
  const fault = lexicalFault(query);
  if (fault !== undefined) return { kind: 'unreadable', fault };
  const parse = parser.configure({ strict: true }).startParse(query);
  try {
    let tree = parse.advance();
    while (tree === null) tree = parse.advance();
    return { kind: 'tree', tree };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: 'unreadable', fault: syntaxFault(parse.parsedPos, query) };
  }
}

/** Texts, comments and brackets, as the grammar has them; a quotation mark alone is one that nothing closes. */
const tokens = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`|#[^\n]*|[()[\]{}"'`]/g;

/** What makes the query too much, or too doubtful, to be parsed. Brackets in texts and comments are none. */
function lexicalFault(query: string): QueryFault | undefined {
  let depth = 0;
  for (const { 0: token, index: offset } of query.matchAll(tokens)) {
    if ('"\'`'.includes(token))
      return { kind: 'syntax', offset, message: `a text that begins with ${token} is not closed` };
    if ('([{'.includes(token)) depth += 1;
    else if (')]}'.includes(token)) depth -= 1;
    if (depth > deepestNesting) {
      return { kind: 'nesting', offset, message: `has brackets nested more than ${deepestNesting} deep` };
    }
  }
  return undefined;
}

function syntaxFault(at: number, query: string): QueryFault {
  const offset = at + (/^\s*/.exec(query.slice(at))?.[0].length ?? 0);
  const found = /^(?:[\p{L}\p{N}_:]{1,64}|.)/su.exec(query.slice(offset))?.[0];
  // No name of a function is longer; to look for the end of one through all of a long text takes long.
  const word = /([A-Za-z_]\w*)\s*$/.exec(query.slice(Math.max(0, offset - 64), offset))?.[1];
  if (found === undefined) return { kind: 'syntax', offset: query.length, message: 'unexpected end of query' };
  if (found === '(' && word !== undefined) {
    return { kind: 'syntax', offset, message: `"${word}" is not a PromQL function` };
  }
  return { kind: 'syntax', offset, message: `unexpected "${found}"` };
}
