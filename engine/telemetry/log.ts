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
export type LogFields = object;

/** What the rest of the engine sees, in pino's order. Messages are constant texts; what varies goes into the fields. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
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
  const write = (level: Writing, fields: LogFields, message: string): void => {
    if (logLevels.indexOf(level) >= logLevels.indexOf(current.level)) logger[level](fields, message);
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    problem: ({ severity, message, ...rest }, fields) =>
      write(severity === 'error' ? 'error' : 'warn', { ...rest, ...fields }, message),
    with: (fields) => toLog(logger.child(fields), current),
  };
}
