/**
 * Text to expression, by Prometheus' own grammar for editors. That grammar binds `[5m]`, `offset` and `@` more loosely
 * than Prometheus does: `a / b offset 5m` comes out as an offset on the quotient. Since the reach of a query is read
 * from the expression, such a modifier is moved to its true operand, the last one.
 */
import type { SyntaxNode } from '@lezer/common';
import { parsePromDurationMs } from './duration.ts';
import type { Expr, Grouping, Matching, QueryFault } from './expr.ts';
import { readTree } from './tree.ts';

export type QueryReading =
  | { readonly kind: 'readable'; readonly expr: Expr }
  | { readonly kind: 'unreadable'; readonly fault: QueryFault };

/** Never throws. Only the first fault is told. */
export function readQuery(query: string): QueryReading {
  const reading = readTree(query);
  if (reading.kind === 'unreadable') return reading;
  const [top] = children(reading.tree.topNode);
  if (top === undefined)
    return { kind: 'unreadable', fault: { kind: 'syntax', offset: 0, message: 'the query is empty' } };
  try {
    return { kind: 'readable', expr: build(top, query) };
  } catch (error) {
    if (error instanceof Unreadable) return { kind: 'unreadable', fault: error.fault };
    throw error;
  }
}

class Unreadable extends Error {
  readonly fault: QueryFault;

  constructor(fault: QueryFault) {
    super(fault.message);
    this.fault = fault;
  }
}

function build(node: SyntaxNode, query: string): Expr {
  const from = node.from;
  const parts = children(node);
  const first = (): SyntaxNode => must(parts[0], node);
  const expr = (part: SyntaxNode): Expr => build(part, query);
  switch (node.name) {
    case 'ParenExpr':
      return expr(first());
    case 'NumberDurationLiteral':
      return { kind: 'number', from };
    case 'StringLiteral':
      return { kind: 'string', from, value: unquote(query.slice(from, node.to)) };
    case 'VectorSelector':
      return { kind: 'selector', from };
    case 'UnaryExpr':
      return { kind: 'unary', from, of: expr(must(parts.at(-1), node)) };
    case 'MatrixSelector': {
      const rangeMs = positive(must(parts[1], node), query);
      return postfix(expr(first()), first(), (of) => ({ kind: 'range', from: of.from, of, rangeMs }));
    }
    case 'SubqueryExpr': {
      const rangeMs = positive(must(parts[1], node), query);
      return postfix(expr(first()), first(), (of) => ({ kind: 'subquery', from: of.from, of, rangeMs }));
    }
    case 'OffsetExpr': {
      const offsetMs = literalMs(must(parts.at(-1), node), query);
      return postfix(expr(first()), first(), (of) => ({ kind: 'offset', from: of.from, of, offsetMs }));
    }
    case 'StepInvariantExpr':
      return postfix(expr(first()), first(), (of) => ({ kind: 'at', from: must(parts[1], node).from, of }));
    case 'AnchoredExpr':
    case 'SmoothedExpr':
      return postfix(expr(first()), first(), (of) => ({ kind: 'extended', from: of.from, of }));
    case 'BinaryExpr': {
      const operator = query.slice(must(parts[1], node).from, must(parts[1], node).to).toLowerCase();
      const clause = parts.find((part) => part.name === 'MatchingModifierClause');
      const matching = clause === undefined ? {} : { matching: matchingOf(clause, query) };
      return {
        kind: 'binary',
        from,
        operator,
        ...matching,
        left: expr(first()),
        right: expr(must(parts.at(-1), node)),
      };
    }
    case 'AggregateExpr': {
      const modifier = parts.find((part) => part.name === 'AggregateModifier');
      const grouping = modifier === undefined ? {} : { grouping: groupingOf(modifier, query) };
      const operator = query.slice(first().from, first().to).toLowerCase();
      return { kind: 'aggregate', from, operator, ...grouping, args: argumentsOf(parts).map(expr) };
    }
    case 'FunctionCall':
      return { kind: 'call', from, name: query.slice(first().from, first().to), args: argumentsOf(parts).map(expr) };
    default:
      throw new Unreadable({ kind: 'syntax', offset: from, message: `${node.name} is not understood here` });
  }
}

/** Moves a modifier past the operators that bind looser than it. Parentheses hold it where it is written. */
function postfix(inner: Expr, written: SyntaxNode, wrap: (of: Expr) => Expr): Expr {
  const parts = children(written);
  const last = parts.at(-1);
  if (last === undefined) return wrap(inner);
  if (written.name === 'BinaryExpr' && inner.kind === 'binary')
    return { ...inner, right: postfix(inner.right, last, wrap) };
  if (written.name === 'UnaryExpr' && inner.kind === 'unary') return { ...inner, of: postfix(inner.of, last, wrap) };
  return wrap(inner);
}

function argumentsOf(parts: readonly SyntaxNode[]): readonly SyntaxNode[] {
  const body = parts.find((part) => part.name === 'FunctionCallBody');
  return body === undefined ? [] : children(body);
}

function groupingOf(modifier: SyntaxNode, query: string): Grouping {
  const [keyword, labels] = children(modifier);
  return { kind: keyword?.name === 'By' ? 'by' : 'without', labels: labelsOf(labels, query) };
}

function matchingOf(clause: SyntaxNode, query: string): Matching {
  const parts = children(clause);
  const kind = parts[0]?.name === 'On' ? 'on' : 'ignoring';
  const side = parts.find((part) => part.name === 'GroupLeft' || part.name === 'GroupRight')?.name;
  const many = side === undefined ? {} : { many: side === 'GroupLeft' ? ('left' as const) : ('right' as const) };
  return { kind, labels: labelsOf(parts[1], query), ...many };
}

function labelsOf(node: SyntaxNode | undefined, query: string): readonly string[] {
  if (node?.name !== 'GroupingLabels') return [];
  return children(node).map((label) => unquote(query.slice(label.from, label.to)));
}

/** A range of zero selects nothing; Prometheus refuses it too. */
function positive(node: SyntaxNode, query: string): number {
  const ms = literalMs(node, query);
  if (ms > 0) return ms;
  throw new Unreadable({ kind: 'syntax', offset: node.from, message: 'a range must be longer than 0' });
}

/** A literal, signs and parentheses. Arithmetic on durations is experimental in Prometheus and not needed here. */
function literalMs(node: SyntaxNode, query: string): number {
  const parts = children(node);
  if (node.name === 'NumberDurationLiteralInDurationContext') {
    const ms = parsePromDurationMs(query.slice(node.from, node.to));
    if (ms !== undefined) return ms;
  } else if (parts.length === 1 && parts[0] !== undefined) {
    return literalMs(parts[0], query);
  } else if (parts.length === 2 && parts[0]?.name === 'UnaryOp' && parts[1] !== undefined) {
    const sign = query.slice(parts[0].from, parts[0].to) === '-' ? -1 : 1;
    return sign * literalMs(parts[1], query);
  }
  const text = query.slice(node.from, node.to);
  throw new Unreadable({ kind: 'syntax', offset: node.from, message: `"${text}" must be a plain duration such as 5m` });
}

function children(node: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') found.push(child);
  }
  return found;
}

function must(node: SyntaxNode | undefined, parent: SyntaxNode): SyntaxNode {
  if (node !== undefined) return node;
  throw new Unreadable({ kind: 'syntax', offset: parent.from, message: `${parent.name} is incomplete` });
}

/** Enough for label names, which have no escapes worth the name. */
function unquote(text: string): string {
  return /^(["'`]).*\1$/s.test(text) ? text.slice(1, -1) : text;
}
