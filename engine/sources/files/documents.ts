/** The text of one file becomes Kubernetes objects as plain data, with positions for whoever has to complain. */
import type { Document, Node } from 'yaml';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import { isRecord } from '../../is-record.ts';
import type { Path } from '../../policy/finding.ts';
import { createLocate } from '../../policy/locate.ts';
import type { Problem } from '../../problem.ts';

export interface Place {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

/** One Kubernetes object: a document of its own, or an item of a `List` as `kubectl get -o yaml` writes it. */
export interface YamlObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Without nulls: to Kubernetes null is absent. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly place: Place;
  /** Where `path` is inside the object, or the nearest thing around it that is written down. */
  readonly placeOf: (path: Path) => Place;
  readonly document: Document.Parsed;
  /** Where in the document the object is: empty, or its place in a List. */
  readonly root: Path;
  /** The whole text of the file, and the counter it was parsed with. */
  readonly text: string;
  readonly lines: LineCounter;
}

export type ParsedText =
  | { readonly kind: 'objects'; readonly objects: readonly YamlObject[] }
  | { readonly kind: 'broken'; readonly problems: readonly Problem[] };

/** A few references to a large anchor unfold to gigabytes; no honest manifest comes near this many. */
const maxAliasCount = 100;

/** All of the text or nothing: half of a file that is being written is not an answer. Never throws. */
export function parseText(file: string, text: string): ParsedText {
  const lines = new LineCounter();
  let documents: readonly Document.Parsed[];
  try {
    // Merge keys, because kubectl understands them too.
    documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true })];
  } catch (error) {
    return { kind: 'broken', problems: [notYaml({ file, line: 1, column: 1 }, String(error))] };
  }
  const filled = documents.filter((document) => document.errors.length > 0 || !isEmpty(document));
  if (filled.length === 0) return { kind: 'broken', problems: [emptyFile(file)] };
  const reader: Reader = { file, text, lines };
  const read = filled.flatMap((document) => readDocument(reader, document));
  const problems = read.flatMap((result) => (result.kind === 'problem' ? [result.problem] : []));
  if (problems.length > 0) return { kind: 'broken', problems };
  return { kind: 'objects', objects: read.flatMap((result) => (result.kind === 'object' ? [result.object] : [])) };
}

function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

interface Reader {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
}

type Read =
  | { readonly kind: 'object'; readonly object: YamlObject }
  | { readonly kind: 'problem'; readonly problem: Problem };

function readDocument(reader: Reader, document: Document.Parsed): readonly Read[] {
  const [error] = document.errors;
  if (error !== undefined) return [{ kind: 'problem', problem: notYaml(placeAt(reader, error.pos[0]), error.message) }];
  const root: Node | null = document.contents;
  if (root === null) return [];
  const isList = isMap(root) && root.get('kind') === 'List' && root.get('apiVersion') === 'v1';
  const items = isList ? root.get('items', true) : undefined;
  if (!isList) return [readObject(reader, document, root, [])];
  if (!isSeq(items))
    return [{ kind: 'problem', problem: notAnObject(placeOfNode(reader, root), 'a List without items') }];
  return items.items.flatMap((item, index) =>
    isNode(item) ? [readObject(reader, document, item, ['items', index])] : [],
  );
}

function readObject(reader: Reader, document: Document.Parsed, node: Node, root: Path): Read {
  const place = placeOfNode(reader, node);
  let value: unknown;
  try {
    value = withoutNulls(node.toJS(document, { maxAliasCount }));
  } catch (error) {
    // Unknown aliases, too many of them, or nesting too deep for the stack.
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'problem', problem: notYaml(place, message) };
  }
  if (!isRecord(value)) return { kind: 'problem', problem: notAnObject(place, 'no mapping') };
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    return { kind: 'problem', problem: notAnObject(place, 'without apiVersion and kind') };
  }
  const { text, lines } = reader;
  const locate = createLocate({ document, text, lines, root });
  const placeOf = (path: Path): Place => ({ ...place, ...locate({ path, at: 'value' }) });
  return { kind: 'object', object: { apiVersion, kind, value, place, placeOf, document, root, text, lines } };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => (field === null ? [] : [[name, withoutNulls(field)]])),
  );
}

function placeOfNode(reader: Reader, node: Node): Place {
  return placeAt(reader, node.range?.[0] ?? 0);
}

function placeAt({ file, lines }: Reader, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line, column: col };
}

function notYaml(place: Place, message: string): Problem {
  return { code: 'KV0204', severity: 'error', ...place, message: `not usable as YAML: ${message}` };
}

function emptyFile(file: string): Problem {
  return {
    code: 'KV0205',
    severity: 'error',
    file,
    message: 'the file holds no object, as one that is just being written',
    remedy: 'delete the file, or write a v1 List with "items: []"',
  };
}

function notAnObject(place: Place, what: string): Problem {
  return {
    code: 'KV0207',
    severity: 'error',
    ...place,
    message: `not a Kubernetes object: ${what}`,
    remedy: 'keep only Service, EndpointSlice, Pod and KubervisorService objects here',
  };
}
