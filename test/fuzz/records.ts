/**
 * Batches with something wrong in them, thrown at everything that reads batches: the reader must give the records or a typed refusal, the
 * same one each time, and stay within the bytes. A seed and a number of cases say it all; what came out is counted by reason.
 */
import { BusError } from '../../src/base/errors.ts';
import { CRC_AT, computeCrc, HEADER_BYTES } from '../../src/record/batch-layout.ts';
import { RecordCursor, validateBatch } from '../../src/record/batch-read.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { type CompressionId, compress, compressions } from '../../src/record/compression.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { recordAt } from '../record/records.ts';

export interface FuzzResult {
  cases: number;
  /** How many cases ended how: 'read', or the code and reason of the refusal. */
  reasons: Record<string, number>;
}

const BOMB_BYTES = 1 << 20;
const KEPT = 300;
const codecs = Object.values(compressions);

/** Runs cases `from` to `to` of `seed`. Throws, naming seed and case, when a reader breaks a promise. */
export function fuzzRecords(seed: number, from: number, to: number): FuzzResult {
  const reasons: Record<string, number> = {};
  for (let number = from; number < to; number++) {
    const random = seededRandom(seed + number * 7919);
    const mutated = anyMutatedBatch(random);
    try {
      const reason = read(mutated, random);
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    } catch (error) {
      throw new Error(`records: seed ${seed}, case ${number}: ${error}\n${mutated.subarray(0, 500).toString('hex')}`, { cause: error });
    }
  }
  return { cases: to - from, reasons };
}

/** A batch with something wrong in it, or nothing. */
export function anyMutatedBatch(random: Random, batch = anyBatch(random)): Buffer {
  return pick(random, mutations)(batch, random);
}

const kept: Buffer[] = [];

/** The same with one of a few hundred batches, which were made once. */
export function mutatedKeptBatch(random: Random): Buffer {
  while (kept.length < KEPT) kept.push(anyBatch(seededRandom(kept.length)));
  return anyMutatedBatch(random, pick(random, kept));
}

/** A small batch that grows to `bytes` when it is read. */
export function bombBatch(random: Random, bytes: number): Buffer {
  const id = pick(random, codecs.slice(1));
  return repacked(anyBatch(random), id, bomb(id, bytes), pick(random, [1, 1_000_000]));
}

/** Reads `bytes` in every way there is and says how it ended. */
function read(bytes: Buffer, random: Random): string {
  const before = Buffer.from(bytes);
  const checkCrc = random.below(4) === 0;
  const once = walk(bytes, checkCrc);
  const again = walk(bytes, checkCrc);
  expect(once === again, 'two walks end alike');
  expect(bytes.equals(before), 'a walk changes no byte');
  const code = validateBatch(bytes, 0, bytes.length, true);
  expect(code !== 0 || walk(bytes.subarray(0, 12 + bytes.readInt32BE(8)), true) === 'read', 'what was validated can be walked');
  // The same bytes between others: what was beyond the end is there now, and must not be looked at.
  const within = Buffer.concat([Buffer.alloc(7, 0x01), bytes, Buffer.alloc(300, random.below(256))]);
  expect(walk(within, checkCrc, 7, 7 + bytes.length) === once, 'what lies around the range changes nothing');
  return once;
}

function walk(bytes: Buffer, checkCrc: boolean, from = 0, to = bytes.length): string {
  const cursor = new RecordCursor();
  cursor.includeControl = true;
  cursor.open(bytes, from, to, 0, checkCrc);
  let lastOffset = -1;
  let moving = true;
  try {
    while (cursor.next()) {
      expect(
        cursor.keyLength < 0 || (cursor.keyAt >= 0 && cursor.keyAt + cursor.keyLength <= cursor.valueAt),
        'a key lies before the value',
      );
      expect(cursor.valueAt + Math.max(cursor.valueLength, 0) <= cursor.headersAt, 'a value lies before the headers');
      expect(cursor.headersAt <= cursor.recordEnd && cursor.recordEnd <= cursor.bytes.length, 'headers lie within the bytes');
      expect(cursor.bytes !== bytes || cursor.recordEnd <= cursor.batchEndAt, 'a record lies within its batch');
      expect(Number.isSafeInteger(cursor.offset) && Number.isSafeInteger(cursor.timestampMs), 'offset and timestamp are numbers');
      if (cursor.batchAt === from) expect(cursor.offset > lastOffset, 'offsets rise');
      lastOffset = cursor.offset;
      // Headers are read when they are asked for, and refused then: the walk itself could go on.
      moving = false;
      recordAt(cursor);
      moving = true;
    }
    return 'read';
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    expect(!moving || !cursor.next(), 'a refused walk has ended');
    return `${error.code}: ${error.message.replace(/^These bytes are not a valid record batch: /, '').replace(/\b(is|compression|beyond) -?\d+/g, '$1 N')}`;
  }
}

function anyBatch(random: Random): Buffer {
  const writer = new BatchWriter({ bytesMax: 1 << 20, compression: pick(random, codecs), logAppendTime: random.below(8) === 0 });
  const count = 1 + random.below(20);
  for (let i = 0; i < count; i++) {
    const bytes = (max: number) => (random.below(5) === 0 ? null : random.bytes(random.below(max)));
    const headers = Array.from({ length: random.below(4) }, () => ({ key: `h${random.below(3)}`, value: bytes(9) }));
    writer.append(1_700_000_000_000 + random.below(1 << 30), bytes(20), bytes(200), headers);
  }
  return Buffer.from(writer.seal({ producerId: random.below(5), producerEpoch: 0, baseSequence: random.below(100) }));
}

type Mutation = (batch: Buffer, random: Random) => Buffer;

/** Numbers at the edges of what fields can hold. */
const edges = [0, 1, -1, 2, 48, 49, 60, 61, 62, 127, 128, 255, 256, 0x7fff, 0xffff, 0x7fff_ffff, -0x8000_0000, 0x7fff_fff0, 1_000_000];
const int32Fields = [8, 12, 23, 53, 57];
const int64Fields = [0, 27, 35, 43];

const mutations: Mutation[] = [
  // Some bytes, as a disk or a cable would: the CRC sees it where it is looked at.
  (batch, random) => flipped(batch, random, 0, 1 + random.below(3)),
  // The same under a CRC that fits: as a client with a bug, or an enemy, would.
  (batch, random) => recomputed(flipped(batch, random, 21, 1 + random.below(3))),
  (batch, random) => recomputed(flipped(batch, random, HEADER_BYTES, 1 + random.below(8))),
  // Cut, longer, shorter, shifted.
  (batch, random) => batch.subarray(0, random.below(batch.length)),
  (batch, random) => recomputed(batch.subarray(0, HEADER_BYTES + random.below(batch.length - HEADER_BYTES)), true),
  (batch, random) => recomputed(Buffer.concat([batch, Buffer.from(random.bytes(1 + random.below(40)))]), true),
  (batch, random) => recomputed(spliced(batch, random), true),
  (batch, random) => Buffer.concat([batch, batch.subarray(0, random.below(batch.length)), batch]),
  // Fields that lie.
  (batch, random) => {
    const bytes = Buffer.from(batch);
    bytes.writeInt32BE(pick(random, edges), pick(random, int32Fields));
    return recomputed(bytes);
  },
  (batch, random) => {
    const bytes = Buffer.from(batch);
    bytes.writeBigInt64BE(BigInt(pick(random, edges)) << BigInt(random.below(33)), pick(random, int64Fields));
    return recomputed(bytes);
  },
  (batch, random) => {
    const bytes = Buffer.from(batch);
    bytes.writeInt8(random.below(256) - 128, 16);
    return bytes;
  },
  (batch, random) => {
    const bytes = Buffer.from(batch);
    bytes.writeInt16BE(random.below(0x80), 21);
    return recomputed(bytes);
  },
  // Varints that do not end, or are huge, anywhere among the records.
  (batch, random) => {
    const bytes = Buffer.from(batch);
    const at = HEADER_BYTES + random.below(bytes.length - HEADER_BYTES);
    bytes.fill(pick(random, [0x80, 0xff, 0x7f, 0x00]), at, Math.min(bytes.length, at + 1 + random.below(12)));
    return recomputed(bytes);
  },
  // Lies inside sound compression: the count, or the records themselves.
  (batch, random) => {
    const id = pick(random, codecs);
    const payload = compress(id, Buffer.from(random.bytes(random.below(300))));
    return repacked(batch, id, payload, random.below(50));
  },
  // Bombs, and sizes that promise one.
  (batch, random) => {
    const id = pick(random, codecs.slice(1));
    return repacked(batch, id, bomb(id), pick(random, [1, 1_000_000, 0x7fff_ffff]));
  },
  (batch, random) => {
    const id = pick(random, codecs.slice(1));
    const payload = Buffer.from(compress(id, Buffer.alloc(1000, 'a')));
    payload.fill(0xff, random.below(12), Math.min(payload.length, 12 + random.below(8)));
    return repacked(batch, id, payload, 1 + random.below(5));
  },
  // Nothing is wrong.
  (batch) => batch,
  // Nothing is right.
  (_, random) => Buffer.from(random.bytes(random.below(200))),
];

const bombs = new Map<string, Buffer>();
function bomb(id: CompressionId, bytes = BOMB_BYTES): Buffer {
  const made = bombs.get(`${id} ${bytes}`) ?? Buffer.from(compress(id, Buffer.alloc(bytes)));
  bombs.set(`${id} ${bytes}`, made);
  return made;
}

function repacked(batch: Buffer, id: CompressionId, payload: Buffer, count: number): Buffer {
  const bytes = Buffer.concat([batch.subarray(0, HEADER_BYTES), payload]);
  bytes.writeInt16BE(id, 21);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeInt32BE(count, 57);
  return recomputed(bytes, true);
}

function flipped(batch: Buffer, random: Random, from: number, times: number): Buffer {
  const bytes = Buffer.from(batch);
  for (let i = 0; i < times; i++) bytes[from + random.below(bytes.length - from)] ^= 1 + random.below(255);
  return bytes;
}

/** A piece of the records taken out, or put in a second time. */
function spliced(batch: Buffer, random: Random): Buffer {
  const from = HEADER_BYTES + random.below(batch.length - HEADER_BYTES);
  const to = from + random.below(batch.length - from);
  return random.below(2) === 0
    ? Buffer.concat([batch.subarray(0, from), batch.subarray(to)])
    : Buffer.concat([batch.subarray(0, to), batch.subarray(from)]);
}

/** Makes the CRC fit, and with `length` the length too, as far as these bytes still are a batch. */
function recomputed(batch: Buffer, length = false): Buffer {
  const bytes = Buffer.from(batch);
  if (bytes.length < HEADER_BYTES) return bytes;
  if (length) bytes.writeInt32BE(bytes.length - 12, 8);
  const end = 12 + bytes.readInt32BE(8);
  if (end >= HEADER_BYTES && end <= bytes.length) bytes.writeUInt32BE(computeCrc(bytes, 0), CRC_AT);
  return bytes;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)];
}

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`it does not hold that ${what}`);
}
