/** What a producer checks of a record before it is gathered: shape, size, partition, time. Costs nothing where all is well. */
import { BusError } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Partitioner } from '../dispatch/route.ts';
import { RECORDS_AT } from '../record/batch-layout.ts';
import type { Header } from '../record/batch-write.ts';
import { varintBytes } from '../record/varint.ts';
import { shown } from './check.ts';
import { unknownPartition } from './refusals.ts';
import { userCodeFailed } from './user-code.ts';

const fields = ['key', 'value', 'headers', 'partition', 'timestamp'];
/** More than the lengths within a record and the batch's header take. */
const OVERHEAD_BYTES_MAX = 128;

/** Throws BusError INVALID_ARGUMENT for what is no record. */
export function checkRecord(record: unknown): void {
  if (typeof record !== 'object' || record === null) throw noRecord(record);
  // A record without a value is a tombstone, which is much to ask of a slip of the pen.
  if ((record as { value?: unknown }).value === undefined) checkFields(record);
}

function checkFields(record: object): void {
  if (Symbol.iterator in record) throw new BusError('INVALID_ARGUMENT', 'send takes one record or an array of records; push takes one');
  for (const name of Object.keys(record)) {
    if (fields.includes(name)) continue;
    throw new BusError('INVALID_ARGUMENT', `a record has no field "${name}"; it has ${fields.join(', ')}`, { details: { field: name } });
  }
}

function noRecord(record: unknown): BusError {
  return new BusError('INVALID_ARGUMENT', `a record is an object { key, value, headers, partition, timestamp }, not ${shown(record)}`);
}

/** Throws BusError MESSAGE_TOO_LARGE when the record, as a batch of its own, takes more than `bytesMax`. */
export function checkSize(
  topic: string,
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly Header[] | null,
  bytesMax: number,
): void {
  const bytes = (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
  if (headers === null && bytes + OVERHEAD_BYTES_MAX <= bytesMax) return;
  const encoded = encodedBytes(key, value, headers ?? []);
  if (encoded <= bytesMax) return;
  const advice = 'raise it together with the topic’s max.message.bytes, or split the record';
  throw new BusError(
    'MESSAGE_TOO_LARGE',
    `a record of ${encoded} bytes for topic "${topic}" is beyond maxRequestSize=${bytesMax}; ${advice}`,
    {
      details: { topic, bytes: encoded, bytesMax },
    },
  );
}

/** Bytes of a batch that holds this record alone, before compression. */
export function encodedBytes(key: Uint8Array | null, value: Uint8Array | null, headers: readonly Header[]): number {
  // Attributes, timestamp delta and offset delta take a byte each.
  let body = 3 + partBytes(key) + partBytes(value) + varintBytes(headers.length);
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key);
    body += varintBytes(keyBytes) + keyBytes + partBytes(header.value);
  }
  return RECORDS_AT + varintBytes(body) + body;
}

function partBytes(part: Uint8Array | null): number {
  return part === null ? 1 : varintBytes(part.length) + part.length;
}

export function checkPartition(metadata: TopicMetadata, partition: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < metadata.partitions.length) return partition;
  throw unknownPartition(metadata.name, partition, metadata.partitions.length);
}

export function checkTimestamp(timestamp: number): number {
  if (Number.isSafeInteger(timestamp) && timestamp >= 0) return timestamp;
  throw new BusError('INVALID_TIMESTAMP', `a timestamp is in whole milliseconds since the epoch, not ${shown(timestamp)}`, {
    details: { timestamp },
  });
}

/** The user's choice, checked; undefined leaves it to the key or the sticky partition. Throws BusError USER_CODE_FAILED. */
export function callPartitioner(
  partitioner: Partitioner,
  topic: string,
  key: Uint8Array | null,
  value: Uint8Array | null,
  count: number,
): number | undefined {
  let chosen: unknown;
  try {
    chosen = partitioner(topic, key, value, count);
  } catch (cause) {
    throw userCodeFailed(`the partitioner of topic "${topic}"`, cause);
  }
  if (chosen === undefined) return undefined;
  if (Number.isInteger(chosen) && (chosen as number) >= 0 && (chosen as number) < count) return chosen as number;
  if (chosen instanceof Promise) chosen.catch(() => {});
  throw new BusError(
    'USER_CODE_FAILED',
    `the partitioner returned ${shown(chosen)} for topic "${topic}"; it returns 0 to ${count - 1}, or undefined`,
    {
      details: { topic, partitions: count },
    },
  );
}
