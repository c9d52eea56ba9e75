/** What a plan says of the bus, in the bus's own words. */
import type { Store } from '../../src/coordinator/facts.ts';
import type { Logger } from '../../src/world/logger.ts';
import type { Random } from '../../src/world/random.ts';
import type { SimBusSetup } from './bus-setup.ts';
import type { Machine } from './machine.ts';
import type { Plan } from './plan.ts';
import type { SimWorld } from './sim-world.ts';

export const FOLDER = '/data';

const HEAP_BYTES_MAX = 1e9;
const RSS_BYTES_MAX = 2e9;
/** Few, so that the places of deleted topics are soon used again. */
const SLOTS_MAX = 40;

interface Parts {
  world: SimWorld;
  machine: Machine;
  store: Store | null;
  random: Random;
  log: Logger;
}

export function setupOf(plan: Plan, { machine, ...parts }: Parts): Omit<SimBusSetup, 'died' | 'failed'> {
  const { folder, hosts, dispatchers, frameBytes, framesMax, outboxBytes, configs, retentionCheckMs } = plan;
  return {
    ...parts,
    folder: folder ? FOLDER : null,
    disk: machine.disk,
    hosts,
    dispatchers,
    arena: { framesMax, frameBytes, slotsMax: SLOTS_MAX },
    memoryBytesMax: 2 * framesMax * frameBytes,
    outboxBytes,
    configs,
    retentionCheckMs,
    // Longer than the wall clock may be set forward: a producer that was forgotten may send twice.
    producerIdExpirationMs: 365 * 86_400_000,
    memory: {
      heapBytes: () => HEAP_BYTES_MAX * machine.strainOf('heap'),
      rssBytes: () => RSS_BYTES_MAX * machine.strainOf('rss'),
      heapBytesMax: HEAP_BYTES_MAX,
      rssBytesMax: RSS_BYTES_MAX,
    },
  };
}
