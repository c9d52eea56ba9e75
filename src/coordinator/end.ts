/** The last that a coordinator writes: everything into the database file, and the marker of a clean close. */
import { errors } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import type { Store } from './facts.ts';
import { writeCleanMarker } from './folder.ts';
import type { State } from './state.ts';

/** Before the lock of the folder is given up: afterwards it may be another's. Answers what was not finished. */
export function endState(
  { clock, disk, folder, store }: { clock: Clock; disk: Disk; folder: string | null; store: Store | null },
  state: State,
  clean: boolean,
): { error: number; unfinished: string[] } {
  const unfinished: string[] = [];
  for (const topic of state.byId.values()) if (topic.deleting) unfinished.push(`topic ${topic.name} is still being deleted`);
  try {
    store?.checkpoint();
    if (folder !== null && clean) writeCleanMarker(disk, folder, clock.nowMs());
    return { error: 0, unfinished };
  } catch (failure) {
    return { error: errors.KAFKA_STORAGE_ERROR.code, unfinished: [...unfinished, String(failure)] };
  }
}
