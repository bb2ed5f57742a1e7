/** grpcurl shows that reflection works for a client that is not ours; it is built from its Go module. */
import { join } from 'node:path';
import { parts } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { goBuild, hasGo } from './go.ts';

export const grpcurl: Recipe = async (into, say) => {
  if (!(await hasGo())) {
    throw new Error('it is built from its Go module, and Go is not here: install Go 1.24 or later');
  }
  say('building');
  const { version, executable } = parts.grpcurl;
  const program = { module: 'github.com/fullstorydev/grpcurl', version: `v${version}`, package: './cmd/grpcurl' };
  await goBuild(program, join(into, executable));
};
