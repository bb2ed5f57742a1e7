/** The Go side of the xDS benchmark: our own source, built with go-control-plane, which it is measured against. */
import { join } from 'node:path';
import { parts, sourceFolder } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { goBuildIn, hasGo } from './go.ts';

export const xdsBench: Recipe = async (into, say) => {
  if (!(await hasGo())) throw new Error('it is built from Go source, and Go is not here: install Go 1.25 or later');
  say('building (a minute the first time)');
  const { source, executable } = parts['xds-bench'];
  await goBuildIn(sourceFolder(source), '.', join(into, executable));
};
