/**
 * Builds `proto/gen/`, which git ignores: the .proto files this program speaks (Envoy's come out of a dependency and
 * are never copied into the repository), their descriptors for gRPC reflection, and TypeScript types of the messages.
 * Silent and quick when nothing changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describedFiles, messageForm, protoFiles } from '../proto/files.ts';
import { copyWithImports } from './gen/closure.ts';
import { mustRun, root } from './tool.ts';

const gen = join(root, 'proto/gen');

export async function generate(): Promise<void> {
  const stamp = inputsHash();
  const stampFile = join(gen, 'stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
    return;
  }
  const startedMs = Date.now();
  // Built elsewhere and moved into place whole: an interrupted run leaves no half-built folder that looks complete.
  const next = join(root, `node_modules/.kubervisor-gen.${process.pid}`);
  try {
    const protos = join(next, 'protos');
    copyWithImports(root, [...protoFiles, ...describedFiles], protos);
    await buildDescriptors(protos, join(next, 'descriptors.binpb'));
    await buildTypes(protos, join(next, 'types'));
    writeFileSync(join(next, 'stamp'), stamp);
    rmSync(gen, { recursive: true, force: true });
    renameSync(next, gen);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
  console.error(`proto/gen: built in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
}

/** Everything the outputs depend on; the lockfile stands for the versions of compilers and dependencies. */
function inputsHash(): string {
  const inputs = globSync(
    ['proto/kubervisor/**/*.proto', 'proto/files.ts', 'scripts/gen.ts', 'scripts/gen/*.ts', 'package-lock.json'],
    { cwd: root },
  );
  const hash = createHash('sha256');
  for (const input of inputs.sort()) {
    hash
      .update(input)
      .update('\0')
      .update(readFileSync(join(root, input)))
      .update('\0');
  }
  return hash.digest('hex');
}

async function buildDescriptors(protos: string, out: string): Promise<void> {
  await mustRun('buf', ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', out], { cwd: protos });
}

async function buildTypes(protos: string, out: string): Promise<void> {
  await mustRun('proto-loader-gen-types', [
    ...(messageForm.keepCase ? ['--keepCase'] : []),
    ...(messageForm.defaults ? ['--defaults'] : []),
    ...(messageForm.oneofs ? ['--oneofs'] : []),
    `--longs=${messageForm.longs.name}`,
    `--enums=${messageForm.enums.name}`,
    '--grpcLib=@grpc/grpc-js',
    '--targetFileExtension=.ts',
    '--importFileExtension=.ts',
    `--includeDirs=${protos}`,
    `--outDir=${out}`,
    ...protoFiles,
  ]);
  for (const file of globSync('**/*.ts', { cwd: out })) {
    // The generator leaves unused imports, which our own rules refuse.
    writeFileSync(join(out, file), `// @ts-nocheck\n${readFileSync(join(out, file), 'utf8')}`);
  }
}

// `npm run gen`; before other commands only what git ignores is built, and the checked files stay as they are.
if (import.meta.main) {
  await generate();
  const { writeGenerated } = await import('./generated.ts');
  writeGenerated();
}
