/** What a seed stands for: the size of the bus, its topics, who uses it, how each life of the process ends, and which faults come when. */
import type { TurnStage } from '../../src/coordinator/protocol.ts';
import type { Durability } from '../../src/log/config.ts';
import type { CrashKind } from '../../src/world/memory-disk.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { type GroupPlan, type MemberHabits, makeGroups } from './group-plan.ts';
import { chance, type ProducerHabits, pick, type ReaderHabits } from './users.ts';

export interface TopicPlan {
  name: string;
  partitions: number;
  durability: Durability;
  configs: Record<string, string>;
  retentionMs: number;
  retentionBytes: number;
}

/** How a life of the process ends. */
export type Ending = 'close' | CrashKind;

/**
 * How a bus is closed: when nobody does anything any more, in the middle of it, or then and on a sick disk; or it closes by itself, since no
 * coordinator follows the last one, or another process has taken the folder.
 */
export interface Closing {
  when: 'settled' | 'hurried' | 'sick' | 'lost' | 'taken';
  /** Hosts that are stopped at their n-th call from then on. */
  crashes: { host: number; steps: number }[];
  /** The coordinator ends at its n-th call from then on; 0: it does not. */
  coordinatorSteps: number;
}

export type Fault =
  | { kind: 'crash host'; host: number; steps: number }
  | { kind: 'stop process'; actor: number; steps: number }
  | { kind: 'stall'; actor: number; ms: number }
  /** No thread of the process gets time. */
  | { kind: 'freeze'; ms: number }
  | { kind: 'disk error'; rule: number; percent: number; ms: number }
  | { kind: 'disk full'; spareBytes: number; ms: number }
  | { kind: 'slow disk'; latencyMs: number; ms: number }
  | { kind: 'store fails'; commits: number }
  | { kind: 'wall clock'; stepMs: number }
  /** Shares of what the threads' heaps and the process may have. */
  | { kind: 'heap'; share: number; ms: number }
  | { kind: 'rss'; share: number; ms: number }
  | { kind: 'end worker' }
  /** Its thread ends at its n-th call, or it fails in its n-th turn that gets to this stage. */
  | { kind: 'crash coordinator'; steps: number }
  | { kind: 'coordinator fails'; stage: TurnStage; turns: number };

export interface TimedFault {
  atMs: number;
  fault: Fault;
}

export interface Life {
  ms: number;
  ending: Ending;
  closing: Closing;
  faults: TimedFault[];
  producers: ProducerHabits[];
  readers: ReaderHabits[];
  administrators: number;
  /** Topics that are made and deleted under way. */
  passing: number;
  members: MemberHabits[];
}

export interface Plan {
  seed: number;
  folder: boolean;
  hosts: number;
  dispatchers: number;
  frameBytes: number;
  framesMax: number;
  outboxBytes: number;
  retentionCheckMs: number;
  configs: Record<string, string>;
  topics: TopicPlan[];
  groups: GroupPlan[];
  lives: Life[];
}

const DAY_MS = 86_400_000;

export const passingNames = ['passing.a', 'passing.b', 'passing.c'];

export function makePlan(seed: number): Plan {
  const random = seededRandom(Math.imul(seed, 2654435761));
  const folder = chance(random, 85);
  const hosts = 1 + random.below(3);
  const frameBytes = pick(random, [1024, 4096, 16384]);
  const arenaBytes = pick(random, [192, 256, 512, 2048]) * 1024;
  const topics = Array.from({ length: 1 + random.below(3) }, (_, i) => makeTopic(random, `topic-${i}`, folder));
  const dispatchers = 1 + random.below(2);
  const trouble = makeTrouble(random, folder);
  const lives = Array.from({ length: folder ? 1 + random.below(3) : 1 }, (_, i) =>
    makeLife(random, topics, { hosts, dispatchers, folder, trouble, first: i === 0 }),
  );
  addTrouble(seededRandom(Math.imul(seed, 40503) ^ 0x70c4), lives, hosts, dispatchers);
  addCoordinatorTrouble(seededRandom(Math.imul(seed, 48271) ^ 0xc00d), lives);
  if (folder) addLosses(seededRandom(Math.imul(seed, 39373) ^ 0x1057), lives);
  const { groups, lives: members } = makeGroups(
    seed,
    topics.map(({ name }) => name),
    lives.length,
  );
  lives.forEach((life, i) => {
    life.members = members[i];
  });
  if (groups.length > 0) addGroupTrouble(seededRandom(Math.imul(seed, 62089) ^ 0x6709), lives, hosts + dispatchers + 1);
  return {
    seed,
    folder,
    hosts,
    dispatchers,
    frameBytes,
    framesMax: arenaBytes / frameBytes,
    outboxBytes: pick(random, [64, 128, 1024]) * 1024,
    retentionCheckMs: pick(random, [200, 1000, 300_000]),
    configs: chance(random, 30) ? { 'auto.create.topics.enable': 'false' } : {},
    topics,
    groups,
    lives,
  };
}

function makeTopic(random: Random, name: string, folder: boolean): TopicPlan {
  const durability = folder ? pick(random, ['memory', 'written', 'synced', 'synced'] as const) : 'memory';
  // Without a folder nothing but retention makes room.
  const retains = chance(random, folder ? 25 : 80);
  const retentionMs = retains && chance(random, 50) ? 500 + random.below(5000) : -1;
  const retentionBytes = retains && (retentionMs < 0 || !folder) ? 4096 + random.below(20_000) : -1;
  const configs = {
    durability,
    'segment.bytes': String(pick(random, [1024, 4096, 16384, 1 << 30])),
    'index.interval.bytes': String(pick(random, [0, 256, 4096])),
    'retention.ms': String(retentionMs),
    'retention.bytes': String(retentionBytes),
    'max.message.bytes': String(pick(random, [8192, 20_000, 40_000])),
  };
  return { name, partitions: 1 + random.below(4), durability, configs, retentionMs, retentionBytes };
}

/** More faults, drawn by chance of their own, so that a seed's topics and users are what they were without them. */
function addTrouble(random: Random, lives: Life[], hosts: number, dispatchers: number): void {
  const kinds = (['heap', 'rss', 'end worker'] as const).filter((kind) =>
    chance(random, kind === 'end worker' && dispatchers < 2 ? 0 : 30),
  );
  for (const life of lives) {
    const count = kinds.length === 0 ? 0 : random.below(4);
    for (let i = 0; i < count; i++) {
      const kind = pick(random, kinds);
      const atMs = random.below(life.ms);
      const strain = { share: pick(random, [0.86, 0.93, 0.98]), ms: random.below(1500) };
      life.faults.push({ atMs, fault: kind === 'end worker' ? { kind } : { kind, ...strain } });
    }
    life.faults.sort((a, b) => a.atMs - b.atMs);
    const crashes = chance(random, 40) ? 1 + random.below(2) : 0;
    life.closing = {
      coordinatorSteps: 0,
      when: pick(random, ['settled', 'settled', 'hurried', 'sick'] as const),
      crashes: Array.from({ length: crashes }, () => ({
        host: random.below(hosts),
        steps: 1 + random.below(chance(random, 50) ? 60 : 400),
      })),
    };
  }
}

function addCoordinatorTrouble(random: Random, lives: Life[]): void {
  const percent = pick(random, [0, 30, 80]);
  for (const life of lives) {
    for (let i = random.below(4); i > 0; i--) {
      if (!chance(random, percent)) continue;
      const atMs = random.below(life.ms);
      const stage = pick(random, ['decided', 'stored', 'answered'] as const);
      const fault: Fault = chance(random, 60)
        ? { kind: 'crash coordinator', steps: random.below(chance(random, 50) ? 20 : 300) }
        : { kind: 'coordinator fails', stage, turns: random.below(10) };
      life.faults.push({ atMs, fault });
    }
    life.faults.sort((a, b) => a.atMs - b.atMs);
    if (chance(random, percent / 2)) life.closing.coordinatorSteps = 1 + random.below(60);
  }
}

/** Coordinators that are lost for good; the last life settles. */
function addLosses(random: Random, lives: Life[]): void {
  for (const life of lives.slice(0, -1)) {
    if (!chance(random, 12)) continue;
    life.ending = 'close';
    life.closing = { when: pick(random, ['lost', 'lost', 'taken'] as const), crashes: [], coordinatorSteps: random.below(60) };
  }
}

/** What groups are sensitive to: threads and processes without time for longer than a session, clocks that jump by days. */
function addGroupTrouble(random: Random, lives: Life[], actors: number): void {
  for (const life of lives) {
    for (let i = chance(random, 40) ? 1 + random.below(3) : 0; i > 0; i--) {
      const ms = pick(random, [300, 1000, 5000]);
      const fault = pick(random, [
        { kind: 'stall', actor: random.below(actors), ms },
        { kind: 'freeze', ms },
        { kind: 'wall clock', stepMs: (random.below(17) - 8) * DAY_MS },
      ] as const);
      life.faults.push({ atMs: random.below(life.ms), fault });
    }
    life.faults.sort((a, b) => a.atMs - b.atMs);
  }
}

/** Which kinds of faults this seed knows, in percent of all its faults. */
type Trouble = Record<Exclude<Fault['kind'], 'freeze' | 'heap' | 'rss' | 'end worker' | 'crash coordinator' | 'coordinator fails'>, number>;

function makeTrouble(random: Random, folder: boolean): Trouble {
  const some = (percent: number): number => (chance(random, percent) ? 1 + random.below(10) : 0);
  return {
    'crash host': some(70),
    'stop process': folder ? some(20) : 0,
    stall: some(40),
    'disk error': folder ? some(50) : 0,
    'disk full': folder ? some(30) : 0,
    'slow disk': folder ? some(40) : 0,
    'store fails': folder ? some(15) : 0,
    'wall clock': some(10),
  };
}

interface Around {
  hosts: number;
  dispatchers: number;
  folder: boolean;
  trouble: Trouble;
  first: boolean;
}

function makeLife(random: Random, topics: TopicPlan[], around: Around): Life {
  const ms = 500 + random.below(4000);
  const count = chance(random, 15) ? 0 : random.below(10);
  const faults = Array.from({ length: count }, () => ({ atMs: random.below(ms), fault: makeFault(random, around) }));
  const passing = chance(random, 30) ? 1 + random.below(passingNames.length) : 0;
  const names = topics.map(({ name }) => name);
  return {
    ms,
    ending: around.folder ? pick(random, ['close', 'kill', 'kill', 'dropped', 'torn', 'reordered'] as const) : 'close',
    closing: { when: 'settled', crashes: [], coordinatorSteps: 0 },
    faults: faults.filter(({ fault }) => fault !== null).sort((a, b) => a.atMs - b.atMs) as TimedFault[],
    producers: Array.from({ length: 1 + random.below(4) }, () => makeProducer(random, names, topics)),
    readers: Array.from({ length: 1 + random.below(3) }, () => makeReader(random, pick(random, names))),
    administrators: random.below(2),
    passing,
    members: [],
  };
}

function makeProducer(random: Random, names: string[], topics: TopicPlan[]): ProducerHabits {
  const idempotence = chance(random, 85);
  const batchSize = 1024 << random.below(5);
  const chosen = chance(random, 50) ? [pick(random, names)] : names;
  return {
    topics: chosen,
    partitions: Math.min(...topics.filter(({ name }) => chosen.includes(name)).map(({ partitions }) => partitions)),
    style: pick(random, ['one', 'burst', 'burst', 'array', 'push'] as const),
    options: {
      acks: pick(random, ['all', 'all', 'all', 1, 0] as const),
      idempotence,
      maxInFlight: 1 + random.below(5),
      lingerMs: pick(random, [0, 0, 5, 50]),
      batchSize,
      bufferMemory: batchSize * (1 + random.below(8)),
      compression: pick(random, ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const),
      maxBlockMs: 200 + random.below(5000),
      deliveryTimeoutMs: pick(random, [300, 2000, 30_000, 30_000]),
      retryBackoffMs: 1 + random.below(100),
    },
    burst: 1 + random.below(40),
    pauseMs: random.below(40),
    valueBytesMax: pick(random, [100, 3000, 30_000]),
    records: 20 + random.below(400),
  };
}

function makeReader(random: Random, topic: string): ReaderHabits {
  const fetchBytesMax = pick(random, [1, 4096, 65_536]);
  const partitionBytesMax = pick(random, [1, 2048, 65_536]);
  // A fetch that may not hold what it waits for takes its whole time, again and again.
  const fetchBytesMin = pick(random, [0, 1, 1, Math.min(fetchBytesMax, partitionBytesMax)]);
  return {
    topic,
    style: pick(random, ['poll', 'batches', 'records'] as const),
    seeks: chance(random, 30) ? random.below(15) : 0,
    pauses: chance(random, 30) ? random.below(20) : 0,
    delayMs: pick(random, [0, 0, 5, 50]),
    recordsMax: 1 + random.below(100),
    options: {
      fetchBytesMax,
      partitionBytesMax,
      fetchBytesMin,
      fetchWaitMs: pick(random, [2, 20, 500]),
      queuedBytesMax: pick(random, [1, 8192, 1 << 20]),
    },
  };
}

function makeFault(random: Random, { hosts, dispatchers, trouble }: Around): Fault | null {
  const kinds = (Object.keys(trouble) as (keyof Trouble)[]).flatMap((kind) => Array<keyof Trouble>(trouble[kind]).fill(kind));
  if (kinds.length === 0) return null;
  const kind = pick(random, kinds);
  switch (kind) {
    case 'crash host':
      return { kind, host: random.below(hosts), steps: chance(random, 30) ? 0 : 1 + random.below(chance(random, 50) ? 40 : 600) };
    case 'stop process':
      return { kind, actor: random.below(1 + hosts), steps: 1 + random.below(300) };
    case 'stall':
      return { kind, actor: random.below(1 + hosts + dispatchers), ms: chance(random, 80) ? random.below(100) : random.below(3000) };
    case 'disk error':
      return { kind, rule: random.below(100), percent: pick(random, [1, 10, 50, 100]), ms: random.below(1500) };
    case 'disk full':
      return { kind, spareBytes: random.below(20_000), ms: random.below(2000) };
    case 'slow disk':
      return { kind, latencyMs: pick(random, [1, 20, 300]), ms: random.below(2000) };
    case 'store fails':
      return { kind, commits: 1 + random.below(3) };
    case 'wall clock':
      return { kind, stepMs: random.below(3_600_000) - 1_800_000 };
  }
}
