/** A second, plain encoder of record batches for tests: slow, independent of src/record, and willing to lie in every field. */

export interface BuiltRecord {
  timestampDelta?: number | bigint;
  offsetDelta?: number;
  key?: Buffer | null;
  value?: Buffer | null;
  headers?: [key: string, value: Buffer | null][];
  /** Lies: what the record says in place of the truth. */
  length?: number;
  keyLength?: number;
  valueLength?: number;
  headerCount?: number;
}

export interface BuiltBatch {
  baseOffset?: bigint;
  leaderEpoch?: number;
  magic?: number;
  attributes?: number;
  baseTimestamp?: bigint;
  maxTimestamp?: bigint;
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
  records?: BuiltRecord[];
  /** In place of the encoded records: the compressed ones. */
  payload?: Buffer;
  /** Lies: what the header says in place of the truth. */
  length?: number;
  crc?: number;
  lastOffsetDelta?: number;
  count?: number;
}

export function buildBatch(batch: BuiltBatch = {}): Buffer {
  const records = batch.records ?? [];
  const payload = batch.payload ?? Buffer.concat(records.map(buildRecord));
  const count = batch.count ?? records.length;
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(batch.baseOffset ?? 0n, 0);
  header.writeInt32BE(batch.length ?? 49 + payload.length, 8);
  header.writeInt32BE(batch.leaderEpoch ?? -1, 12);
  header.writeInt8(batch.magic ?? 2, 16);
  header.writeInt16BE(batch.attributes ?? 0, 21);
  header.writeInt32BE(batch.lastOffsetDelta ?? count - 1, 23);
  header.writeBigInt64BE(batch.baseTimestamp ?? 0n, 27);
  header.writeBigInt64BE(batch.maxTimestamp ?? batch.baseTimestamp ?? 0n, 35);
  header.writeBigInt64BE(batch.producerId ?? -1n, 43);
  header.writeInt16BE(batch.producerEpoch ?? -1, 51);
  header.writeInt32BE(batch.baseSequence ?? -1, 53);
  header.writeInt32BE(count, 57);
  const bytes = Buffer.concat([header, payload]);
  bytes.writeUInt32BE(batch.crc ?? slowCrc32c(bytes.subarray(21)), 17);
  return bytes;
}

export function buildRecord(record: BuiltRecord, index: number): Buffer {
  const { key = null, value = null, headers = [] } = record;
  const body = Buffer.concat([
    Buffer.from([0]),
    slowVarint(record.timestampDelta ?? 0),
    slowVarint(record.offsetDelta ?? index),
    slowVarint(record.keyLength ?? key?.length ?? -1),
    key ?? Buffer.alloc(0),
    slowVarint(record.valueLength ?? value?.length ?? -1),
    value ?? Buffer.alloc(0),
    slowVarint(record.headerCount ?? headers.length),
    ...headers.flatMap(([name, bytes]) => [
      slowVarint(Buffer.byteLength(name)),
      Buffer.from(name),
      slowVarint(bytes?.length ?? -1),
      bytes ?? Buffer.alloc(0),
    ]),
  ]);
  return Buffer.concat([slowVarint(record.length ?? body.length), body]);
}

/** A zigzag varint of up to 64 bits, straight from the definition. */
export function slowVarint(value: number | bigint): Buffer {
  const wide = BigInt(value);
  let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** CRC-32C bit by bit. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
