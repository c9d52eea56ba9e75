/** Log lines. pino is imported here alone; the inner layers get this interface and never raise a library's types. */
import { lazily } from '../base/modules.ts';

const pinoModule = lazily<typeof import('pino')>('pino');

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
  let made: Logger | undefined;
  const logger = (): Logger => {
    const { pino } = pinoModule();
    made ??= pino({ name, level }, pino.destination({ dest: 2, sync: true }));
    return made;
  };
  // pino is loaded for the first line that is due: most buses never write one.
  const line = (of: Exclude<LogLevel, 'silent'>) =>
    ranks[of] > ranks[level] ? ignore : (fields: object, message: string) => logger()[of](fields, message);
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

const ranks = { silent: 0, error: 1, warn: 2, info: 3, debug: 4 } as const;

const ignore = (): void => {};
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
