/** What a producer holds of one partition: its open batch, the sealed ones in the order of their sequences, and who it is to the host. */

import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Durability } from '../log/config.ts';
import type { BatchWriter } from '../record/batch-write.ts';
import type { RefusedRecord } from '../record/record-rules.ts';
import type { Epoch } from './epochs.ts';

/** The outcome of one record. `offset` is −1 with acks 0 and on errors. */
export type RecordDone = (error: number, message: string, offset: number, timestampMs: number, durability: Durability) => void;

/** A record that wants to know. */
export interface Waiting {
  delta: number;
  timestampMs: number;
  done: RecordDone;
}

/** A sealed batch; its bytes lie in the outbox. */
export interface Batch {
  position: number;
  length: number;
  count: number;
  baseSequence: number;
  /** When its first record was appended (monotonic). */
  bornMs: number;
  attempts: number;
  /** Asked and not answered. */
  sent: boolean;
  /** Its records were told; the host may still read its bytes. */
  settled: boolean;
  epoch: Epoch;
  waiting: Waiting[] | null;
}

export interface Lane {
  topic: string;
  topicId: string;
  partition: number;
  slot: number;
  host: number;
  /** The open batch. */
  writer: BatchWriter | null;
  /** The writer's bytes, sealed, while the outbox has no room for them. */
  sealed: Buffer | null;
  sealedSequence: number;
  /** Of the open batch. */
  bornMs: number;
  epoch: Epoch;
  waiting: Waiting[] | null;
  /** Sealed batches, sent or not, in the order of their sequences. */
  queue: Batch[];
  inFlight: number;
  producerId: number;
  producerEpoch: number;
  nextSequence: number;
  /** The host has answered a batch of this producer id, so it knows the sequence and will refuse any that does not follow. */
  proved: boolean;
  /** The host wants a sequence that was given up: nothing is sent until a new producer id is there. */
  gap: boolean;
  /** A new producer id is being asked for. */
  rekeying: boolean;
  /** Nothing is sent before (monotonic); 0: at once. */
  retryAtMs: number;
  /** Why batches were refused last, for those that are given up in consequence. */
  refusal: { error: number; message: string } | null;
}

/** What a host says of a batch that it took. */
export interface BatchAnswer {
  baseOffset: number;
  logAppendTimeMs: number;
  durability: Durability;
}

const NO_ANSWER: BatchAnswer = { baseOffset: -1, logAppendTimeMs: -1, durability: 'memory' };

export const NO_PRODUCER = -1;

export function makeLane(topic: TopicMetadata, partition: number, epoch: Epoch): Lane {
  const { slot, host } = topic.partitions[partition];
  return {
    topic: topic.name,
    topicId: topic.topicId,
    partition,
    slot,
    host,
    writer: null,
    sealed: null,
    sealedSequence: -1,
    bornMs: 0,
    epoch,
    waiting: null,
    queue: [],
    inFlight: 0,
    producerId: NO_PRODUCER,
    producerEpoch: -1,
    nextSequence: 0,
    proved: false,
    gap: false,
    rekeying: false,
    retryAtMs: 0,
    refusal: null,
  };
}

/** Gives the lane's next `count` sequences: from 0 to 2^31 − 1, and on from 0. */
export function takeSequences(lane: Lane, count: number): number {
  const first = lane.nextSequence;
  lane.nextSequence = (first + count) % 0x8000_0000;
  return first;
}

/** Of a batch that is refused for the sake of some records, each of these is told why, and the others that they are not to blame. */
export function settleRefused(batch: Batch, error: number, message: string, refused: readonly RefusedRecord[]): void {
  const why = new Map(refused.map(({ batchIndex, message: of }) => [batchIndex, `${message}; ${of}`]));
  const others = `${message}; not this one but another record of its batch is to blame: ${refused[0].message}`;
  const { waiting } = batch;
  batch.waiting = null;
  for (const { delta, timestampMs, done } of waiting ?? []) done(error, why.get(delta) ?? others, -1, timestampMs, 'memory');
  settle(batch, error, message);
}

/** Tells a batch's records, once. */

export function settle(batch: Batch, error: number, message: string, answer: BatchAnswer = NO_ANSWER): void {
  const { baseOffset, logAppendTimeMs, durability } = answer;
  if (batch.settled) return;
  batch.settled = true;
  const { waiting } = batch;
  if (waiting === null) return;
  batch.waiting = null;
  for (const { delta, timestampMs, done } of waiting) {
    done(error, message, baseOffset < 0 ? -1 : baseOffset + delta, logAppendTimeMs >= 0 ? logAppendTimeMs : timestampMs, durability);
  }
}
