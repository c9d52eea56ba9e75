/**
 * The sequences of idempotent producers (KIP-98): per producer its epoch and its last batches, so that a batch sent again is
 * answered with its first offset, a gap is refused, and an old epoch is fenced. It decides; it never touches the log.
 */
import { errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type ProducerEntry, snapshotBatches } from '../log/producer-snapshot.ts';

interface SeenBatch {
  firstSequence: number;
  lastSequence: number;
  baseOffset: number;
}

interface ProducerState {
  epoch: number;
  timestampMs: number;
  coordinatorEpoch: number;
  /** Oldest first. Five answer duplicates, as in Kafka; the others let a failed flush be undone. */
  batches: SeenBatch[];
  /** The sequence that comes next when all batches were taken back; −1: any. */
  expected: number;
}

const BATCHES_KEPT = 10;
const SEQUENCES = 0x8000_0000;

/** What to do with a batch: append it, or answer at once (error NONE and the offset of the earlier copy for a duplicate). */
export interface Verdict {
  append: boolean;
  error: number;
  baseOffset: number;
}

const APPEND: Verdict = { append: true, error: 0, baseOffset: -1 };

export class Sequences {
  readonly #producers = new Map<number, ProducerState>();

  get size(): number {
    return this.#producers.size;
  }

  check(producerId: number, epoch: number, firstSequence: number, count: number): Verdict {
    if (producerId < 0) return APPEND;
    const state = this.#producers.get(producerId);
    // A producer that is not (or no longer) known may go on with any sequence: retention may have taken its last batch (KIP-360).
    if (state === undefined) return APPEND;
    if (epoch < state.epoch) return refuse(errors.INVALID_PRODUCER_EPOCH.code);
    if (epoch > state.epoch) return firstSequence === 0 ? APPEND : refuse(errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
    const lastSequence = addToSequence(firstSequence, count - 1);
    for (let i = state.batches.length - 1; i >= 0; i--) {
      const seen = state.batches[i];
      if (seen.firstSequence === firstSequence && seen.lastSequence === lastSequence) {
        return { append: false, error: 0, baseOffset: seen.baseOffset };
      }
    }
    const last = state.batches.at(-1);
    const expected = last === undefined ? state.expected : addToSequence(last.lastSequence, 1);
    return expected === -1 || firstSequence === expected ? APPEND : refuse(errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
  }

  /** Notes a batch that was appended (live, or found by a walk of the log). */
  note(producerId: number, epoch: number, firstSequence: number, count: number, baseOffset: number, timestampMs: number): void {
    if (producerId < 0 || firstSequence < 0) return;
    let state = this.#producers.get(producerId);
    if (state === undefined || state.epoch !== epoch) {
      state = { epoch, timestampMs, coordinatorEpoch: -1, batches: [], expected: -1 };
    } else {
      // Set again below, so that the map's order is the order of last use.
      this.#producers.delete(producerId);
    }
    state.timestampMs = timestampMs;
    state.batches.push({ firstSequence, lastSequence: addToSequence(firstSequence, count - 1), baseOffset });
    if (state.batches.length > BATCHES_KEPT) state.batches.shift();
    this.#producers.set(producerId, state);
    if (this.#producers.size > limits.producersPerPartitionMax) this.#forgetOldest();
  }

  /** Undoes what was noted at or after `endOffset`: these batches were taken back from the log. */
  truncate(endOffset: number): void {
    for (const state of this.#producers.values()) {
      for (let last = state.batches.at(-1); last !== undefined && last.baseOffset >= endOffset; last = state.batches.at(-1)) {
        state.batches.pop();
        // The batch will be sent again: what followed it must not come before it.
        state.expected = last.firstSequence;
      }
    }
  }

  /** Forgets producers not seen since `beforeMs` (producer.id.expiration.ms). */
  expire(beforeMs: number): void {
    for (const [producerId, state] of this.#producers) {
      if (state.timestampMs >= beforeMs) return;
      this.#producers.delete(producerId);
    }
  }

  load(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) {
      const { producerEpoch: epoch, timestampMs, coordinatorEpoch, lastSequence, offsetDelta } = entry;
      const batch = { firstSequence: addToSequence(lastSequence, -offsetDelta), lastSequence, baseOffset: entry.lastOffset - offsetDelta };
      const known = this.#producers.get(entry.producerId);
      if (known !== undefined && known.epoch === epoch) known.batches.push(batch);
      else this.#producers.set(entry.producerId, { epoch, timestampMs, coordinatorEpoch, batches: [batch], expected: -1 });
      if (this.#producers.size > limits.producersPerPartitionMax) this.#forgetOldest();
    }
  }

  /**
   * The last batches of each producer, an entry for each, the oldest first. Kafka writes the last batch alone, and so forgets the others
   * that may be in flight; it reads an entry over the one before of the same producer, so the last one counts there.
   */
  snapshot(): ProducerEntry[] {
    const entries: ProducerEntry[] = [];
    for (const [producerId, state] of this.#producers) {
      for (const { firstSequence, lastSequence, baseOffset } of state.batches.slice(-snapshotBatches)) {
        const offsetDelta = (lastSequence - firstSequence + SEQUENCES) % SEQUENCES;
        entries.push({
          producerId,
          producerEpoch: state.epoch,
          lastSequence,
          lastOffset: baseOffset + offsetDelta,
          offsetDelta,
          timestampMs: state.timestampMs,
          coordinatorEpoch: state.coordinatorEpoch,
          currentTxnFirstOffset: -1,
        });
      }
    }
    return entries;
  }

  /** Who is remembered, the least recently seen first. A sequence of −1: none is known. */
  producers(): { producerId: number; producerEpoch: number; lastSequence: number; timestampMs: number }[] {
    return [...this.#producers].map(([producerId, { epoch, batches, timestampMs }]) => ({
      producerId,
      producerEpoch: epoch,
      lastSequence: batches.at(-1)?.lastSequence ?? -1,
      timestampMs,
    }));
  }

  #forgetOldest(): void {
    const oldest = this.#producers.keys().next();
    if (!oldest.done) this.#producers.delete(oldest.value);
  }
}

/** Sequences run from 0 to 2^31 − 1 and start again at 0. */
export function addToSequence(sequence: number, count: number): number {
  return (((sequence + count) % SEQUENCES) + SEQUENCES) % SEQUENCES;
}

function refuse(error: number): Verdict {
  return { append: false, error, baseOffset: -1 };
}
