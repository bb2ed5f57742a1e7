/** Pages of which a benchmark writes a part; what people wrote around it stays. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param page below docs/, with a line `<!-- begin of what COMMAND writes -->` and one that ends it */
export function writeBetweenMarks(page: string, command: string, content: string): void {
  const file = join(import.meta.dirname, '../../docs', page);
  const mark = (which: 'begin' | 'end'): string => `<!-- ${which} of what \`${command}\` writes -->`;
  const [before, rest] = readFileSync(file, 'utf8').split(mark('begin'));
  const after = rest?.split(mark('end'))[1];
  if (before === undefined || after === undefined) throw new Error(`docs/${page} has lost its marks`);
  writeFileSync(file, `${before}${mark('begin')}\n\n${content}\n\n${mark('end')}${after}`);
}
