/** Log lines. pino is imported here alone; the inner layers get this interface and never raise a library's types. */
import { pino } from 'pino';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** JSON lines on standard error, so that standard output stays the program's own. */
export function pinoLogger(name: string, level: LogLevel): Logger {
  if (level === 'silent') return silentLogger;
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}

const ignore = (): void => {};
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
