/** Puts the real programs that demo and tests run into the parts cache. Silent and quick for what is there already. */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type PartName, findPart, partFolder, partVersion, parts } from '../demo/world/parts.ts';
import { envoy, oldestEnvoy } from './parts/envoy.ts';
import { grpcurl } from './parts/grpcurl.ts';
import { helm, kubectl } from './parts/helm-and-kubectl.ts';
import { etcd, kubeApiserver } from './parts/kubernetes.ts';
import { prometheus } from './parts/prometheus.ts';
import { xdsBench } from './parts/xds-bench.ts';

/** Leaves the executable, under the name the table of parts gives it, in the empty folder `into`. */
export type Recipe = (into: string, say: (progress: string) => void) => Promise<void>;

const recipes: Record<PartName, Recipe> = {
  envoy,
  'envoy-1.36': oldestEnvoy,
  prometheus,
  grpcurl,
  'xds-bench': xdsBench,
  'kube-apiserver': kubeApiserver,
  etcd,
  helm,
  kubectl,
};

/** @throws with a remedy when the part cannot be had here. */
export async function installPart(name: PartName, env: NodeJS.ProcessEnv): Promise<void> {
  if (findPart(name, env) !== undefined) {
    return;
  }
  const startedMs = Date.now();
  const title = `${name} ${partVersion(name)}`;
  const say = (progress: string): void => console.error(`${title}: ${progress}`);
  const target = partFolder(name, env);
  mkdirSync(dirname(target), { recursive: true });
  // In the cache itself, so that the last step is one rename: a part is there whole or not at all.
  const folder = mkdtempSync(`${target}.`);
  try {
    const into = join(folder, 'part');
    mkdirSync(into);
    await recipes[name](into, say);
    chmodSync(join(into, parts[name].executable), 0o755);
    moveIntoPlace(into, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  say(`ready after ${((Date.now() - startedMs) / 1000).toFixed(1)} s, in ${target}`);
}

function moveIntoPlace(from: string, target: string): void {
  try {
    renameSync(from, target);
  } catch (error) {
    // Another run was quicker: the same version is there already.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') {
      throw error;
    }
  }
}
