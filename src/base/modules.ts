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

/**
 * The module by which a thread begins: in workers/, beside src/. The package has it too, but its modules lie in few files there, wherever
 * they lay in the sources.
 */
export function threadEntry(name: string): string {
  const here = import.meta.url;
  return `${here.slice(0, here.lastIndexOf('/src/'))}/workers/${name}${here.endsWith('.ts') ? '.ts' : '.js'}`;
}
