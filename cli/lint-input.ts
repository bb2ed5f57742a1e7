/** Reads a file or a directory with the same code as `serve`, so that both say the same about it. */
import { readFile, stat } from 'node:fs/promises';
import type { Backend, Fleet, ServiceKey } from '../engine/model.ts';
import { members } from '../engine/model.ts';
import { createPolicyParser } from '../engine/policy/parse.ts';
import type { Policy } from '../engine/policy/policy.ts';
import type { Problem } from '../engine/problem.ts';
import { parseFile } from '../engine/sources/files/parse-file.ts';
import { type DirectoryReading, readDirectory } from '../engine/sources/files/read.ts';
import { type FilesState, problemsOf, reload } from '../engine/sources/files/reload.ts';
import type { Context } from './context.ts';
import { exitCodes, failure } from './exit.ts';

export interface LintInput {
  readonly files: number;
  /** Those that would be in force. */
  readonly policies: readonly Policy[];
  readonly fleets: ReadonlyMap<ServiceKey, Fleet>;
  readonly problems: readonly Problem[];
}

/** A policy alone, without its Service, is what a person has open in an editor: that is not an error here. */
const unknownService = 'KV0216';

/**
 * @param stdin what `-` means; absent: nothing
 * @throws Exit or ProblemError when there is nothing to read.
 */
export async function readLintInput(path: string, now: number, stdin?: Context['stdin']): Promise<LintInput> {
  const reading = await readPath(path, stdin);
  // Some rules depend on the fleet, so the fleets are read first and the policies judged again with them.
  const { fleets } = load(path, reading, now, () => undefined);
  const state = load(path, reading, now, (service) => {
    const fleet = fleets.fleets.get(service);
    return fleet && members(fleet);
  });
  const problems = problemsOf(state);
  return {
    files: reading.kind === 'files' ? reading.files.size : 0,
    policies: [...state.policies.inForce.values()].flatMap((change) =>
      change.kind === 'policy' ? [change.policy] : [],
    ),
    fleets: state.fleets.fleets,
    problems: state.fleets.fleets.size > 0 ? problems : problems.filter(({ code }) => code !== unknownService),
  };
}

function load(
  directory: string,
  reading: DirectoryReading,
  now: number,
  membersOf: (service: ServiceKey) => readonly Backend[] | undefined,
): FilesState {
  const parser = createPolicyParser({ membersOf });
  return reload(undefined, reading, {
    directory,
    now,
    confirmAfterMs: 0,
    parse: (file, text) => parseFile(file, text, parser),
  }).state;
}

/** @throws Exit when there is nothing to read. */
export async function readPath(path: string, stdin?: Context['stdin']): Promise<DirectoryReading> {
  try {
    if (path === '-' && stdin !== undefined) {
      return { kind: 'files', files: new Map([['stdin', { kind: 'text', text: await stdin() }]]) };
    }
    if ((await stat(path)).isDirectory()) return await readDirectory(path, AbortSignal.timeout(60_000));
    return { kind: 'files', files: new Map([[path, { kind: 'text', text: await readFile(path, 'utf8') }]]) };
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw failure({ code: 'KV0734', file: path, message }, exitCodes.badInput);
  }
}
