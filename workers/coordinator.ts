/** Thread entry of the coordinator: builds its world and runs the actor until it has closed. No logic. */
import { getHeapStatistics } from 'node:v8';
import type { MessagePort } from 'node:worker_threads';
import { errors } from '../src/base/errors.ts';
import { Coordinator } from '../src/coordinator/coordinator.ts';
import type { Fact, Store } from '../src/coordinator/facts.ts';
import { folderRefusal } from '../src/coordinator/folder.ts';
import { HeldStore } from '../src/coordinator/held-store.ts';
import { PostedStore } from '../src/coordinator/posted-store.ts';
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
  /** A coordinator before this one failed; the hosts have gone on. */
  successor: boolean;
  /** Of a bus without a folder: what it knew. */
  facts: readonly Fact[];
}

/** What is run when no coordinator follows one that failed. */
export interface GiveUpData {
  giveUp: true;
}

const held = new HeldStore();

/** Ends by itself once it has closed, was refused its folder, or has failed; a thread with an open database must never be terminated. */
export default async function run(data: CoordinatorData | GiveUpData): Promise<void> {
  if ('giveUp' in data) return held.letGo();
  const control = threadPort<ControlAnswer, ControlPost>(data.control);
  let store: Store;
  try {
    store =
      data.folder === null
        ? new PostedStore(data.facts, (facts) => control.post({ control: 'facts', facts }))
        : await held.take(data.folder, realDisk, process.pid);
  } catch (error) {
    const { code, message, details } = folderRefusal(error, data.folder ?? '');
    control.post({ control: 'refused', error: errors[code].code, message, details });
    control.close();
    if (data.successor) throw error;
    return;
  }
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
  held.closed();
}
