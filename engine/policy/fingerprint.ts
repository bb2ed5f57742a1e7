/**
 * A short name for a meaning: equal data, equal text, whatever the order of its fields. It only has to notice edits,
 * so a plain FNV-1a of 64 bits does (two edits in a billion policies would have to meet); it is no protection against
 * somebody who wants a collision, who could only fool their own policy.
 */

const offsetBasis = 0xcbf29ce484222325n;
const prime = 0x100000001b3n;

/** 16 hexadecimal digits. */
export function fingerprint(value: unknown): string {
  let hash = offsetBasis;
  for (const byte of new TextEncoder().encode(canonical(value))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * prime);
  }
  return hash.toString(16).padStart(16, '0');
}

/** JSON with sorted fields; absent and undefined fields are the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
