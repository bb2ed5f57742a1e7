/** Programs that are built from Go modules, at pinned versions; the module's own go.sum checks what it depends on. */
import { mustRun, runTool } from '../tool.ts';

export interface GoProgram {
  readonly module: string;
  /** With the leading `v`. */
  readonly version: string;
  /** Relative to the module. */
  readonly package: string;
  readonly ldflags?: string;
}

export async function hasGo(): Promise<boolean> {
  return (await runTool('go', ['version'])).ok;
}

/**
 * Builds inside the module's own folder, as its authors do: `go install module@version` refuses a module whose go.mod
 * replaces or excludes anything.
 */
export async function goBuild(program: GoProgram, executable: string): Promise<void> {
  const downloaded = await mustRun('go', ['mod', 'download', '-json', `${program.module}@${program.version}`]);
  const { Dir: folder } = JSON.parse(downloaded) as { Dir: string };
  const ldflags = program.ldflags === undefined ? [] : ['-ldflags', program.ldflags];
  await goBuildIn(folder, program.package, executable, ldflags);
}

export async function goBuildIn(
  folder: string,
  packagePath: string,
  executable: string,
  flags: readonly string[] = [],
): Promise<void> {
  await mustRun('go', ['build', '-trimpath', ...flags, '-o', executable, packagePath], { cwd: folder });
}
