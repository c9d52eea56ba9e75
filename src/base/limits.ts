/**
 * Every bound of the bus, once. Nothing is unbounded: a queue, a table or a size that can grow has its row here, and a test that
 * goes to the bound and one beyond. Bytes unless the name says otherwise.
 */
import { GiB, KiB, MiB } from './bytes.ts';

export const limits = {
  /** Partitions of one bus, over all topics. */
  partitionsMax: 20_000,
  /** Partitions of one topic. */
  topicPartitionsMax: 10_000,
  /** Topics of one bus. */
  topicsMax: 10_000,
  /** Characters of a topic's name (Kafka: 249). */
  topicNameMax: 249,
  /** One record as it is encoded (key, value, headers and their lengths), whatever the topic's max.message.bytes says. */
  recordBytesMax: 256 * MiB,
  /** Headers of one record. */
  recordHeadersMax: 10_000,
  /** Records of one batch. */
  batchRecordsMax: 1_000_000,
  /** What one compressed batch may grow to when it is read. */
  decompressedBytesMax: 512 * MiB,
  /** What a bus may be told as its memoryBytesMax, at the least … */
  memoryBytesMin: 16 * MiB,
  /** … and at the most. */
  memoryBytesMax: 64 * GiB,
  /** memoryBytesMax of a bus that is not told. */
  memoryBytesDefault: 256 * MiB,
  /** One frame of the arena: resident batches are held in frames of this size. */
  frameBytes: 16 * KiB,
  /** Partition hosts (worker threads) of one bus. */
  hostsMax: 64,
  /** Dispatchers attached to one bus (the main thread's, workers', listeners'). */
  dispatchersMax: 256,
  /** Asks in flight of one dispatcher to one actor; beyond it the dispatcher holds them back. */
  asksInFlightMax: 4096,
  /** Parked reads of one partition host. */
  parkedReadsMax: 100_000,
  /** Fetch sessions of one partition host; the least recently used is evicted. */
  fetchSessionsMax: 10_000,
  /** Idempotent producers remembered by one partition; the least recently seen is forgotten (producer.id.expiration.ms aside). */
  producersPerPartitionMax: 100_000,
  /** Bytes of one fetch answer. */
  fetchBytesMax: 64 * MiB,
  /** Segments of one log; a roll beyond it is refused by raising segment.bytes. */
  segmentsMax: 1_000_000,
  /** Open segment files of one host; the least recently used is closed. */
  openFilesMax: 4096,
  /** Data kept by the damage list of one log. */
  damagesMax: 10_000,
  /** Size of one config value. */
  configValueMax: 32 * KiB,
} as const;
