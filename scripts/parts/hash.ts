/** What was fetched is what was tested with, or it is not used. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** @throws when the file is another one. */
export async function checkHash(file: string, what: string, expectedSha256: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const found = hash.digest('hex');
  if (found !== expectedSha256) {
    throw new Error(
      `${what} has SHA-256 ${found}, expected ${expectedSha256}: it is not the file this version was tested with`,
    );
  }
}
