/** The chart, as the real helm renders it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export const chartFolder = join(import.meta.dirname, '../../manifests/chart');

export interface HelmRun {
  readonly ok: boolean;
  readonly output: string;
}

/** An object of Kubernetes, read as loosely as a test wants to look into it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = { kind: string; apiVersion: string; metadata: any } & Record<string, any>;

/** Resolves whatever helm says. */
export function helm(executable: string, args: readonly string[], env: Record<string, string> = {}): Promise<HelmRun> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], HOME: tmpdir(), ...env }, maxBuffer: 16 * 1024 * 1024 };
    execFile(executable, args, options, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: error === null ? stdout : `${stdout}${stderr}` }),
    );
  });
}

export interface HelmPlace {
  readonly kubeconfig: string;
  /** For what helm keeps of its own. */
  readonly folder: string;
  readonly namespace: string;
}

/** helm as whoever the kubeconfig is of. */
export function helmOn(
  executable: string,
  { kubeconfig, folder, namespace }: HelmPlace,
): (args: readonly string[]) => Promise<HelmRun> {
  const own = join(folder, 'helm');
  const env = { KUBECONFIG: kubeconfig, HELM_CACHE_HOME: own, HELM_CONFIG_HOME: own, HELM_DATA_HOME: own };
  return (args) => helm(executable, [...args, '--namespace', namespace], env);
}

export interface Release {
  readonly name: string;
  readonly namespace: string;
}

/** Values as a file has them, on top of the defaults. */
export async function withValues<T>(
  values: object | string,
  run: (flags: readonly string[]) => Promise<T>,
): Promise<T> {
  if (typeof values === 'string') return run(['--values', values]);
  const folder = await mkdtemp(join(tmpdir(), 'kubervisor-values-'));
  try {
    const file = join(folder, 'values.yaml');
    await writeFile(file, JSON.stringify(values));
    return await run(['--values', file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What `helm template` prints, or says against it. */
export function render(executable: string, values: object | string, release: Release): Promise<HelmRun> {
  return withValues(values, (flags) =>
    helm(executable, ['template', release.name, chartFolder, '--namespace', release.namespace, ...flags]),
  );
}

/** @throws with what helm says when it renders nothing. */
export async function manifestsOf(
  executable: string,
  values: object | string,
  release: Release = { name: 'kubervisor', namespace: 'mesh' },
): Promise<readonly Manifest[]> {
  const { ok, output } = await render(executable, values, release);
  if (!ok) throw new Error(output);
  return parseAllDocuments(output).flatMap((document) => {
    const object = document.toJS() as Manifest | null;
    return object === null ? [] : [object];
  });
}
