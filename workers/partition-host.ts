/** Thread entry of a partition host: builds its world and runs the actor until it is closed. No logic. */
import type { MessagePort } from 'node:worker_threads';
import { Host } from '../src/partition/host.ts';
import type { HostAnswer, HostPost } from '../src/partition/protocol.ts';
import { Arena, type ArenaHandle } from '../src/world/arena.ts';
import { realClock } from '../src/world/clock.ts';
import { realDisk } from '../src/world/disk.ts';
import { type LogLevel, pinoLogger } from '../src/world/logger.ts';
import { heapBytes } from '../src/world/memory.ts';
import { threadPort } from '../src/world/port.ts';

export interface PartitionHostData {
  index: number;
  folder: string | null;
  arena: ArenaHandle;
  successor: boolean;
  retentionCheckMs: number;
  producerIdExpirationMs: number;
  logLevel: LogLevel;
  /** Carries the ports of those that speak to this host: the coordinator's first, dispatchers' as they come. */
  control: MessagePort;
}

/** What the supervisor posts to `control`. */
export interface ConnectPost {
  port: MessagePort;
  outbox: SharedArrayBuffer | null;
  isCoordinator: boolean;
}

export default function run(data: PartitionHostData): Promise<void> {
  return new Promise((resolve) => {
    const host = new Host({
      folder: data.folder,
      disk: realDisk,
      clock: realClock,
      arena: new Arena(data.arena),
      log: pinoLogger(`spillway-host-${data.index}`, data.logLevel),
      successor: data.successor,
      retentionCheckMs: data.retentionCheckMs,
      producerIdExpirationMs: data.producerIdExpirationMs,
      heapBytes,
      closed: () => {
        data.control.close();
        resolve();
      },
    });
    data.control.on('message', ({ port, outbox, isCoordinator }: ConnectPost) => {
      host.connect(threadPort<HostAnswer, HostPost>(port), outbox, isCoordinator);
    });
  });
}
