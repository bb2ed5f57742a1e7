/** Accepted bearer tokens, one a line: two of them let a token be replaced without locking anybody out. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';

export interface TokenFile {
  /** Whether an Authorization header carries one of the tokens. */
  accepts(authorization: string): Promise<boolean>;
}

/** The file is read at most once in this time, however many ask. */
const freshForMs = 1000;

/** Kubernetes and secret managers replace the file without telling anybody, so it is looked at again. */
export function createTokenFile(file: string, clock: Clock): TokenFile {
  let last: { readonly atMs: number; readonly digests: Promise<readonly Buffer[]> } | undefined;
  return {
    async accepts(authorization) {
      const now = clock.now();
      if (last === undefined || Math.abs(now - last.atMs) >= freshForMs) {
        last = { atMs: now, digests: readDigests(file) };
      }
      const given = digestOf(/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
      // Digests have one length, so comparing tells nothing about a token, its length included. All are compared.
      return (await last.digests).filter((digest) => timingSafeEqual(digest, given)).length > 0;
    },
  };
}

/** A file that is missing or empty is being replaced, or was lost: it lets nobody in. */
async function readDigests(file: string): Promise<readonly Buffer[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((token) => token !== '')
    .map(digestOf);
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
