/** From the text of the config to a plain value, and from a field to its place in the text. */
import { LineCounter, parseDocument } from 'yaml';
import type { Locate } from '../policy/finding.ts';
import { createLocate } from '../policy/locate.ts';
import type { Problem } from '../problem.ts';

export type YamlConfig =
  | { readonly kind: 'value'; readonly value: unknown; readonly locate: Locate }
  | { readonly kind: 'unreadable'; readonly problems: readonly Problem[] };

export function readYaml(text: string, file: string): YamlConfig {
  const lines = new LineCounter();
  const unreadable = (message: string): Problem => ({
    code: 'KV0501',
    severity: 'error',
    file,
    message: `not readable as YAML: ${message}`,
  });
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    if (document.errors.length > 0) {
      const problems = document.errors.map((error) => {
        const { line, col: column } = lines.linePos(error.pos[0]);
        return { ...unreadable(sentence(error)), line, column };
      });
      return { kind: 'unreadable', problems };
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    // An empty file says nothing wrong, only too little: what is missing is told by name.
    return { kind: 'value', value: value ?? {}, locate: createLocate({ document, text, lines, root: [] }) };
  } catch (error) {
    // Aliases to nothing, or to a million copies, are found only when they are followed.
    const message = error instanceof RangeError ? 'it is nested too deeply' : sentence(error);
    return { kind: 'unreadable', problems: [unreadable(message)] };
  }
}

function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
