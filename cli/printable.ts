/**
 * Text of others on a terminal: a proxy may call itself anything, and a metric source may answer anything. Control
 * characters would break the line, or move the cursor and forge what a person reads.
 */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
