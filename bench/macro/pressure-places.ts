/**
 * The proof that nothing is lost, doubled within a reader or out of order: record i was sent to partition i mod P, so the record at offset o of
 * partition p has number o · P + p. A reader checks each batch by itself (`seenOf`); here the batches are put end to end. One that comes
 * after another's death may begin earlier than that one got, never later.
 */
import { type ConsumedBatch, RecordCursor } from '../../src/index.ts';
import { readNumber } from '../records.ts';

/** A run of records of one partition whose numbers were found right. */
export interface Seen {
  partition: number;
  firstOffset: number;
  nextOffset: number;
}

const cursor = new RecordCursor();

/** Looks at every record of the batch. */
export function seenOf(batch: ConsumedBatch<Uint8Array, Uint8Array>, partitions: number): Seen {
  const { partition, firstOffset, nextOffset } = batch;
  batch.cursor(cursor);
  let offset = firstOffset;
  while (cursor.next()) {
    const number = readNumber(cursor.bytes, cursor.valueAt);
    if (number !== offset * partitions + partition) throw new Error(`partition ${partition} holds record ${number} at offset ${offset}`);
    offset++;
  }
  if (offset !== nextOffset) throw new Error(`a batch of partition ${partition} ends at ${offset} and says ${nextOffset}`);
  return { partition, firstOffset, nextOffset };
}

export class Places {
  readonly partitions = 4;
  readonly complete: Promise<void>;
  /** Records that were seen in unbroken order from the beginning … */
  count = 0;
  /** … and those that came once more. */
  again = 0;
  readonly #next: number[] = Array.from({ length: this.partitions }, () => 0);
  readonly #records: number;
  #finish: () => void = () => {};

  constructor(records: number) {
    this.#records = records;
    this.complete = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  see({ partition, firstOffset, nextOffset }: Seen): void {
    const next = this.#next[partition];
    if (firstOffset > next) throw new Error(`partition ${partition} goes on at ${firstOffset}, not at ${next}: records are lost`);
    this.again += Math.min(next, nextOffset) - firstOffset;
    this.#next[partition] = Math.max(next, nextOffset);
    this.count += this.#next[partition] - next;
    if (this.count >= this.#records) this.#finish();
  }
}
