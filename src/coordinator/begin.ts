/**
 * How a coordinator comes to its state: the stored facts, applied. A new bus gets its id here, a bus with another number of hosts
 * new slots, and a folder whose database is lost gets its topics back from the folders of their partitions.
 */
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Arena } from '../world/arena.ts';
import type { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import type { Random } from '../world/random.ts';
import type { Fact, Store } from './facts.ts';
import { listPartitions, type PartitionFolder, partitionFolderName, putAside, sweep, takeCleanMarker } from './folder.ts';
import { Placement } from './placement.ts';
import { apply, applyAll, emptyState, passUsedSlots, type State } from './state.ts';
import { hex } from './topics.ts';
import { type CopiedTopic, readCopy } from './topics-copy.ts';

export interface BeginSetup {
  folder: string | null;
  disk: Disk;
  clock: Clock;
  random: Random;
  arena: Arena;
  hosts: number;
  store: Store | null;
  log: Logger;
  /** A coordinator before this one failed while the hosts went on: what they carry is not moved, swept or found anew. */
  successor?: boolean;
}

/** Something found at start that the user should hear of. */
export interface BeginEvent {
  name: string;
  fields: Record<string, string | number>;
}

export interface Begun {
  state: State;
  /** Whether the last owner of the folder closed it cleanly. */
  clean: boolean;
  events: BeginEvent[];
}

export function beginState(setup: BeginSetup): Begun {
  const { folder, disk, store } = setup;
  const events: BeginEvent[] = [];
  if (setup.successor === true) return { state: succeed(setup), clean: false, events };
  if (folder === null || store === null) {
    const made: Fact = { fact: 'busMade', busId: makeBusId(setup.random), hosts: setup.hosts };
    store?.commit([made], { synced: true });
    const state = emptyState(slotsMax(setup));
    apply(state, made);
    return { state, clean: true, events };
  }
  disk.makeFolder(folder);
  const clean = takeCleanMarker(disk, folder);
  const stored = store.load();
  if (!stored.some(({ fact }) => fact === 'busMade')) {
    const { facts, strays } = rebuild(setup, folder, store.damaged, events);
    for (const stray of strays) tellStray(putAside(disk, folder, stray), events, setup.log);
    store.commit([{ fact: 'busMade', busId: makeBusId(setup.random), hosts: setup.hosts }, ...facts], { synced: true });
  } else {
    const moved = moveSlots(stored, setup);
    if (moved.length > 0) store.commit(moved, { synced: true });
  }
  const state = reloadState(setup);
  const claimed = new Set<string>();
  for (const { topic, partition } of state.owners.values()) claimed.add(partitionFolderName(topic.name, partition));
  for (const stray of sweep(disk, folder, (name) => claimed.has(name), setup.log)) tellStray(stray, events, setup.log);
  return { state, clean, events };
}

/** The hosts carry what was stored, on these slots. A store that has lost it cannot be helped while they do. */
function succeed(setup: BeginSetup): State {
  // The coordinator before may have failed between the marker and the end of its close.
  if (setup.folder !== null) takeCleanMarker(setup.disk, setup.folder);
  const state = reloadState(setup);
  passUsedSlots(state);
  if (state.busId !== '' && state.hosts === setup.hosts) return state;
  const what = 'what was stored of the topics is gone while the bus was open: close it and open it again';
  throw new BusError(setup.folder === null ? 'COORDINATOR_NOT_AVAILABLE' : 'FOLDER_INVALID', what);
}

/** The state that the store holds. */
export function reloadState(setup: BeginSetup): State {
  assert(setup.store !== null, 'only a bus with a store can lose what is not stored');
  const state = emptyState(slotsMax(setup));
  applyAll(state, setup.store.load());
  passUsedSlots(state);
  return state;
}

function slotsMax({ arena }: BeginSetup): number {
  assert(arena.handle.slotsMax <= limits.partitionsMax, 'an arena has no more places than a bus may have partitions');
  return arena.handle.slotsMax;
}

/** As Kafka's cluster id: 16 bytes in 22 characters of base64, not beginning with a dash. */
function makeBusId(random: Random): string {
  for (;;) {
    const id = Buffer.from(random.bytes(16)).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Facts that give every partition a new slot, if the stored ones do not suit this bus. */
function moveSlots(stored: readonly Fact[], setup: BeginSetup): Fact[] {
  const made = stored.find((fact) => fact.fact === 'busMade');
  assert(made !== undefined, 'the store knows the bus');
  const topics = stored.filter((fact) => fact.fact === 'topicCreated');
  const bound = slotsMax(setup);
  const slots = topics.flatMap((topic) => topic.slots);
  if (made.hosts === setup.hosts && new Set(slots.map((slot) => slot % bound)).size === slots.length) return [];
  const placement = emptyPlacement(setup);
  const moved: Fact[] = topics.map(({ topicId, slots }) => ({ fact: 'slotsMoved', topicId, slots: place(placement, slots.length, bound) }));
  return [{ ...made, hosts: setup.hosts }, ...moved];
}

function emptyPlacement(setup: BeginSetup): Placement {
  const state = emptyState(slotsMax(setup));
  apply(state, { fact: 'busMade', busId: '', hosts: setup.hosts });
  return new Placement(state);
}

function place(placement: Placement, count: number, bound: number): number[] {
  const slots = placement.place(count);
  if (slots !== null) return slots;
  throw new BusError('LIMIT_REACHED', `the data folder holds more partitions than the ${bound} that this bus may carry`);
}

/**
 * Topics from the folders of their partitions, when the database is new. Their configurations are those of the copy beside it; one that is
 * not in it keeps everything until it is configured again. Producer ids go on from the clock, since no bus gives a thousand in a millisecond.
 */
function rebuild(
  setup: BeginSetup,
  folder: string,
  damaged: string | null,
  events: BeginEvent[],
): { facts: Fact[]; strays: PartitionFolder[] } {
  const { disk, clock, random, log } = setup;
  if (damaged !== null) {
    events.push({ name: 'databaseDamaged', fields: { movedTo: damaged } });
    log.error({ movedTo: damaged }, 'the database was damaged and moved aside; topics are found again from their partitions’ folders');
  }
  const copy = readCopy(disk, folder);
  const byTopic = Map.groupBy([...listPartitions(disk, folder), ...emptyPartitions(disk, folder, copy)], ({ topic }) => topic);
  if (byTopic.size === 0 && damaged === null) return { facts: [], strays: [] };
  const createdMs = clock.nowMs();
  const placement = emptyPlacement(setup);
  const facts: Fact[] = [{ fact: 'producerIdsReserved', from: createdMs * 1000, upTo: createdMs * 1000 }];
  const strays: PartitionFolder[] = [];
  for (const [name, partitions] of byTopic) {
    const named = [...copy.values()].find((topic) => topic.name === name);
    const topicId = commonId(partitions) ?? named?.topicId ?? hex(random.bytes(16));
    const isOwn = (partition: PartitionFolder): boolean => partition.topicId === topicId || partition.topicId === '';
    strays.push(...partitions.filter((partition) => !isOwn(partition)));
    const copied = copy.get(topicId);
    const count = Math.max(copied?.partitions ?? 0, ...partitions.filter(isOwn).map(({ partition }) => partition + 1));
    const slots = place(placement, count, slotsMax(setup));
    const configs = copied?.configs ?? { 'retention.bytes': '-1', 'retention.ms': '-1' };
    facts.push({ fact: 'topicCreated', epoch: facts.length, name, topicId, slots, configs, createdMs: copied?.createdMs ?? createdMs });
    const from = copied === undefined ? 'lost' : 'copy';
    events.push({ name: 'topicRebuilt', fields: { topic: name, topicId, partitions: count, configs: from } });
    const what =
      copied === undefined ? 'its configuration is lost, so it keeps everything: configure it' : 'its configuration is that of the copy';
    log.warn({ topic: name, partitions: count }, `a topic was found again; ${what}`);
  }
  return { facts, strays };
}

/** Of topics in the copy, partitions whose folders are there and empty: nothing was ever written to them, so they do not say whose they are. */
function emptyPartitions(disk: Disk, folder: string, copy: ReadonlyMap<string, CopiedTopic>): PartitionFolder[] {
  const found: PartitionFolder[] = [];
  for (const { name: topic, topicId, partitions } of copy.values()) {
    for (let partition = 0; partition < partitions; partition++) {
      const name = partitionFolderName(topic, partition);
      const path = join(folder, name);
      const isEmpty = disk.stat(path)?.isDirectory === true && disk.list(path).length === 0;
      if (isEmpty) found.push({ folder: name, topic, partition, topicId });
    }
  }
  return found;
}

/** The id that most partitions of a name agree on; undefined when none names one. */
function commonId(partitions: readonly PartitionFolder[]): string | undefined {
  const groups = Map.groupBy(
    partitions.filter(({ topicId }) => topicId !== ''),
    ({ topicId }) => topicId,
  );
  return [...groups].sort(([, a], [, b]) => b.length - a.length)[0]?.[0];
}

function tellStray({ folder, topic, partition, topicId }: PartitionFolder, events: BeginEvent[], log: Logger): void {
  events.push({ name: 'strayPartition', fields: { topic, partition, topicId, movedTo: folder } });
  log.warn({ topic, partition, movedTo: folder }, 'a partition that no topic claims was put aside');
}
