/** The bus without threads: the same actors, wired over loopbacks on the event loop of the test. */
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { silentLogger } from '../../src/world/logger.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { realRandom } from '../../src/world/random.ts';
import { SimBus } from '../sim/bus.ts';
import { realWorld } from '../sim/real-world.ts';
import { type AnyBus, busSuite } from '../suites/bus.ts';

const MiB = 1024 * 1024;

async function open(folder: string | null): Promise<AnyBus> {
  const bus = new SimBus({
    world: realWorld,
    random: realRandom,
    folder,
    disk: new MemoryDisk(),
    store: folder === null ? null : new MemoryStore(),
    hosts: 2,
    dispatchers: 1,
    arena: { framesMax: 1536, frameBytes: 16_384, slotsMax: 1000 },
    memoryBytesMax: 64 * MiB,
    outboxBytes: 8 * MiB,
    configs: {},
    retentionCheckMs: 100,
    producerIdExpirationMs: 86_400_000,
    log: silentLogger,
    died: () => {},
    failed: (actor, error) => {
      throw new Error(`${actor} failed`, { cause: error });
    },
  });
  await bus.opened;
  return bus;
}

busSuite('a bus without threads, in memory', 'bus', () => open(null));
busSuite('a bus without threads, with a disk', 'bus', () => open('/data'));
