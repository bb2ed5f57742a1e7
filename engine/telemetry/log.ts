/**
 * The log: one JSON object a line, with a stable message and keys, so that it can be searched by machine and read by
 * people. Writing never waits: if whoever reads our stderr stops, lines are dropped rather than decisions delayed.
 */
import { pino } from 'pino';
import type { Problem } from '../problem.ts';
import type { LineSink } from './sink.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** An `err` that is an Error is written with its stack. Keys in use: see docs/metrics.md, "Log and audit". */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the rest of the engine sees. Messages are constant texts; what varies goes into the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** At the level of its severity, with code, place and remedy as keys. */
  problem(problem: Problem, fields?: LogFields): void;
  /** The same log, with these fields on every line. */
  with(fields: LogFields): Log;
}

export interface LogControl {
  readonly log: Log;
  level(): LogLevel;
  /** At run time; loggers made by `with` follow. */
  setLevel(level: LogLevel): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Where lines go; `standardError()` of sink.ts in production. */
  readonly sink: LineSink;
}

export function createLog({ level, sink }: LogOptions): LogControl {
  const current = { level };
  const root = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return {
    log: toLog(root, current),
    level: () => current.level,
    setLevel: (next) => {
      current.level = next;
    },
  };
}

type Writing = Exclude<LogLevel, 'silent'>;

/** The level is kept here and not in pino, whose children do not follow their parent. */
function toLog(logger: pino.Logger, current: { readonly level: LogLevel }): Log {
  const write = (level: Writing, message: string, fields: LogFields | undefined): void => {
    if (logLevels.indexOf(level) < logLevels.indexOf(current.level)) return;
    logger[level](fields ?? {}, message);
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    problem: ({ severity, message, ...rest }, fields) =>
      write(severity === 'error' ? 'error' : 'warn', message, { ...rest, ...fields }),
    with: (fields) => toLog(logger.child(fields), current),
  };
}
