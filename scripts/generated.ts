/** Files that are generated from source and kept in git, because people read them and clusters apply them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderCustomAnswerSchema } from '../engine/metrics/custom-answer-schema.ts';
import { renderOverrideCrd } from '../engine/overrides/schema.ts';
import { renderCrd } from '../engine/policy/crd.ts';
import { renderReference } from '../engine/policy/reference.ts';
import { root } from './tool.ts';

interface Generated {
  /** Relative to the repository. */
  readonly path: string;
  /** Equal source gives equal text. */
  render(): string;
}

const generated: readonly Generated[] = [
  { path: 'manifests/crds/kubervisorservices.yaml', render: renderCrd },
  { path: 'manifests/crds/endpointoverrides.yaml', render: renderOverrideCrd },
  { path: 'docs/policy.md', render: renderReference },
  { path: 'docs/custom-service.schema.json', render: renderCustomAnswerSchema },
];

export function staleFiles(): string[] {
  return generated.filter(({ path, render }) => read(path) !== render()).map(({ path }) => path);
}

export function writeGenerated(): void {
  for (const { path, render } of generated) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), render());
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
