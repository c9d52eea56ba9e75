/**
 * Counts what this process asks of the disk, in whichever thread: loaded ahead of everything (`--import`), in workers too, it wraps the
 * syncs of node:fs. That tells how many bytes a sync carried, which the bus itself has no reason to know.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const NAME = 'bench-syncs';

if (isMainThread) setEnvironmentData(NAME, new SharedArrayBuffer(4));
const counter = new Int32Array(getEnvironmentData(NAME) as unknown as SharedArrayBuffer);

const { fdatasync, fdatasyncSync, fsync, fsyncSync } = fs;
fs.fdatasync = counted(fdatasync);
fs.fdatasyncSync = counted(fdatasyncSync);
fs.fsync = counted(fsync);
fs.fsyncSync = counted(fsyncSync);
syncBuiltinESMExports();

/** Syncs begun so far, by all threads. */
export const syncsSoFar = (): number => Atomics.load(counter, 0);

function counted<F extends (...args: never[]) => unknown>(original: F): F {
  return ((...args: Parameters<F>) => {
    Atomics.add(counter, 0, 1);
    return original(...args);
  }) as F;
}
