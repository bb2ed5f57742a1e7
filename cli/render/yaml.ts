/** YAML for people: comments that say why, and short things on one line. */
import { Document, isScalar, visit, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Notes } from './notes.ts';

/** Of the JSON of what goes on one line. */
const maxInline = 90;

/** Each note stands before the first field that it is about. */
export function annotatedYaml(value: object, notes: Notes, head: readonly string[]): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  const left = new Map(Object.entries(notes));
  visit(document, {
    Pair(_, { key, value: of }) {
      if (!isScalar(key)) return;
      const field = String(key.value);
      const about = [field, isScalar(of) ? `${field}: ${String(of.value)}` : field].find((name) => left.has(name));
      if (about === undefined) return;
      key.commentBefore = ` ${left.get(about)}`;
      left.delete(about);
    },
  });
  visit(document, {
    Collection(_, node) {
      if (JSON.stringify(node).length <= maxInline && !hasComment(node)) node.flow = true;
    },
  });
  document.commentBefore = head.map((line) => ` ${line}`).join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function hasComment(collection: YAMLMap | YAMLSeq): boolean {
  let found = false;
  visit(collection, {
    Scalar(_, { commentBefore }) {
      if (!commentBefore) return undefined;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}
