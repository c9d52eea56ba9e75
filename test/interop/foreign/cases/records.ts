/** Records with everything that a record can have, in every codec, written by a client and read back by it and by every other. */
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import { partitionOfKey } from '../../../../src/base/murmur2.ts';
import type { ForeignClient } from '../clients.ts';
import type { Codec, Offsets, Read, Sent, Witness } from '../witness.ts';
import { base64, makeTopic, type Trial, wordOf } from './trial.ts';

export const PARTITIONS = 4;

/** Topic and contents by client: what the others are to read. */
export interface Written {
  topic: string;
  ends: Offsets;
  records: readonly Read[];
}

export async function writeAndReadBack(trial: Trial): Promise<Written> {
  const { client, witness } = trial;
  const topic = `records-${wordOf(trial)}`;
  await makeTopic(trial, topic, PARTITIONS);
  const began = Date.now();
  const sent: Sent[] = [];
  const told: { partition: number; offset: number; value: string | null }[] = [];
  const bases: { partition: number; offset: number }[][] = [];
  for (const codec of client.codecs) {
    const records = recordsFor(client, codec);
    // The oldest way once: without a producer id.
    const answer = await witness.ask('produce', { topic, codec, idempotent: codec !== 'none', records });
    sent.push(...records);
    if (answer.placed !== undefined) {
      expect(answer.placed).toHaveLength(records.length);
      answer.placed.forEach((place, i) => {
        told.push({ ...place, value: records[i].value });
      });
    }
    if (answer.bases !== undefined) bases.push(answer.bases);
  }
  const { offsets: ends } = await (client.lacks.offsetsAt === undefined ? witness : trial.director).ask('offsetsAt', {
    topic,
    timestamp: -1,
  });
  const records = await readAll(witness, topic, ends);

  expect(records).toHaveLength(sent.length);
  expect(byPartition(records)).toEqual(expected(client, sent, records));
  for (const { timestamp } of records) {
    expect(timestamp).toBeGreaterThan(began - 60_000);
    expect(timestamp).toBeLessThan(Date.now() + 60_000);
  }
  // Where the acknowledgements said that they are.
  for (const { partition, offset, value } of told) {
    expect(records.find((one) => one.partition === partition && one.offset === offset)?.value).toBe(value);
  }
  let next: Record<number, number> = {};
  for (const batch of bases) {
    for (const { partition, offset } of batch) expect(offset).toBe(next[partition] ?? 0);
    const upTo = bases.indexOf(batch) + 1;
    next = nextOffsets(client, sent.slice(0, (sent.length / client.codecs.length) * upTo), records);
  }
  return { topic, ends, records };
}

/** What another client wrote: the same to the byte. */
export async function readOthers(reader: Witness, { topic, ends, records }: Written, limits: ForeignClient): Promise<void> {
  const read = await readAll(reader, topic, ends);
  const seen = (list: readonly Read[]) =>
    list.map((one) => ({ ...one, headers: limits.readsHeadersByName ? sortedByName(one) : one.headers }));
  expect(seen(read)).toEqual(seen(records));
}

function sortedByName({ headers }: Sent): Sent['headers'] {
  return headers.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** In the order of partitions and offsets. */
async function readAll(witness: Witness, topic: string, ends: Offsets): Promise<Read[]> {
  const from = Object.fromEntries(Object.keys(ends).map((partition) => [partition, 0]));
  const { records } = await witness.ask('read', { topic, from, until: ends });
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

export function recordsFor({ cannotSend }: ForeignClient, codec: Codec): Sent[] {
  const value = (text: string) => base64(`${codec}: ${text}`);
  const trace = { key: 'trace', value: base64('abc-1') };
  const records: Sent[] = Array.from({ length: 10 }, (_, i) => ({ key: base64(`key-${i}`), value: value(`${i}`), headers: [trace] }));
  records.push(
    { key: null, value: value('without a key'), headers: [trace] },
    { key: base64('gone'), value: null, headers: [trace] },
    { key: base64('plain'), value: value('without headers'), headers: [] },
    { key: base64('ключ'), value: value('äöü €𝄞'), headers: [{ key: 'größe', value: base64('viel') }] },
    { key: base64('big'), value: value('0123456789'.repeat(2_000)), headers: [] },
    { key: Buffer.from([0x80, 0xff, 0xfe]).toString('base64'), value: Buffer.from([0xff, 0x81, 0xc0]).toString('base64'), headers: [] },
  );
  if (!cannotSend.empty) {
    records.push(
      { key: '', value: value('an empty key'), headers: [] },
      { key: base64('void'), value: '', headers: [{ key: 'void', value: '' }] },
    );
  }
  if (!cannotSend.nullHeader) records.push({ key: base64('null'), value: value('a null header'), headers: [{ key: 'null', value: null }] });
  if (!cannotSend.mixedHeaders) {
    const headers = ['a', 'b', 'a'].map((key, i) => ({ key, value: base64(`${i}`) }));
    records.push({ key: base64('mixed'), value: value('a name twice'), headers });
  }
  return records;
}

/** Per partition, in the order in which they were sent. */
function expected(client: ForeignClient, sent: readonly Sent[], read: readonly Read[]): Omit<Sent, 'partition' | 'timestamp'>[][] {
  const lists: Sent[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const record of sent) lists[partitionOf(client, record, read)].push(record);
  return lists;
}

function nextOffsets(client: ForeignClient, sent: readonly Sent[], read: readonly Read[]): Record<number, number> {
  return Object.fromEntries(expected(client, sent, read).map((list, partition) => [partition, list.length]));
}

function partitionOf({ partitioner }: ForeignClient, { key, value }: Sent, read: readonly Read[]): number {
  const bytes = key === null ? null : Buffer.from(key, 'base64');
  // Records without a key go anywhere; to librdkafka an empty key is none.
  if (bytes === null || (partitioner === 'crc32' && bytes.length === 0)) {
    const found = read.find((one) => one.value === value);
    if (found === undefined) throw new Error(`${value} was not read`);
    return found.partition;
  }
  return partitioner === 'crc32' ? crc32(bytes) % PARTITIONS : partitionOfKey(bytes, PARTITIONS);
}

function byPartition(records: readonly Read[]): Omit<Sent, 'partition' | 'timestamp'>[][] {
  const lists: Sent[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const { partition, offset, key, value, headers } of records) {
    expect(offset).toBe(lists[partition].length);
    lists[partition].push({ key, value, headers });
  }
  return lists;
}
