/** The peers by name, and the module of each. Spillway's own rows are peers like the others. */
export const peers = {
  'Spillway, written': './spillway-written.ts',
  'Spillway, memory': './spillway-memory.ts',
  'Apache Kafka, Java client': './kafka.ts',
  'Chronicle Queue': './chronicle.ts',
  'better-sqlite3 table': './sqlite.ts',
  lmdb: './lmdb.ts',
  'postMessage of packed batches': './post-packed.ts',
  'postMessage of arrays': './post-arrays.ts',
  'EventEmitter, same thread': './event-emitter.ts',
} as const;

export type PeerName = keyof typeof peers;
