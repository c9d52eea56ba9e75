/** Thread entry of the coordinator: builds its world and runs the actor until it has closed. No logic. */
import { getHeapStatistics } from 'node:v8';
import type { MessagePort } from 'node:worker_threads';
import { errors } from '../src/base/errors.ts';
import { Coordinator } from '../src/coordinator/coordinator.ts';
import type { Store } from '../src/coordinator/facts.ts';
import { folderRefusal } from '../src/coordinator/folder.ts';
import type { ControlAnswer, ControlPost } from '../src/coordinator/protocol.ts';
import { Arena, type ArenaHandle } from '../src/world/arena.ts';
import { realClock } from '../src/world/clock.ts';
import { realDisk } from '../src/world/disk.ts';
import { type LogLevel, pinoLogger } from '../src/world/logger.ts';
import { threadPort } from '../src/world/port.ts';
import { realRandom } from '../src/world/random.ts';

export interface CoordinatorData {
  /** The data folder; null: nothing is stored. */
  folder: string | null;
  arena: ArenaHandle;
  hosts: number;
  /** By bus-level names: log.retention.ms, num.partitions … */
  defaults: Record<string, string>;
  memoryBytesMax: number;
  /** A fence of the governor where one is wanted; see src/coordinator/pressure.ts. */
  rssBytesMax?: number;
  logLevel: LogLevel;
  control: MessagePort;
}

/** Ends by itself once it has closed, or was refused its folder; a thread with an open database must never be terminated. */
export default async function run(data: CoordinatorData): Promise<void> {
  const control = threadPort<ControlAnswer, ControlPost>(data.control);
  let store: Store | null = null;
  try {
    store = data.folder === null ? null : await openStore(data.folder);
  } catch (error) {
    const { code, message, details } = folderRefusal(error, data.folder ?? '');
    control.post({ control: 'refused', error: errors[code].code, message, details });
    control.close();
    return;
  }
  try {
    await new Promise<void>((resolve, reject) => {
      const coordinator = new Coordinator({
        ...data,
        disk: realDisk,
        clock: realClock,
        random: realRandom,
        arena: new Arena(data.arena),
        control,
        toPort: (port) => threadPort(port as MessagePort),
        store,
        log: pinoLogger('spillway-coordinator', data.logLevel),
        heapBytesMax: getHeapStatistics().heap_size_limit,
        closed: (error) => (error === undefined ? resolve() : reject(error)),
      });
      coordinator.start();
      control.ref(true);
    });
  } finally {
    // Closed already, unless the coordinator could not even be made.
    store?.close();
  }
}

/** SQLite is loaded by those alone who have a folder, so that a bus without one opens fast. */
async function openStore(folder: string): Promise<Store> {
  const store = await import('../src/coordinator/store.ts');
  return store.openStore({ folder, disk: realDisk, pid: process.pid });
}
