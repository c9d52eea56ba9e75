/**
 * Syncs what logs have written and nobody has asked to sync, many at a time and off the turn: before a clean close of many partitions. One
 * after the other 500 files took 2.2 ms each on a busy disk, sixteen at a time 0.33 ms, since the file system commits them together.
 */
import type { Log } from '../log/log.ts';
import { DiskError } from '../world/disk.ts';

const AT_ONCE = 16;

/** Calls `done` when all have ended, well or not: a log that could not be synced is seen to by its close. */
export function settleLogs(logs: Iterable<Log>, done: () => void): void {
  const waiting = [...logs].filter(isToSync);
  let running = 0;
  let next = 0;
  const go = (): void => {
    while (running < AT_ONCE && next < waiting.length) {
      const log = waiting[next++];
      // Its topic may have been deleted meanwhile.
      if (!log.maySync || !isWritten(log)) continue;
      running++;
      log.syncLater(() => {
        running--;
        go();
      });
    }
    if (running === 0 && next === waiting.length) {
      next++;
      done();
    }
  };
  go();
}

/** Those that are synced by their commits have little left, and know by themselves what to do when a sync fails. */
function isToSync(log: Log): boolean {
  return log.config.durability !== 'synced' && (log.unsynced || log.unwrittenBytes > 0);
}

function isWritten(log: Log): boolean {
  try {
    log.flush();
    return log.unsynced;
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return false;
  }
}
