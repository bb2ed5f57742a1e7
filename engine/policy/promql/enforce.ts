/**
 * A query that reads only what bears a label: the matcher is added to every selector in it. Matchers hold together, so
 * that what the query says of the label itself can narrow this and never widen it.
 *
 * The text goes on to a server with a parser of its own. Wherever that could see a selector that we do not, the query is
 * refused or the place is taken out: a comment ends for Prometheus at a carriage return, for our grammar only at a line
 * feed; and our grammar takes a string without its closing quote.
 */
import type { SyntaxNode } from '@lezer/common';
import type { QueryFault } from './expr.ts';
import { readTree } from './tree.ts';

export type Enforced =
  | { readonly kind: 'query'; readonly query: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Whole on one line, as every parser reads it. */
const wholeString = /^(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*'|`[^`\r\n]*`)$/;

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** @param label the name of a Prometheus label; @param value printable ASCII */
export function enforceLabel(query: string, label: string, value: string): Enforced {
  const matcher = `${label}=${JSON.stringify(value)}`;
  const reading = readTree(query);
  if (reading.kind === 'unreadable') return { kind: 'refused', reason: whyUnreadable(reading.fault) };
  const edits: Edit[] = [];
  let refused: string | undefined;
  reading.tree.iterate({
    enter({ type, from, to, node }) {
      if (type.name === 'LineComment') edits.push({ from, to, text: ' ' });
      else if (type.name === 'VectorSelector') edits.push(addition(node, matcher));
      else if (type.name === 'StringLiteral') {
        if (!wholeString.test(query.slice(from, to))) refused ??= 'it has a text that is not closed on its line';
      } else if (type.name === 'Info') {
        refused ??= 'info() reads series that it does not name, which nothing can be added to';
      }
    },
  });
  if (refused !== undefined) return { kind: 'refused', reason: refused };
  return {
    kind: 'query',
    query: applied(
      query,
      edits.toSorted((a, b) => a.from - b.from),
    ),
  };
}

function whyUnreadable({ kind, message }: QueryFault): string {
  return kind === 'nesting' ? `it ${message}` : 'it is not valid PromQL';
}

/** `x` to `x{m}`, `x{}` to `x{m}`, `x{a="b"}` to `x{m,a="b"}`. */
function addition(selector: SyntaxNode, matcher: string): Edit {
  const braces = selector.getChild('LabelMatchers');
  if (braces === null) return { from: selector.to, to: selector.to, text: `{${matcher}}` };
  const from = braces.from + 1;
  return { from, to: from, text: isEmpty(braces) ? matcher : `${matcher},` };
}

function isEmpty(braces: SyntaxNode): boolean {
  let child = braces.firstChild;
  while (child?.name === 'LineComment') child = child.nextSibling;
  return child === null;
}

/** @param edits in the order of their places, none within another */
function applied(query: string, edits: readonly Edit[]): string {
  let text = '';
  let end = 0;
  for (const edit of edits) {
    text += query.slice(end, edit.from) + edit.text;
    end = edit.to;
  }
  return text + query.slice(end);
}
