/**
 * Modules that are loaded when they are first needed. A thread of the bus starts in tens of milliseconds, and a logger or a native
 * codec that it may never use would take a good part of that.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Gives a module when called, loading it at the first call. The caller names its type: `lazily<typeof import('pino')>('pino')`. */
export function lazily<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= require(name) as T;
    return loaded;
  };
}
