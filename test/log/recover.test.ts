import { describe, expect, test } from 'vitest';
import { computeCrc as crcAt } from '../../src/record/batch-layout.ts';
import { readWhole } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, damagesOf, FOLDER, fill, openLog, range, readAll, TOPIC_ID, world } from './fixtures.ts';
import { readCarefully } from './reader.ts';

const LOG_0 = `${FOLDER}/00000000000000000000.log`;
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

function written(end: number, changes = {}): { disk: MemoryDisk; w: ReturnType<typeof world> } {
  const disk = new MemoryDisk();
  const w = world(disk);
  const log = openLog(w, changes);
  fill(log, end);
  log.flush();
  log.close(false);
  return { disk, w };
}

function patch(disk: MemoryDisk, path: string, position: number, bytes: Buffer): void {
  const file = disk.open(path, 'write');
  file.write([bytes], position);
  file.close();
}

describe('an unclean start', () => {
  test('cuts what follows the last sound batch: half a batch, noise, zeros', () => {
    for (const [tail, what] of [
      [batchAt(20).subarray(0, 40), 'the bytes end within a header'],
      [batchAt(20).subarray(0, 70), 'the bytes end within a batch'],
      [Buffer.alloc(500, 0xee), 'no batch header'],
      [Buffer.alloc(5000), 'zeros'],
    ] as const) {
      const { disk, w } = written(20);
      const size = disk.stat(LOG_0)?.size ?? 0;
      patch(disk, LOG_0, size, tail);
      const log = openLog(w);
      expect(damagesOf(w)).toEqual([
        { path: LOG_0, position: size, length: tail.length, what, did: 'the bytes were cut: no sound batch follows' },
      ]);
      expect(disk.stat(LOG_0)?.size).toBe(size);
      expect(readAll(w, log)).toEqual(range(0, 20));
    }
  });

  test('quarantines damage with sound batches behind it, remembers it, and reads pass over it', () => {
    const { disk, w } = written(20);
    const size = batchAt(0).length;
    patch(disk, LOG_0, 7 * size + 70, Buffer.from('!!'));
    const log = openLog(w);
    const damage = { firstOffset: 7, nextOffset: 8, path: LOG_0, position: 7 * size, length: size };
    expect(log.damages).toEqual([damage]);
    expect(readAll(w, log)).toEqual([...range(0, 7), ...range(8, 20)]);
    expect(log.read(7, 1, 20)).toMatchObject({ kind: 'file', position: 8 * size, nextOffset: 9 });
    expect(log.read(0, 1e6, 20)).toMatchObject({ kind: 'file', length: 7 * size, nextOffset: 8 });
    log.close(true);
    w.events.length = 0;
    const again = openLog(w, {}, { clean: true });
    expect(again.damages).toEqual([damage]);
    expect(w.events).toEqual([]);
    expect(readAll(w, again)).toEqual([...range(0, 7), ...range(8, 20)]);
  });

  test('a value that holds a batch is not taken for one', () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const log = openLog(w);
    // The bytes of a sealed batch as a value, as someone who stores batches would have it.
    const inner = batchAt(0, { records: 3 });
    const outer = batchAt(0);
    log.append(outer);
    log.append(withValue(1, inner));
    log.append(batchAt(2));
    log.flush();
    log.close(false);
    // The length field is damaged, so the way on must be searched for, through the inner batch.
    patch(disk, LOG_0, outer.length + 8, Buffer.from([0x7f]));
    const again = openLog(w);
    expect(readAll(w, again)).toEqual([0, 2]);
    expect(again.damages).toMatchObject([{ firstOffset: 1, nextOffset: 2 }]);
  });

  test('bytes beyond the base offset of the next segment are ignored', () => {
    const { disk, w } = written(30, { segmentBytes: 1000 });
    const second = disk.list(FOLDER).filter((name) => name.endsWith('.log'))[1];
    const base = Number(second.slice(0, 20));
    patch(disk, LOG_0, disk.stat(LOG_0)?.size ?? 0, batchAt(base, { valueBytes: 33 }));
    disk.remove(`${FOLDER}/spillway-checkpoint`);
    const log = openLog(w, { segmentBytes: 1000 });
    expect(readAll(w, log)).toEqual(range(0, 30));
    expect(log.damages).toEqual([]);
  });

  test('walks only the segments that are not known to be synced', async () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const changes = { segmentBytes: 1000, durability: 'synced' as const };
    const log = openLog(w, changes);
    for (let end = 10; end <= 100; end += 10) {
      fill(log, end);
      log.flush();
      await new Promise((done) => log.syncLater(done));
      await turn();
      await turn();
    }
    await turn();
    log.close(false);
    const opened: string[] = [];
    disk.onCall = ({ operation, path }) => {
      if (operation === 'read' && path.endsWith('.log')) opened.push(path);
      return null;
    };
    const again = openLog(w, changes);
    disk.onCall = null;
    expect(again.endOffset).toBe(100);
    expect(new Set(opened).size).toBeLessThanOrEqual(3);
    expect(again.segmentCount).toBeGreaterThan(8);
    expect(readAll(w, again)).toEqual(range(0, 100));
  });

  test('tells how far it is', () => {
    const disk = new MemoryDisk();
    const w = world(disk, 8192, 65_536);
    const log = openLog(w, { segmentBytes: 1 << 30 });
    const batch = batchAt(0, { valueBytes: 1 << 20 });
    while (log.endOffset < 130) {
      batch.writeUInt32BE(log.endOffset, 4);
      log.append(batch);
      log.flush();
      log.evict(1e9);
    }
    log.close(false);
    openLog(w, { segmentBytes: 1 << 30 });
    const progress = w.events.flatMap((event) => (event.kind === 'recovery' ? [event.progress] : []));
    const total = disk.stat(LOG_0)?.size;
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.at(-1)).toEqual({ doneBytes: total, totalBytes: total });
  });

  test('what a failed sync left readable and clean is written again before it is called synced', async () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const synced = { durability: 'synced' as const };
    const log = openLog(w, synced);
    fill(log, 10);
    log.flush();
    await new Promise((done) => log.syncLater(done));
    fill(log, 20);
    log.flush();
    disk.onCall = ({ operation }) => (operation === 'sync' ? 'EIO' : null);
    expect(await new Promise((done) => log.syncLater(done))).toMatchObject({ code: 'EIO' });
    disk.onCall = null;
    // The process dies before it could write the bytes to a new file. The kernel still has them, marked clean.
    const killed = disk.image('kill');
    expect(readWhole(killed.image('dropped'), LOG_0)?.length).toBe(10 * batchAt(0).length);
    const again = openLog(world(killed), synced);
    expect([again.endOffset, again.committedOffset]).toEqual([20, 20]);
    const afterPowerLoss = world(killed.image('dropped'));
    expect(readAll(afterPowerLoss, openLog(afterPowerLoss, synced))).toEqual(range(0, 20));
  });

  test('what it says need not be walked again has a name that lasts', () => {
    const disk = new MemoryDisk();
    const changes = { segmentBytes: 1000 };
    const log = openLog(world(disk), changes);
    fill(log, 50);
    log.flush();
    // The process dies, the machine does not: what was never synced is still there, and as easily lost.
    const w = world(disk);
    const again = openLog(w, changes);
    expect(again.endOffset).toBe(50);
    expect(again.syncedOffset).toBeGreaterThan(20);
    const after = world(disk.image('dropped'));
    const last = openLog(after, changes);
    expect(last.endOffset).toBeGreaterThanOrEqual(again.syncedOffset);
    expect(readAll(after, last).slice(0, again.syncedOffset)).toEqual(range(0, again.syncedOffset));
  });
});

describe('the folder', () => {
  test('of another topic that had the name is put aside', () => {
    const { disk, w } = written(10);
    const other = 'f'.repeat(32);
    const log = openLog(w, {}, { topicId: other });
    expect([log.startOffset, log.endOffset]).toEqual([0, 0]);
    expect(disk.list('/data')).toEqual(['flights-0', `flights-0.${TOPIC_ID}-stray`]);
    expect(damagesOf(w)).toMatchObject([{ what: 'the folder belongs to another topic of this name' }]);
  });

  test('a log whose bytes are all gone goes on at its start offset', () => {
    const { disk, w } = written(10);
    const log = openLog(w);
    log.deleteBefore(8);
    log.close(true);
    disk.remove(LOG_0);
    const again = openLog(w);
    expect([again.startOffset, again.endOffset]).toEqual([8, 8]);
    fill(again, 12);
    expect(readAll(w, again)).toEqual(range(8, 12));
  });

  test("Kafka's own layout is taken up: no checkpoint of ours, preallocated indexes", () => {
    const { disk, w } = written(30, { segmentBytes: 1000 });
    disk.remove(`${FOLDER}/spillway-checkpoint`);
    for (const name of disk.list(FOLDER).filter((one) => one.endsWith('index'))) disk.open(`${FOLDER}/${name}`, 'write').truncate(4096);
    const log = openLog(w, { segmentBytes: 1000 });
    expect(readCarefully(disk, log).records.map(({ offset }) => offset)).toEqual(range(0, 30));
    expect(log.damages).toEqual([]);
  });
});

function withValue(offset: number, value: Buffer): Buffer {
  const batch = batchAt(offset, { valueBytes: value.length + 200 });
  // The value begins with `<offset>:` and goes on with filling, of which a part becomes the inner batch.
  const at = batch.length - value.length - 20;
  value.copy(batch, at);
  batch.writeUInt32BE(crcAt(batch, 0), 17);
  return batch;
}
