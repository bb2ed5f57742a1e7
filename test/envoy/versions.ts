/** The Envoys that everything about Envoy is tested with: the newest, and the oldest that we support. */
import { type PartName, parts } from '../../demo/world/parts.ts';
import { describeWith } from '../support/parts.ts';

const envoyParts = ['envoy', 'envoy-1.36'] as const satisfies readonly PartName[];

export interface EnvoyProgram {
  readonly executable: string;
  /** Such as `1.40.0`. */
  readonly version: string;
}

/** `describeWith`, once for each version. */
export function describeWithEnvoys(title: string, suite: (envoy: EnvoyProgram) => void): void {
  for (const name of envoyParts) {
    const { version } = parts[name];
    describeWith([name], `${title}, Envoy ${version}`, (executables) =>
      suite({ executable: executables[name], version }),
    );
  }
}
