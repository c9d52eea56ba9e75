/**
 * A file of fixed-size entries that only grows, and the newest of its entries in memory: those that are not in the file yet, and
 * those that its log wants at hand. Older ones are loaded whole when asked for, and shared memory for that is bounded. It knows
 * nothing of what entries mean.
 *
 *   entry    0 … first … written … count
 *            └ file ───────────┘
 *                   └ window ───────┘   in memory
 */
import { assert } from '../base/assert.ts';
import { MiB } from '../base/bytes.ts';
import { type Disk, DiskError, type DiskFile, readWhole, writeAll } from '../world/disk.ts';

/** Index files held in memory, over all logs that share it; the least recently used goes first. */
export class IndexCache {
  readonly bytesMax: number;
  readonly #held = new Map<IndexFile, Buffer>();
  #bytes = 0;

  constructor(bytesMax = 16 * MiB) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(file: IndexFile): Buffer | undefined {
    const bytes = this.#held.get(file);
    if (bytes === undefined) return undefined;
    this.#held.delete(file);
    this.#held.set(file, bytes);
    return bytes;
  }

  /** The newest entry stays even if it alone is larger than the bound. */
  put(file: IndexFile, bytes: Buffer): void {
    this.drop(file);
    this.#held.set(file, bytes);
    this.#bytes += bytes.length;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.bytesMax || oldest === file) return;
      this.drop(oldest);
    }
  }

  drop(file: IndexFile): void {
    const bytes = this.#held.get(file);
    if (bytes === undefined) return;
    this.#held.delete(file);
    this.#bytes -= bytes.length;
  }
}

const NOTHING = Buffer.alloc(0);

export class IndexFile {
  /** null: entries live in memory alone. */
  readonly path: string | null;
  readonly entryBytes: number;
  /** Entries in all. */
  count = 0;
  readonly #disk: Disk;
  readonly #cache: IndexCache;
  #window: Buffer = NOTHING;
  #first = 0;
  #written = 0;
  /** Entries in the file that no sync has covered. */
  #unsynced = false;

  constructor(disk: Disk, cache: IndexCache, path: string | null, entryBytes: number) {
    this.#disk = disk;
    this.#cache = cache;
    this.path = path;
    this.entryBytes = entryBytes;
  }

  /** The number of the first entry in the window. */
  get first(): number {
    return this.#first;
  }

  /** The entries from `first` on, at the start of this buffer. */
  get window(): Buffer {
    return this.#window;
  }

  /** Makes room for one more entry; where in `window` to write it. */
  grow(): number {
    const at = (this.count - this.#first) * this.entryBytes;
    if (at + this.entryBytes > this.#window.length) {
      const grown = Buffer.alloc(Math.max(this.#window.length * 2, 32 * this.entryBytes));
      grown.set(this.#window.subarray(0, at));
      this.#window = grown;
    }
    this.count++;
    return at;
  }

  /** The entries below `first`, from the file; fewer than that when the file is short, which is the caller's to notice. */
  older(): Buffer {
    if (this.#first === 0 || this.path === null) return NOTHING;
    let bytes = this.#cache.get(this);
    if (bytes === undefined || bytes.length < this.#first * this.entryBytes) {
      bytes = readWhole(this.#disk, this.path) ?? NOTHING;
      this.#cache.put(this, bytes);
    }
    const whole = bytes.length - (bytes.length % this.entryBytes);
    return bytes.subarray(0, Math.min(whole, this.#first * this.entryBytes));
  }

  /** Says that the file holds `count` entries, and none are in memory. */
  onFile(count: number): void {
    this.#cache.drop(this);
    this.count = count;
    this.#first = count;
    this.#written = count;
    this.#window = NOTHING;
  }

  /** Forgets entries from `count` on. Those in the file beyond it are cut when the next ones are written. */
  truncate(count: number): void {
    assert(count <= this.count, 'a truncation does not add entries');
    this.#cache.drop(this);
    if (count < this.#first) {
      this.#first = count;
      this.#window = NOTHING;
    }
    this.count = count;
    this.#written = Math.min(this.#written, count);
  }

  /** Whether entries wait to be written. */
  get dirty(): boolean {
    return this.path !== null && this.#written < this.count;
  }

  /** Writes what the file lacks, and cuts what it has too much. */
  write(): void {
    if (this.path === null) return;
    const from = (this.#written - this.#first) * this.entryBytes;
    const to = (this.count - this.#first) * this.entryBytes;
    const file = this.#disk.open(this.path, 'create');
    try {
      if (to > from) writeAll(file, [this.#window.subarray(from, to)], this.#written * this.entryBytes);
      if (file.size() !== this.count * this.entryBytes) file.truncate(this.count * this.entryBytes);
    } finally {
      file.close();
    }
    this.#written = this.count;
    this.#unsynced = true;
  }

  /** Whether the file holds what no sync has covered. */
  get unsynced(): boolean {
    return this.#unsynced;
  }

  sync(): void {
    if (!this.#unsynced || this.path === null) return;
    const file = this.#disk.open(this.path, 'write');
    try {
      file.sync();
      this.#unsynced = false;
    } finally {
      file.close();
    }
  }

  /** As `sync`, off the thread; `done` tells whether it could. */
  syncLater(done: (synced: boolean) => void): void {
    if (!this.#unsynced || this.path === null) return done(true);
    let file: DiskFile;
    try {
      file = this.#disk.open(this.path, 'write');
    } catch (error) {
      if (error instanceof DiskError) return done(false);
      throw error;
    }
    const { count } = this;
    file.syncLater((error) => {
      if (error === null && count === this.count) this.#unsynced = false;
      done(error === null);
    });
    file.close();
  }

  /** Lets entries below `number` leave memory. They are in the file by then, unless there is none: then they are gone. */
  release(number: number): void {
    const first = Math.min(number, this.count);
    if (first <= this.#first) return;
    if (this.dirty && this.#written < first) this.write();
    this.#window = Buffer.from(
      this.#window.subarray((first - this.#first) * this.entryBytes, (this.count - this.#first) * this.entryBytes),
    );
    this.#first = first;
  }

  /** Removes the file. */
  remove(): void {
    this.#cache.drop(this);
    if (this.path !== null) this.#disk.remove(this.path);
  }

  /** Gives memory back; the object is not used again. */
  close(): void {
    this.#cache.drop(this);
  }
}

/** Runs a write of an index. An index can be made again from its log, so a disk that refuses costs nothing but that. */
export function tolerant(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  }
}
