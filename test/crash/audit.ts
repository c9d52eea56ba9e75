/** Opens what a crash left and compares it with the auditor's notes. Throws with what does not hold. */
import { type CheckSummary, checkFolder } from '../../src/log/check.ts';
import type { Log } from '../../src/log/log.ts';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { Arena } from '../../src/world/arena.ts';
import type { CrashKind, MemoryDisk } from '../../src/world/memory-disk.ts';
import { readCarefully } from '../log/reader.ts';
import { type Actor, type Notes, openNoted, producersOf } from './actor.ts';
import type { ManualClock } from './clock.ts';

/** A copy of the notes as they are now. */
export function notesOf(actors: readonly Actor[]): Notes[] {
  return actors.map((actor) => {
    actor.note();
    return { ...actor.notes, values: new Map(actor.notes.values) };
  });
}

/** Which of a partition's offsets must be there after a crash of this kind. */
export function requiredEnd({ written, synced, committed, config }: Notes, kind: CrashKind): number {
  if (kind === 'kill') return Math.max(written, committed);
  return config.durability === 'synced' ? Math.max(synced, committed) : 0;
}

/** Opens every partition of an image, reads it, lives on with it for a moment, checks the folder, and opens it again. */
export function auditImage(disk: MemoryDisk, notes: readonly Notes[], kind: CrashKind, clean: boolean): void {
  const clock = disk.clock as ManualClock;
  for (const one of notes) {
    if (one.certain || disk.stat(one.folder) !== null) auditPartition(disk, clock, one, kind, clean);
  }
  const summary = checkAll(disk);
  if (summary.damages + summary.stale > 0) throw new Error(`check finds ${JSON.stringify(summary)} after a clean close`);
}

function auditPartition(disk: MemoryDisk, clock: ManualClock, notes: Notes, kind: CrashKind, clean: boolean): void {
  const arena = Arena.create({ framesMax: 64, frameBytes: 1024, slotsMax: 1 });
  const told = { lastOffset: -1 };
  const where = `${notes.folder}, ${kind}`;
  const log = openNoted(disk, arena, 0, notes, { clean, adopt: false }, () => producersOf(told.lastOffset), told);
  const required = notes.certain ? requiredEnd(notes, kind) : 0;
  const first = compare(disk, log, notes, required, where);
  // A producer that sends its last batch again must be known by it, and by no batch that is lost.
  const last = first.at(-1)?.offset ?? told.lastOffset;
  if (told.lastOffset !== last)
    throw new Error(`${where}: the producer's last batch is said to end at ${told.lastOffset}, it ends at ${last}`);
  const offset = log.endOffset;
  append(log, offset);
  told.lastOffset = offset;
  log.flush();
  if (log.config.durability === 'synced') {
    log.syncLater(() => {});
    clock.turn();
  }
  log.close(true);
  const again = openNoted(disk, arena, 0, notes, { clean: true, adopt: false }, () => producersOf(offset));
  const records = readCarefully(disk, again).records;
  const expected = [...first, { offset, value: 'afterwards' }];
  if (JSON.stringify(records) !== JSON.stringify(expected)) {
    throw new Error(`${where}: another start finds ${describe(records)} where there was ${describe(expected)}`);
  }
  again.close(true);
}

function compare(disk: MemoryDisk, log: Log, notes: Notes, required: number, where: string): { offset: number; value: string }[] {
  const { records } = readCarefully(disk, log);
  let last = -1;
  for (const { offset, value } of records) {
    if (offset <= last) throw new Error(`${where}: offset ${offset} after ${last}`);
    last = offset;
    const values = notes.values.get(offset) ?? [];
    const isRight = offset < required ? values.at(-1) === value : values.includes(value);
    if (!isRight) throw new Error(`${where}: offset ${offset} holds ${value} and not ${values.join(' or ')}`);
  }
  if (log.endOffset < required) throw new Error(`${where}: ends at ${log.endOffset} and not ${required}`);
  if (log.startOffset < notes.startAtLeast) throw new Error(`${where}: starts at ${log.startOffset}, before ${notes.startAtLeast}`);
  const found = new Set(records.map(({ offset }) => offset));
  for (let offset = Math.max(notes.startAtMost, notes.startAtLeast); offset < required; offset++) {
    if (!found.has(offset)) {
      throw new Error(`${where}: offset ${offset} of ${notes.startAtMost} to ${required} is lost; there is ${describe(records)}`);
    }
  }
  return records;
}

/** Compares logs that are open, after faults that they lived through. */
export function auditLive(disk: MemoryDisk, actors: readonly Actor[]): void {
  for (const { log, notes } of actors) {
    if (log !== null) compare(disk, log, notes, Math.min(notes.committed, log.endOffset), `${notes.folder}, live`);
    if (log !== null && log.endOffset < notes.committed)
      throw new Error(`${notes.folder}: ends at ${log.endOffset} before ${notes.committed}`);
  }
}

function append(log: Log, offset: number): void {
  const writer = new BatchWriter({ bytesMax: 1000, compression: 0 });
  writer.append(1, null, Buffer.from('afterwards'), null);
  const batch = Buffer.from(writer.seal({ producerId: 1, producerEpoch: 0, baseSequence: offset }));
  stampBatch(batch, 0, offset, 0);
  if (!log.append(batch)) throw new Error('the arena is full');
}

function checkAll(disk: MemoryDisk): CheckSummary {
  const steps = checkFolder(disk, '/data');
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (value.kind === 'finding' && value.finding.severity !== 'quarantined') {
      const { path, position, length, what } = value.finding;
      throw new Error(`after a clean close check finds ${path} at ${position}, ${length}: ${what}`);
    }
  }
}

function describe(records: readonly { offset: number }[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < records.length; ) {
    let j = i;
    while (j + 1 < records.length && records[j + 1].offset === records[j].offset + 1) j++;
    ranges.push(`${records[i].offset}–${records[j].offset}`);
    i = j + 1;
  }
  return ranges.join(', ') || 'nothing';
}
