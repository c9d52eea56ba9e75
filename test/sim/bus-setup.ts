/** What a simulated bus is made of, and whom it tells. */
import type { Store } from '../../src/coordinator/facts.ts';
import type { ArenaSizes } from '../../src/world/arena.ts';
import type { Disk } from '../../src/world/disk.ts';
import type { Logger } from '../../src/world/logger.ts';
import type { Random } from '../../src/world/random.ts';
import type { World } from './actor.ts';
import type { GroupAuditor } from './group-auditor.ts';

export interface SimBusSetup {
  world: World;
  random: Random;
  folder: string | null;
  disk: Disk;
  /** Null exactly when there is no folder. */
  store: Store | null;
  hosts: number;
  /** Threads with producers and consumers: the first one is the main thread. */
  dispatchers: number;
  arena: ArenaSizes;
  memoryBytesMax: number;
  outboxBytes: number;
  /** By bus-level names. */
  configs: Record<string, string>;
  retentionCheckMs: number;
  producerIdExpirationMs: number;
  /** What the threads tell of their memory, and the fences of the governor; absent: nothing, and none. */
  memory?: { heapBytes: () => number; rssBytes: () => number; heapBytesMax: number; rssBytesMax: number };
  log: Logger;
  /** Told what coordinators do. */
  groups?: GroupAuditor;
  /** The process was stopped in the middle of something. */
  died(): void;
  /** An actor threw what nobody asked for. */
  failed(actor: string, error: unknown): void;
}
