import { expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { Partition } from '../../src/partition/partition.ts';
import { Sequences } from '../../src/partition/sequences.ts';
import { type CompressionId, compress, compressions } from '../../src/record/compression.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { config, fill, openLog, TOPIC_ID, world } from '../log/fixtures.ts';
import { buildBatch, buildRecord } from '../record/build.ts';

const spec = { slot: 0, topic: 'flights', topicId: TOPIC_ID, partition: 0, leaderEpoch: 0, config };

test('is described although the disk does not tell how long its files are', () => {
  const disk = new MemoryDisk();
  const w = world(disk);
  const before = openLog(w, { segmentBytes: 300 });
  fill(before, 9);
  const { logBytes } = before;
  before.close(true);
  // A clean start looks at the last segment alone.
  const partition = new Partition(spec, openLog(w, {}, { clean: true }), new Sequences(), { state: () => {} });
  disk.onCall = ({ operation }) => (operation === 'stat' ? 'EIO' : null);
  expect(partition.describe()).toMatchObject({ error: errors.KAFKA_STORAGE_ERROR.code, logBytes: 0, endOffset: 9, state: 'online' });
  disk.onCall = null;
  expect(partition.describe()).toMatchObject({ error: 0, logBytes });
});

/** One record whose batch grows to `bytes` when it is decompressed. */
function growsTo(bytes: number, compression: CompressionId = compressions.zstd): Buffer {
  const overhead = buildRecord({ value: Buffer.alloc(bytes) }, 0).length - bytes;
  const record = buildRecord({ value: Buffer.alloc(bytes - overhead) }, 0);
  return buildBatch({ attributes: compression, count: 1, payload: compress(compression, record) });
}

test('a foreign batch grows to 64 MiB, or to max.message.bytes where that is more, and no further', () => {
  const accept = (bytes: number, batchBytesMax = config.batchBytesMax) =>
    new Partition(spec, openLog(world(), { batchBytesMax }), new Sequences(), { state: () => {} }).accept(growsTo(bytes), false, 1000, 0);
  expect(accept(limits.producedBytesMax)).toMatchObject({ error: 0, baseOffset: 0 });
  expect(accept(limits.producedBytesMax + 1)).toMatchObject({
    error: errors.MESSAGE_TOO_LARGE.code,
    message: `the batch grows beyond ${limits.producedBytesMax} bytes when it is decompressed: have its producer make smaller batches`,
  });
  const more = limits.producedBytesMax + 100;
  expect(accept(more, more)).toMatchObject({ error: 0 });
  expect(accept(more + 1, more)).toMatchObject({ error: errors.MESSAGE_TOO_LARGE.code });
});

test('a topic that is compacted takes no record without a key, whoever made the batch', () => {
  const accept = (own: boolean, cleanupCompact: boolean, keys: readonly (Buffer | null)[]) => {
    const batch = buildBatch({ records: keys.map((key) => ({ key, value: Buffer.from('v') })) });
    return new Partition(spec, openLog(world(), { cleanupCompact }), new Sequences(), { state: () => {} }).accept(batch, own, 1000, 0);
  };
  const key = Buffer.from('k');
  for (const own of [false, true]) {
    expect(accept(own, true, [key, null])).toMatchObject({
      error: errors.INVALID_RECORD.code,
      message: 'the topic is compacted: every record needs a key',
      refused: [{ batchIndex: 1, message: 'record 1 of the batch has no key' }],
    });
    // An empty key is one.
    expect(accept(own, true, [key, Buffer.alloc(0)])).toMatchObject({ error: 0, endOffset: 2 });
    expect(accept(own, false, [key, null])).toMatchObject({ error: 0, endOffset: 2 });
  }
});

test('a record that is too old or too new is refused by its own timestamp, as the ones beside it are in time', () => {
  const times = { timestampBeforeMaxMs: 100, timestampAfterMaxMs: 50 };
  const accept = (own: boolean, timestamps: readonly number[], limited: Partial<typeof config> = times) => {
    const [first] = timestamps;
    const records = timestamps.map((timestamp) => ({ timestampDelta: timestamp - first, value: Buffer.from('v') }));
    const batch = buildBatch({ records, baseTimestamp: BigInt(first), maxTimestamp: BigInt(Math.max(...timestamps)) });
    return new Partition(spec, openLog(world(), limited), new Sequences(), { state: () => {} }).accept(batch, own, 1000, 0);
  };
  for (const own of [false, true]) {
    expect(accept(own, [900, 1050, 1000])).toMatchObject({ error: 0, endOffset: 3 });
    expect(accept(own, [1000, 899, 1051])).toMatchObject({
      error: errors.INVALID_TIMESTAMP.code,
      message: 'a timestamp is too far from now: message.timestamp.before.max.ms=100, message.timestamp.after.max.ms=50',
      refused: [
        { batchIndex: 1, message: 'the timestamp 899 of record 1 of the batch is not within 900 to 1050' },
        { batchIndex: 2, message: 'the timestamp 1051 of record 2 of the batch is not within 900 to 1050' },
      ],
    });
    // None is no time, and a topic that stamps records itself does not look at theirs.
    expect(accept(own, [-1, 1000])).toMatchObject({ error: 0 });
    expect(accept(own, [1, 5000], { ...times, logAppendTime: true })).toMatchObject({ error: 0 });
  }
});

test('a refusal names so many records and no more', () => {
  const named = (count: number): number => {
    const batch = buildBatch({ records: Array.from({ length: count }, () => ({ value: Buffer.from('v') })) });
    const partition = new Partition(spec, openLog(world(), { cleanupCompact: true }), new Sequences(), { state: () => {} });
    return partition.accept(batch, false, 1000, 0).refused?.length ?? 0;
  };
  expect([named(limits.refusedRecordsMax), named(limits.refusedRecordsMax + 1)]).toEqual([
    limits.refusedRecordsMax,
    limits.refusedRecordsMax,
  ]);
});

test('a foreign batch for which there was no memory is taken as it was sent when there is', () => {
  const w = world();
  const partition = new Partition(spec, openLog(w), new Sequences(), { state: () => {} });
  const first = buildBatch({ records: [{ value: Buffer.from('first') }] });
  expect(partition.accept(first, false, 1000, 0)).toMatchObject({ error: 0, baseOffset: 0 });
  const frames: number[] = [];
  for (let id = w.arena.take(7, 0); id >= 0; id = w.arena.take(7, frames.length)) frames.push(id);
  const second = buildBatch({ records: [{ value: Buffer.alloc(w.arena.frameBytes) }] });
  const sent = Buffer.from(second);
  expect(partition.accept(second, false, 1000, 0)).toMatchObject({ full: true });
  expect(partition.accept(second, false, 1000, 0)).toMatchObject({ full: true });
  for (const id of frames) w.arena.give(id);
  expect(partition.accept(second, false, 1000, 0)).toMatchObject({ error: 0, full: false, baseOffset: 1, endOffset: 2 });
  // But for base offset and leader epoch, which are the leader's.
  expect(second.subarray(16).equals(sent.subarray(16))).toBe(true);
});

test('a sync that somebody else has asked for is waited for, and one of his that failed is made good, when the topic becomes synced', async () => {
  const disk = new MemoryDisk();
  const w = world(disk);
  const log = openLog(w, { durability: 'written' });
  const partition = new Partition(spec, log, new Sequences(), { state: () => {} });
  fill(log, 3);
  log.flush();
  // As the close of a host does.
  const ended = new Promise((resolve) => log.syncLater(resolve));
  disk.onCall = ({ operation }) => (operation === 'sync' ? 'EIO' : null);
  partition.configure({ ...log.config, durability: 'synced' }, 0);
  let ends = 0;
  const sync = (): void => partition.syncIfNeeded(0, true, () => void ends++);
  sync();
  expect({ ends, syncing: partition.syncing }).toEqual({ ends: 0, syncing: true });
  expect(await ended).toMatchObject({ code: 'EIO' });
  disk.onCall = null;
  sync();
  expect({ ends, syncing: partition.syncing, unsynced: log.unsynced, state: partition.state }).toEqual({
    ends: 1,
    syncing: false,
    unsynced: false,
    state: 'online',
  });
  const crashed = world(disk.image('dropped'));
  expect(openLog(crashed).endOffset).toBe(3);
});
