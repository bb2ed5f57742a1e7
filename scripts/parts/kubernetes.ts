/** The API server and its etcd, built from their Go modules; `test/cluster/go` pins them and all they depend on by hash. */
import { join } from 'node:path';
import { parts, sourceFolder } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { goBuildIn, hasGo } from './go.ts';

// Without it the API server calls itself v0.0.0, and clients that look at versions would look away.
const apiServerVersion = `-X k8s.io/component-base/version.gitVersion=v${parts['kube-apiserver'].version}`;

export const kubeApiserver: Recipe = (into, say) =>
  build('kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', apiServerVersion, into, say);

export const etcd: Recipe = (into, say) => build('etcd', 'go.etcd.io/etcd/server/v3', '', into, say);

async function build(
  name: 'kube-apiserver' | 'etcd',
  packagePath: string,
  ldflags: string,
  into: string,
  say: (progress: string) => void,
): Promise<void> {
  if (!(await hasGo())) throw new Error('it is built from its Go module, and Go is not here: install Go 1.24 or later');
  say('building from its Go module (1 to 5 min, the first time)');
  const { source, executable } = parts[name];
  // -s -w: 100 MB instead of 150, and nobody debugs it here.
  await goBuildIn(sourceFolder(source), packagePath, join(into, executable), ['-ldflags', `-s -w ${ldflags}`]);
}
