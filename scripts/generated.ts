/** Files that are generated from source and kept in git, because people read them and clusters apply them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderCustomAnswerSchema } from '../engine/metrics/custom-answer-schema.ts';
import { renderOverrideCrd } from '../engine/overrides/schema.ts';
import { renderCrd } from '../engine/policy/crd.ts';
import { renderReference } from '../engine/policy/reference.ts';
import { renderValuesSchema } from './chart/values-schema.ts';
import { root } from './tool.ts';

interface Generated {
  /** Relative to the repository. */
  readonly path: string;
  /** Equal source gives equal text. */
  render(): string;
}

const generated: readonly Generated[] = [
  ...inChartToo('kubervisorservices.yaml', renderCrd),
  ...inChartToo('endpointoverrides.yaml', renderOverrideCrd),
  { path: 'manifests/chart/values.schema.json', render: renderValuesSchema },
  { path: 'docs/policy.md', render: renderReference },
  { path: 'docs/custom-service.schema.json', render: renderCustomAnswerSchema },
];

/** A CRD for kubectl, and the same for helm, which reads nothing outside of its chart. */
function inChartToo(file: string, render: () => string): readonly Generated[] {
  return ['manifests/crds', 'manifests/chart/files/crds'].map((folder) => ({ path: `${folder}/${file}`, render }));
}

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
