/** The benches by name, in the order in which they run when none is named. */

interface Entry {
  module: string;
  about: string;
  /** Loaded ahead of everything, in every thread. */
  preload?: string;
}

export const benches = {
  ceilings: { module: './micro/ceilings.ts', about: "the machine's own limits" },
  records: { module: './micro/records.ts', about: 'encode and walk record batches, one thread' },
  codecs: { module: './micro/codecs.ts', about: 'what each codec costs and saves, and headers, one thread' },
  frames: { module: './micro/frames.ts', about: 'messages of the wire read and written by their tables, one thread' },
  produce: { module: './macro/produce.ts', about: 'one producing thread, 4 partitions, acks 1, written' },
  consume: { module: './macro/consume.ts', about: 'replay from the beginning, from memory and from files' },
  latency: { module: './macro/latency.ts', about: 'produce call to consumer callback at 1,000/s and 50,000/s' },
  synced: { module: './macro/synced.ts', about: 'acks all on synced topics, grouped and one by one', preload: './count-syncs.ts' },
  memory: { module: './macro/memory.ts', about: 'resident memory while gigabytes flow' },
  scale: { module: './macro/scale.ts', about: '1 to 2,000 partitions, 1 GB to 20 GB retained' },
  groups: { module: './macro/groups.ts', about: 'replay through a group, commits, rebalances, opening with 10,000 groups' },
  fanout: { module: './macro/fanout.ts', about: '40 groups read what one producer writes' },
  pressure: { module: './macro/pressure.ts', about: 'full speed into consumers that are slow, stand still, or die' },
  remote: { module: './macro/remote.ts', about: 'clients of one broker: ours, @platformatic/kafka, kafkajs, against Kafka and Spillway' },
  start: { module: './macro/start.ts', about: 'Bus.open(), without a folder and with 100 clean partitions' },
  'wire-produce': { module: './macro/wire-produce.ts', about: "Kafka's perf test of a producer, against Spillway and Apache Kafka" },
  'wire-consume': { module: './macro/wire-consume.ts', about: "Kafka's perf test of a consumer, against Spillway and Apache Kafka" },
  'wire-latency': { module: './macro/wire-latency.ts', about: 'end to end through Spillway and Apache Kafka, at 1,000/s and 20,000/s' },
  connections: { module: './macro/connections.ts', about: '10,000 open connections, 367 topics, 40 groups, beside Apache Kafka' },
  peers: { module: './peers/main.ts', about: 'the same work through what a user would pick instead' },
} as const satisfies Record<string, Entry>;

export const entryOf = (name: BenchName): Entry => benches[name];

export type BenchName = keyof typeof benches;

export const isBenchName = (name: string): name is BenchName => Object.hasOwn(benches, name);
