/** One file, all or nothing: broken anywhere is broken as a whole, so that its last good content can stand in for it. */
import type { PolicyParser } from '../../policy/parse.ts';
import type { Problem } from '../../problem.ts';
import { parseText } from './documents.ts';
import type { PodInFile, ServiceInFile, SliceInFile } from './objects.ts';
import { readKubernetesObject } from './objects.ts';
import type { PolicyInFile } from './policies.ts';
import { isPolicy, readPolicy } from './policies.ts';

export type FileObject = ServiceInFile | SliceInFile | PodInFile | PolicyInFile;

export type ParsedFile =
  | { readonly kind: 'good'; readonly objects: readonly FileObject[]; readonly warnings: readonly Problem[] }
  | { readonly kind: 'broken'; readonly problems: readonly Problem[] };

export function parseFile(file: string, text: string, policies: PolicyParser): ParsedFile {
  const parsed = parseText(file, text);
  if (parsed.kind === 'broken') return parsed;
  const objects: FileObject[] = [];
  const warnings: Problem[] = [];
  const problems: Problem[] = [];
  for (const yaml of parsed.objects) {
    if (isPolicy(yaml)) {
      // A refused policy does not break its file: what is in force for its Service is known and simply stays.
      objects.push(readPolicy(yaml, policies));
      continue;
    }
    const reading = readKubernetesObject(yaml);
    if (reading.kind === 'object') objects.push(reading.object);
    else if (reading.kind === 'ignored') warnings.push(reading.problem);
    else problems.push(...reading.problems);
  }
  return problems.length > 0 ? { kind: 'broken', problems } : { kind: 'good', objects, warnings };
}
