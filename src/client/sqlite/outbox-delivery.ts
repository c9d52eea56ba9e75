/** Carries the outbox's batches to their partitions under the identity that the database gave them, and looks for them in the log. */
import { BusError, errorName, errors, isRetriable } from '../../base/errors.ts';
import type { TopicMetadata } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { isSound, readSlice } from '../../dispatch/slices.ts';
import { type FetchPart, type HostReplyOf, times } from '../../partition/protocol.ts';
import { baseSequenceOf, batchBytes, countOf, producerEpochOf, producerIdOf } from '../../record/batch-layout.ts';
import { BatchWriter } from '../../record/batch-write.ts';
import { ask, askCoordinator } from '../ask.ts';
import { encodedBytes } from '../outgoing.ts';
import { advice, unknownPartition } from '../refusals.ts';
import type { Identity, Lane, OutboxRow } from './outbox-table.ts';

/** 'strange': the partition knows the producer and wants another sequence. */
export type Sent = 'stored' | 'strange';
/** 'unknown': that part of the log is gone or damaged. */
export type Found = 'here' | 'absent' | 'unknown';

const FETCH_BYTES = 1024 * 1024;
const BATCH_BYTES_MAX = 1024 * 1024;
/** What a record takes besides its parts: its length, and a timestamp that is far from the first one's. */
const RECORD_OVERHEAD = 20;

export class OutboxDelivery {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /** A producer that nobody was before. */
  async newIdentity(): Promise<Identity> {
    const { producerId, producerEpoch } = await askCoordinator(this.#dispatcher, 'initProducerId', {});
    return { producerId, producerEpoch };
  }

  /** Where the log ends now. */
  async endOf(topic: TopicMetadata, partition: number): Promise<number> {
    const { slot, host } = placeOf(topic, partition);
    const { offset } = await ask(this.#dispatcher, host, 'listOffsets', { slot, timestampMs: times.latest });
    return offset;
  }

  /** How many of these rows make one batch: the first in any case, however large. */
  fits(topic: TopicMetadata, rows: readonly OutboxRow[]): number {
    const bytesMax = Math.min(topic.batchBytesMax, BATCH_BYTES_MAX);
    let bytes = 0;
    for (let i = 0; i < rows.length; i++) {
      bytes += encodedBytes(rows[i].key, rows[i].value, rows[i].headers) + RECORD_OVERHEAD;
      if (i > 0 && bytes > bytesMax) return i;
    }
    return rows.length;
  }

  /** Sends a batch once. Rejects with the partition's refusal. */
  async send(topic: TopicMetadata, lane: Lane, rows: readonly OutboxRow[]): Promise<Sent> {
    const { slot, host } = placeOf(topic, lane.partition);
    const batch = encode(lane, rows);
    const { error, message } = await new Promise<{ error: number; message: string }>((resolve) => {
      const fields = { slot, acks: -1 as const, own: true, position: 0, length: 0, batch };
      this.#dispatcher.askHost(host, 'append', fields, (code, reply) => resolve({ error: code, message: reply?.message ?? '' }));
    });
    if (error === 0) return 'stored';
    if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code || error === errors.INVALID_PRODUCER_EPOCH.code) return 'strange';
    // The place may have changed, or the topic.
    this.#dispatcher.forgetTopic(topic.name);
    throw new BusError(errorName(error), `${topic.name}-${lane.partition} refuses the batch: ${message === '' ? advice(error) : message}`);
  }

  /** Looks for the batch in the log, from where it was fixed to the end. */
  async find(topic: TopicMetadata, lane: Lane): Promise<Found> {
    const { slot, host } = placeOf(topic, lane.partition);
    const end = await this.endOf(topic, lane.partition);
    for (let offset = lane.fromOffset; offset < end; ) {
      const changes = Float64Array.of(slot, offset, FETCH_BYTES);
      const fetch = { session: 0, fresh: true, changes, bytesMin: 0, bytesMax: FETCH_BYTES, waitMs: 0 };
      const reply = await ask(this.#dispatcher, host, 'fetch', fetch);
      const [part] = reply.parts;
      if (part === undefined) return 'absent';
      if (part.error !== 0) {
        if (part.error === errors.CORRUPT_MESSAGE.code || part.error === errors.OFFSET_OUT_OF_RANGE.code) return 'unknown';
        throw new BusError(errorName(part.error), `${topic.name}-${lane.partition} cannot be read: ${advice(part.error)}`);
      }
      const bytes = await this.#bytesOf(part, reply);
      if (!isSound(bytes, part.offset, part.nextOffset)) return 'unknown';
      if (holds(bytes, lane)) return 'here';
      if (part.nextOffset <= offset) return 'absent';
      offset = part.nextOffset;
    }
    return 'absent';
  }

  #bytesOf(part: FetchPart, { bytes }: HostReplyOf<'fetch'>): Promise<Buffer> {
    if (part.path === '') return Promise.resolve(bytes === null ? Buffer.alloc(0) : Buffer.from(bytes, part.position, part.length));
    return new Promise((resolve, reject) => {
      readSlice(this.#dispatcher.disk, part.path, part.position, part.length, (error, read) => {
        if (error === null && read !== null && read.length === part.length) resolve(read);
        else reject(new BusError('KAFKA_STORAGE_ERROR', `${part.path} could not be read: ${String(error ?? 'it is shorter than it was')}`));
      });
    });
  }
}

/** Whether a refusal may go away by itself. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof BusError) || isRetriable(errors[error.code].code);
}

function placeOf(topic: TopicMetadata, partition: number): { slot: number; host: number } {
  const place = topic.partitions[partition];
  if (place === undefined) throw unknownPartition(topic.name, partition, topic.partitions.length);
  return place;
}

/** The same rows always make a batch of the same identity and count, which is what a partition knows it by. */
function encode({ producerId, producerEpoch, sequence }: Lane, rows: readonly OutboxRow[]): Buffer {
  let bytes = 1024;
  for (const { key, value, headers } of rows) bytes += encodedBytes(key, value, headers) + RECORD_OVERHEAD;
  const writer = new BatchWriter({ bytesMax: bytes, compression: 0 });
  for (const { timestampMs, key, value, headers } of rows) writer.append(timestampMs, key, value, headers);
  return writer.seal({ producerId, producerEpoch, baseSequence: sequence });
}

function holds(bytes: Buffer, { producerId, producerEpoch, sequence, rows }: Lane): boolean {
  for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) {
    if (producerIdOf(bytes, at) !== producerId || producerEpochOf(bytes, at) !== producerEpoch) continue;
    if (baseSequenceOf(bytes, at) === sequence && countOf(bytes, at) === rows) return true;
  }
  return false;
}
