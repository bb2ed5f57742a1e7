/** JSON from a peer that may be broken or hostile. */

export interface JsonLimits {
  /** Levels of nested arrays and objects. */
  readonly maxDepth: number;
  /** Arrays and objects in the whole text. */
  readonly maxContainers: number;
}

export type JsonResult =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'too-large'; readonly message: string };

const quote = 34;
const backslash = 92;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * The limits are checked on the text, before JSON.parse: 8 MB of opening brackets keep the parser, and with it every
 * stream of this process, busy for seconds.
 */
export function parseJson(text: string, limits: JsonLimits): JsonResult {
  let depth = 0;
  let containers = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === backslash) index += 1;
      else if (code === quote) inString = false;
    } else if (code === quote) {
      inString = true;
    } else if (code === openBrace || code === openBracket) {
      depth += 1;
      containers += 1;
      if (depth > limits.maxDepth) return tooLarge(`nested deeper than ${limits.maxDepth} levels`);
      if (containers > limits.maxContainers) return tooLarge('too many elements');
    } else if (code === closeBrace || code === closeBracket) {
      depth -= 1;
    }
  }
  try {
    const value: unknown = JSON.parse(text);
    return { kind: 'value', value };
  } catch {
    return { kind: 'invalid' };
  }
}

function tooLarge(message: string): JsonResult {
  return { kind: 'too-large', message };
}
