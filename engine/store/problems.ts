/** What can go wrong with a store in files, in words. `docs/errors.md` has a paragraph for each code. */
import type { Place, Problem } from '../problem.ts';
import { ProblemError } from '../problem.ts';
import { errnoOf } from './file-ops.ts';
import { frameFormat } from './frame.ts';

export function unusableDirectory(directory: string, cause: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'KV0401',
      severity: 'error',
      file: directory,
      message: `the state directory cannot be used: ${reasonOf(cause)}`,
      remedy: 'set `state` to a directory this user can write, on a file system with room',
    },
    { cause },
  );
}

export function directoryInUse(directory: string, pid: number): ProblemError {
  return new ProblemError({
    code: 'KV0402',
    severity: 'error',
    file: directory,
    message: `the state directory is in use by process ${pid}`,
    remedy: `stop process ${pid}, or give this one a state directory of its own`,
  });
}

export function damagedState(file: string, reason: string): ProblemError {
  return new ProblemError({
    code: 'KV0403',
    severity: 'error',
    file,
    message: `the stored state is damaged (${reason}) and there is no good copy of it`,
    remedy: forgetting(file),
  });
}

/** Of a record whose file is intact. */
export function placeIn(file: string): Place {
  return { code: 'KV0403', file, remedy: forgetting(file) };
}

function forgetting(file: string): string {
  return (
    `restore ${file} from a backup, or move it and ${file}.bak away ` +
    'to accept that the decisions in it are forgotten and the endpoints they kept out serve again'
  );
}

export function newerState(file: string, format: number): ProblemError {
  return new ProblemError({
    code: 'KV0404',
    severity: 'error',
    file,
    message: `the stored state has format ${format}; this version reads formats up to ${frameFormat}`,
    remedy: 'run the newer Kubervisor that wrote it, or restore a backup from before the upgrade',
  });
}

export function recoveredState(file: string, reason: string): Problem {
  return {
    code: 'KV0405',
    severity: 'warning',
    file,
    message: `the stored state was unusable (${reason}); the copy of the version before it is used instead`,
    remedy: 'check the disk; the next write keeps a damaged file beside it as .damaged',
  };
}

export function failedWrite(directory: string, what: string, cause: unknown): Problem {
  return {
    code: 'KV0406',
    severity: 'error',
    file: directory,
    message: `the decisions of ${what} could not be stored: ${reasonOf(cause)}`,
    remedy: 'make the state directory writable; until then nobody new is ejected',
  };
}

/** Undefined where the failure is not one of room. */
export function noRoom(directory: string, what: string, cause: unknown): Problem | undefined {
  const errno = errnoOf(cause);
  if (errno !== 'ENOSPC' && errno !== 'EDQUOT' && errno !== 'EFBIG') return undefined;
  return {
    code: 'KV0407',
    severity: 'error',
    file: directory,
    message: `there is no room to store the decisions of ${what} (${errno})`,
    remedy: 'free space on the file system of the state directory; until then nobody new is ejected',
  };
}

export function foreignFile(file: string): Problem {
  return {
    code: 'KV0408',
    severity: 'warning',
    file,
    message: 'this is not the name of a stored state; the file is ignored',
    remedy: 'stored states are named NAMESPACE.SERVICE.json: rename it if it is one, else move it away',
  };
}

export function unreadableState(file: string, cause: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'KV0409',
      severity: 'error',
      file,
      message: `the stored state cannot be read: ${reasonOf(cause)}`,
      remedy:
        'make the file readable for the user that runs Kubervisor; ' +
        'if the disk is at fault, move it away and the copy of the version before it is used',
    },
    { cause },
  );
}

export function misplacedState(file: string): ProblemError {
  return new ProblemError({
    code: 'KV0413',
    severity: 'error',
    file,
    message: 'the stored state is not that of the Service in its name',
    remedy: 'a file was renamed or copied: give it its own name back, or move it away',
  });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
