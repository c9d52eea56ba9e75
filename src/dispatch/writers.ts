/** Batch writers of a producer, used again: each keeps a buffer of the batch size, which is dear to make and to collect. */
import type { TopicMetadata } from '../coordinator/protocol.ts';
import { HEADER_BYTES } from '../record/batch-layout.ts';
import { BatchWriter, type BatchWriterOptions } from '../record/batch-write.ts';

const KEPT = 64;

export class Writers {
  readonly #options: Omit<BatchWriterOptions, 'bytesMax'> & { batchSize: number };
  readonly #free: BatchWriter[] = [];

  constructor(options: Omit<BatchWriterOptions, 'bytesMax'> & { batchSize: number }) {
    this.#options = options;
  }

  /** Batches are no larger than their topic takes, unless one record is. */
  take({ batchBytesMax }: TopicMetadata): BatchWriter {
    const { batchSize } = this.#options;
    if (batchBytesMax >= batchSize) return this.#free.pop() ?? new BatchWriter({ ...this.#options, bytesMax: batchSize });
    return new BatchWriter({ ...this.#options, bytesMax: Math.max(batchBytesMax, HEADER_BYTES + 1) });
  }

  /** Its batch is sealed and copied away. */
  give(writer: BatchWriter): void {
    writer.reset();
    if (writer.bytesMax === this.#options.batchSize && this.#free.length < KEPT) this.#free.push(writer);
  }
}
