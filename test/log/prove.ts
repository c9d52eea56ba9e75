/** Proves what a damaged sample still gives: nothing wrong, nothing lost beyond the damaged batch, the same at a second start. Throws. */
import type { MemoryDisk } from '../../src/world/memory-disk.ts';
import { openLog, range, type World } from './fixtures.ts';
import { readCarefully } from './reader.ts';
import { batchesOf, CHANGES, damaged, END, files, START } from './sample.ts';

/** Storage calls that any of these starts and reads takes at most: a log that goes in circles is found by them. */
const CALLS_MAX = 3000;

export interface Change {
  path: string;
  /** A byte is changed by this mask, or the file is cut there when it is 0. */
  at: number;
  mask: number;
  clean: boolean;
}

/** Changes one byte of a file of the sample, or cuts it, and looks at what is left. */
export function prove({ path, at, mask, clean }: Change): void {
  const w = damaged(path, (bytes) => {
    if (mask === 0) return bytes.subarray(0, at);
    bytes[at] ^= mask;
    return bytes;
  });
  const batches = path.endsWith('.log') ? batchesOf(files.get(path) ?? Buffer.alloc(0)) : [];
  const lost = batches.filter(({ position, length }) => (mask === 0 ? position + length > at : at >= position && at < position + length));
  proveLeft(
    w,
    clean,
    lost.flatMap(({ offsets }) => offsets),
  );
}

/** Opens a log that may lack these offsets of the sample, and no others. */
export function proveLeft(w: World, clean: boolean, mayLack: readonly number[]): void {
  const disk = w.disk as MemoryDisk;
  const most = disk.calls + CALLS_MAX;
  disk.onCall = ({ number }) => {
    if (number > most) throw new Error('too many storage calls');
    return null;
  };
  const log = openLog(w, CHANGES, { clean });
  const { records } = readCarefully(disk, log);
  let last = -1;
  for (const { offset, value } of records) {
    if (offset <= last) throw new Error(`offset ${offset} after ${last}`);
    if (value !== `${offset}:`.padEnd(8, 'x')) throw new Error(`offset ${offset} holds ${value}`);
    last = offset;
  }
  const found = new Set(records.map(({ offset }) => offset));
  const lost = range(START, END).filter((offset) => !mayLack.includes(offset) && !found.has(offset));
  if (lost.length > 0) throw new Error(`offsets ${lost} are lost`);
  const lastTold = w.visited.at(-1) ?? w.loaded.at(-1)?.lastOffset ?? -1;
  if (mayLack.length === 0 && lastTold < END - 3) throw new Error(`the producer's last batch is said to begin at ${lastTold}`);
  log.close(false);
  // Damage is remembered: another start finds the same.
  const again = openLog(w, CHANGES);
  const later = readCarefully(disk, again).records;
  const same = records.filter(({ offset }) => offset >= again.startOffset);
  if (JSON.stringify(later) !== JSON.stringify(same)) throw new Error(`another start finds ${later.length} records and not ${same.length}`);
  again.close(false);
}

const BITS = [1, 2, 4, 8, 16, 32, 64, 128, 255];

/** All changes of a file: with `all`, every bit of every byte at clean and unclean starts; else each byte once. */
export function* changesOf(path: string, all: boolean): Generator<Change> {
  const { length } = files.get(path) ?? Buffer.alloc(0);
  for (let at = 0; at < length; at++) {
    const starts = all ? [true, false] : [at % 2 === 0];
    for (const clean of starts) {
      for (const mask of all ? BITS : [1 << (at % 8)]) yield { path, at, mask, clean };
      yield { path, at, mask: 0, clean: all ? clean : !clean };
    }
  }
}
