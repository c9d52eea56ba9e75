/** Reads slices of segment files on the asking thread: what a fetch answers with when the bytes are not in memory any more. */
import { batchBytes } from '../record/batch-layout.ts';
import { validateBatch } from '../record/batch-read.ts';
import type { Disk, DiskError, DiskFile } from '../world/disk.ts';

const FILES_OPEN_MAX = 64;

export class Slices {
  readonly #disk: Disk;
  /** Least recently used first. */
  readonly #files = new Map<string, DiskFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Reads into a buffer of its own; `done` comes later. A file that is gone was deleted by retention: the asker fetches again. */
  read(path: string, position: number, length: number, done: (error: DiskError | null, bytes: Buffer | null) => void): void {
    let file: DiskFile;
    try {
      file = this.#open(path);
    } catch (error) {
      return done(error as DiskError, null);
    }
    const bytes = Buffer.from(new ArrayBuffer(length));
    file.readLater(bytes, position, (error, count) => done(error, error === null ? bytes.subarray(0, count) : null));
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #open(path: string): DiskFile {
    const known = this.#files.get(path);
    if (known !== undefined) {
      this.#files.delete(path);
      this.#files.set(path, known);
      return known;
    }
    const file = this.#disk.open(path, 'read');
    this.#files.set(path, file);
    if (this.#files.size > FILES_OPEN_MAX) {
      const oldest = this.#files.entries().next();
      if (!oldest.done) {
        this.#files.delete(oldest.value[0]);
        oldest.value[1].close();
      }
    }
    return file;
  }
}

/** Whether these whole batches match their CRCs: what comes from a file is checked before anyone reads it. */
export function isSound(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) if (validateBatch(bytes, at, bytes.length) !== 0) return false;
  return true;
}
