/** The embedded default: a directory of plain Kubernetes YAML is the whole input, watched and reloaded without restart. */
import type { Clock } from '../../clock.ts';
import type { PolicyParserOptions } from '../../policy/parse.ts';
import { createPolicyParser } from '../../policy/parse.ts';
import type { Problem } from '../../problem.ts';
import { createAlarm } from '../alarm.ts';
import { logDifference, type SourceLog } from '../log-difference.ts';
import type { Source } from '../source.ts';
import { isComplete } from './inventory.ts';
import { parseFile } from './parse-file.ts';
import { readDirectory } from './read.ts';
import type { FilesState } from './reload.ts';
import { confirmAtMs, problemsOf, reload } from './reload.ts';
import { createDirectoryWatch, createSerial, createSettler } from './watch.ts';

export interface FilesSourceOptions {
  /** Files `*.yaml`, `*.yml` and `*.json` directly in it are read, 1 MiB each at most. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log?: SourceLog;
  /** For policies that do not say. Default Enforce. */
  readonly defaultEnforcement?: PolicyParserOptions['defaultEnforcement'];
  /** How long an unexplained absence must last before it is believed, in milliseconds. Default 1000. */
  readonly confirmAfterMs?: number;
  /** How long the directory must be quiet before it is read, in milliseconds. Default 50. */
  readonly quietMs?: number;
  /** How often it is read without being told, because notifications can be lost, in milliseconds. Default 10000. */
  readonly rereadEveryMs?: number;
}

/** How soon a directory that cannot be read, or not be watched, is tried again, in milliseconds. */
const retryMs = 1000;

/**
 * `start` rejects with a {@link ProblemError} when the directory cannot be read. Afterwards nothing that happens to it,
 * not even its disappearance, takes away what was read before: a broken file keeps its last good content, is reported
 * by `problems()` until it is mended, and the rest goes on.
 */
export function createFilesSource(options: FilesSourceOptions): Source {
  const { directory, clock, log, confirmAfterMs = 1000, quietMs = 50, rereadEveryMs = 10_000 } = options;
  const { defaultEnforcement } = options;
  const policies = createPolicyParser(defaultEnforcement === undefined ? {} : { defaultEnforcement });
  const parse = (file: string, text: string): ReturnType<typeof parseFile> => parseFile(file, text, policies);
  let state: FilesState | undefined;
  let isWhole = false;
  let problems: readonly Problem[] = [];

  function report(found: readonly Problem[]): void {
    logDifference(log, problems, found);
    problems = found;
  }

  return {
    problems: () => problems,
    isComplete: () => isWhole,
    async start(onChanges, signal) {
      signal.throwIfAborted();
      const rereading = createSerial(reread);
      const settler = createSettler(clock, quietMs, rereading);
      const nextReading = createAlarm(clock, rereading);
      const watch = createDirectoryWatch(directory, settler.touch);
      signal.addEventListener('abort', stop, { once: true });
      try {
        await read();
      } catch (error) {
        stop();
        throw error;
      }
      // What changed while the first reading went on was not obeyed then.
      settler.touch();

      async function read(): Promise<void> {
        // Watched before it is read: what changes in between is noticed.
        const isWatched = watch.arm();
        const reading = await readDirectory(directory, signal);
        signal.throwIfAborted();
        const now = clock.now();
        const step = reload(state, reading, { directory, now, confirmAfterMs, parse });
        const isFirst = state === undefined;
        const wasComplete = state !== undefined && isComplete(state.inventory);
        // Said before the batch is handed over: whoever takes it has to know what its gaps mean.
        isWhole = isComplete(step.state.inventory);
        const becameComplete = !wasComplete && isWhole;
        // Remembered only when they were taken: if the receiver throws, the same changes are found again.
        if (isFirst || becameComplete || step.changes.length > 0) onChanges(step.changes);
        state = step.state;
        const isTroubled = !isWatched || state.unusable !== undefined;
        const unwatched = isWatched || state.unusable !== undefined ? [] : [notWatched(directory)];
        report([...unwatched, ...problemsOf(state)]);
        const confirmMs = confirmAtMs(state, confirmAfterMs) ?? Infinity;
        nextReading.set(Math.min(now + (isTroubled ? retryMs : rereadEveryMs), confirmMs));
      }

      async function reread(): Promise<void> {
        if (state === undefined || signal.aborted) return;
        try {
          await read();
        } catch (error) {
          if (signal.aborted) return;
          report([failed(directory, error), ...problemsOf(state)]);
          nextReading.set(clock.now() + retryMs);
        }
      }

      function stop(): void {
        watch.close();
        settler.cancel();
        nextReading.cancel();
      }
    },
  };
}

function notWatched(directory: string): Problem {
  return {
    code: 'KV0215',
    severity: 'warning',
    file: directory,
    message: `the directory cannot be watched; it is read every ${retryMs} ms instead`,
    remedy: 'raise the limit on inotify watches (fs.inotify.max_user_watches)',
  };
}

function failed(directory: string, error: unknown): Problem {
  return {
    code: 'KV0217',
    severity: 'error',
    file: directory,
    message: `a reload failed and is tried again; what was read before stays in force (${String(error)})`,
  };
}
