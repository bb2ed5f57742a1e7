/** From a field of a parsed YAML document to its line and column. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Scalar } from 'yaml';
import type { Locate, Path } from './finding.ts';

export interface YamlText {
  readonly document: Document.Parsed;
  /** The whole text, of all its documents. */
  readonly text: string;
  readonly lines: LineCounter;
  /** Where in the document the object is; empty for the document itself. */
  readonly root: Path;
}

/** A field that is missing is placed at the innermost object that is there. */
export function createLocate(yaml: YamlText): Locate {
  return (finding) => {
    const offset = offsetOf(yaml, finding);
    if (offset === undefined) return undefined;
    const { line, col } = yaml.lines.linePos(offset);
    return { line, column: col };
  };
}

function offsetOf({ document, text, root }: YamlText, finding: Parameters<Locate>[0]): number | undefined {
  let node: Node | undefined = document.contents ?? undefined;
  let place = node?.range?.[0] ?? document.range[0];
  const path = [...root, ...finding.path];
  for (const [depth, part] of path.entries()) {
    const step = stepInto(resolve(node, document), part);
    if (step === undefined) return place;
    // A field is told by its name, and so is one that is missing: by the name of the object that lacks it.
    const isValue = depth === path.length - 1 && finding.at === 'value';
    place = (isValue ? (step.value ?? step.key) : (step.key ?? step.value))?.range?.[0] ?? place;
    node = step.value;
  }
  const target = resolve(node, document);
  if (finding.offset !== undefined && isScalar(target)) return offsetInScalar(target, text, finding.offset);
  return place;
}

interface Step {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

function stepInto(node: Node | undefined, part: string | number): Step | undefined {
  if (typeof part === 'number') {
    const item = isSeq<Node>(node) ? node.items[part] : undefined;
    return item === undefined ? undefined : { key: undefined, value: item };
  }
  if (!isMap<Node, Node | null>(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
  return pair === undefined ? undefined : { key: pair.key, value: pair.value ?? undefined };
}

function resolve(node: Node | undefined, document: Document.Parsed): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

/**
 * Where the character at `offset` of a text value stands in the file. Quotes, folding and indentation lie between the
 * two, so the characters that are not white space are counted. Where even those differ (escapes beyond `\"` and `''`)
 * the start of the value has to do.
 */
function offsetInScalar(node: Scalar, text: string, offset: number): number {
  const [start, end] = node.range ?? [0, 0];
  const value = String(node.value);
  const written = [...inkOf(node, text, start, end)];
  const ink = value.replace(/\s/g, '');
  if (written.map(({ character }) => character).join('') !== ink) return start;
  const index = value.slice(0, offset).replace(/\s/g, '').length;
  const last = written.at(-1);
  return written[index]?.offset ?? (last === undefined ? start : last.offset + 1);
}

/** The visible characters of a scalar as written, unescaped, with their places. */
function* inkOf(
  node: Scalar,
  text: string,
  start: number,
  end: number,
): Generator<{ character: string; offset: number }> {
  const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  const quote = node.type === 'QUOTE_DOUBLE' ? '"' : node.type === 'QUOTE_SINGLE' ? "'" : '';
  const from = isBlock ? text.indexOf('\n', start) + 1 : start + quote.length;
  const to = end - quote.length;
  for (let offset = from; offset < to; offset++) {
    const escapes = (quote === '"' && text[offset] === '\\') || (quote === "'" && text[offset] === "'");
    if (escapes) offset++;
    const character = text[offset] ?? '';
    if (/\S/.test(character)) yield { character, offset };
  }
}
