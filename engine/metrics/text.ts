/** Texts from outside, made safe for a log line, a terminal and a status field. */

/**
 * Whatever came from a network peer may hold line breaks that forge log lines, escape sequences that drive a terminal,
 * or a megabyte. What is left is one line of at most `maxLength` characters.
 */
export function oneLine(text: string, maxLength: number): string {
  const flat = text
    .slice(0, maxLength * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return flat.length <= maxLength ? flat : `${flat.slice(0, maxLength - 3)}...`;
}
