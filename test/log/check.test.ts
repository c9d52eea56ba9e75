import { describe, expect, test } from 'vitest';
import { type CheckStep, type CheckSummary, checkFolder, type Finding } from '../../src/log/check.ts';
import { repairFolder } from '../../src/log/repair.ts';
import { CRC_AT } from '../../src/record/batch-layout.ts';
import type { Disk } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, FOLDER, fill, openLog, range, world } from './fixtures.ts';
import { readCarefully } from './reader.ts';
import { batchesOf, CHANGES, damaged, END, files, nameOf, original, START } from './sample.ts';

function check(disk: Disk, folder = '/data'): { findings: Finding[]; summary: CheckSummary; progress: CheckStep[] } {
  const steps = checkFolder(disk, folder);
  const findings: Finding[] = [];
  const progress: CheckStep[] = [];
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return { findings, summary: value, progress };
    if (value.kind === 'finding') findings.push(value.finding);
    else progress.push(value);
  }
}

function repair(disk: Disk): string[] {
  const told: string[] = [];
  for (const step of repairFolder(disk, '/data')) if (step.kind === 'repaired') told.push(step.did);
  return told;
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes[at] ^= 1 << (at % 8);
  return bytes;
};

describe('check', () => {
  test('a sound folder has no findings, and is counted', () => {
    const { findings, summary, progress } = check(original);
    expect(findings).toEqual([]);
    expect(summary).toMatchObject({ partitions: 1, segments: 3, records: END, damages: 0, quarantined: 0, stale: 0 });
    expect(progress.at(-1)).toMatchObject({ kind: 'progress', doneBytes: summary.bytes, totalBytes: summary.bytes });
    expect(check(original, FOLDER).summary).toEqual(summary);
  });

  test.each([...files])('finds every flipped byte of %s, with its position, and changes nothing', (path, bytes) => {
    const batches = path.endsWith('.log') ? batchesOf(bytes) : [];
    for (let at = 0; at < bytes.length; at++) {
      const { disk } = damaged(path, flip(at));
      const before = contentOf(disk);
      (disk as MemoryDisk).onCall = ({ changes, operation }) => {
        if (changes) throw new Error(`check calls ${operation}`);
        return null;
      };
      const { findings } = check(disk);
      const hits = findings.filter((finding) => finding.path === path);
      expect(hits.length, `byte ${at}`).toBeGreaterThan(0);
      const batch = batches.find(({ position, length }) => at >= position && at < position + length);
      if (batch !== undefined)
        expect(
          hits.map(({ position }) => position),
          `byte ${at}`,
        ).toContain(batch.position);
      expect(contentOf(disk)).toEqual(before);
    }
  });

  test('tells of what is torn, missing, left over and out of place', () => {
    const disk = original.image('kill');
    const last = disk.open(`${FOLDER}/00000000000000000019.log`, 'write');
    last.write([Buffer.from('half a batch')], last.size());
    disk.remove(`${FOLDER}/00000000000000000009.log`);
    disk.open(`${FOLDER}/00000000000000000099.snapshot`, 'create');
    disk.open(`${FOLDER}/x.tmp`, 'create');
    disk.makeFolder('/data/other-0.abc-delete');
    const { findings, summary } = check(disk);
    expect(findings.map(({ path, position, length, what, severity }) => [nameOf(path), position, length, severity, what])).toEqual([
      ['00000000000000000000.log', 458, 0, 'damage', 'bytes are missing (offsets 9 to 18)'],
      ['00000000000000000019.log', 388, 12, 'stale', 'the bytes end within a header; no sound batch follows'],
      ['00000000000000000009.index', 0, 24, 'stale', 'an index without its segment'],
      ['00000000000000000009.timeindex', 0, 36, 'stale', 'an index without its segment'],
      ['00000000000000000099.snapshot', 0, 0, 'stale', 'a producer snapshot beyond the end of the log, 27'],
      ['x.tmp', 0, 0, 'stale', 'it was about to replace another file'],
    ]);
    expect(summary).toMatchObject({ damages: 1, stale: 5 });
  });

  test('steps through a large segment, so that progress can be shown', () => {
    const disk = new MemoryDisk();
    const w = world(disk, 4096, 65_536);
    const log = openLog(w, { segmentBytes: 1 << 30 });
    const batch = batchAt(0, { valueBytes: 1 << 20 });
    while (log.endOffset < 140) {
      batch.writeUInt32BE(log.endOffset, 4);
      log.append(batch);
      log.flush();
      log.evict(1e9);
    }
    log.close(true);
    const { progress, summary } = check(disk);
    expect(summary.records).toBe(140);
    expect(progress.length).toBeGreaterThanOrEqual(3);
  });
});

describe('repair', () => {
  test.each([...files])('after any flipped byte of %s the folder is sound, and what could be saved is', (path, bytes) => {
    const batches = path.endsWith('.log') ? batchesOf(bytes) : [];
    for (let at = 0; at < bytes.length; at++) {
      const w = damaged(path, flip(at));
      expect(repair(w.disk).length, `byte ${at}`).toBeGreaterThan(0);
      const { summary, findings } = check(w.disk);
      expect({ damages: summary.damages, stale: summary.stale }, `byte ${at}: ${findings[0]?.what}`).toEqual({ damages: 0, stale: 0 });
      const batch = batches.find(({ position, length }) => at >= position && at < position + length);
      // What lies outside of the checksum can be told from the neighbours.
      const isMended = batch !== undefined && at - batch.position < CRC_AT;
      const lost = batch === undefined || isMended ? [] : batch.offsets;
      const log = openLog(w, CHANGES);
      const offsets = readCarefully(w.disk, log).records.map(({ offset }) => offset);
      expect(
        range(START, END).filter((offset) => !offsets.includes(offset) && !lost.includes(offset)),
        `byte ${at}`,
      ).toEqual([]);
      log.close(false);
    }
  });

  test('a crash at any call of a repair leaves a folder that can be repaired', () => {
    const path = `${FOLDER}/00000000000000000009.log`;
    for (let at = 1; ; at++) {
      const { disk } = damaged(path, flip(3));
      const memory = disk as MemoryDisk;
      memory.failAt(memory.calls + at, 'crash');
      try {
        repair(memory);
        return expect(at).toBeGreaterThan(20);
      } catch {
        for (const kind of ['kill', 'dropped', 'torn', 'reordered'] as const) {
          const left = world(memory.image(kind, at), 64, 1024);
          repair(left.disk);
          const { findings } = check(left.disk);
          expect(findings, `${kind} at call ${at}`).toEqual([]);
          const log = openLog(left, CHANGES);
          const { records } = readCarefully(left.disk, log);
          expect(
            records.map(({ offset }) => offset),
            `${kind} at call ${at}`,
          ).toEqual(range(START, END));
          log.close(false);
        }
      }
    }
  });

  test('says what it did', () => {
    const w = world();
    const log = openLog(w, { segmentBytes: 1000 });
    fill(log, 60);
    log.close(true);
    const disk = w.disk as MemoryDisk;
    const names = disk.list(FOLDER).filter((name) => name.endsWith('.log'));
    const first = disk.open(`${FOLDER}/${names[0]}`, 'write');
    first.write([Buffer.from('!!!!')], 300);
    const last = disk.open(`${FOLDER}/${names.at(-1)}`, 'write');
    last.truncate(last.size() - 1);
    expect(repair(disk)).toEqual(['offsets 3 to 3 are quarantined', 'offsets 59 to 59 are quarantined']);
    expect(check(disk).summary).toMatchObject({ damages: 0, quarantined: 2, stale: 0 });
    expect(repair(disk)).toEqual([]);
  });

  test('cuts the torn end that an unclean stop left', async () => {
    const w = world();
    const log = openLog(w);
    fill(log, 60);
    log.flush();
    await new Promise((done) => setImmediate(done));
    log.close(false);
    const disk = w.disk as MemoryDisk;
    const file = disk.open(`${FOLDER}/00000000000000000000.log`, 'write');
    file.truncate(file.size() - 1);
    expect(check(disk).summary).toMatchObject({ damages: 0, stale: 1 });
    expect(repair(disk)).toEqual([expect.stringMatching(/^the file was cut to \d+ bytes$/)]);
    expect(check(disk).findings).toEqual([]);
  });
});

function contentOf(disk: Disk): string {
  return [...(disk as MemoryDisk).files()].map(([path, bytes]) => `${path} ${bytes.toString('latin1')}`).join('\n');
}
