/** What the gatherer is told when it is made, and what it tells. */
import type { CompressionId } from '../record/compression.ts';
import type { DeliveryOptions } from './delivery.ts';

export interface GatherOptions extends DeliveryOptions {
  /** Bytes of a batch before compression (Kafka: batch.size). */
  batchSize: number;
  /** How long an open batch waits for more records (Kafka: linger.ms); 0: until the running JavaScript yields. */
  lingerMs: number;
  /** Bytes that may wait or be in flight (Kafka: buffer.memory). */
  bufferMemory: number;
  compression: CompressionId;
  compressionLevel: number | undefined;
  idempotent: boolean;
}

export interface GatherEvents {
  /** There is room again after an append that was refused. */
  drained(): void;
  /** A batch was given up. */
  failed(error: number, message: string, topic: string, partition: number, records: number): void;
}
