/**
 * The only door to the file system. Calls are synchronous, because an actor's turn runs to its end, apart from the sync of a
 * file and the read of a cold slice, whose ends are events. Every call throws or reports a `DiskError`.
 */
import type { Dirent } from 'node:fs';
import { dirname, join } from 'node:path';

// An import of it would have Node load all that it ever gives (streams, promises), 1.5 ms of every thread's start.
const fs = process.getBuiltinModule('node:fs');

/** A failed storage call. `code` is the operating system's name of the error (ENOSPC, EIO, ENOENT …). */
export class DiskError extends Error {
  override name = 'DiskError';
  readonly code: string;
  readonly path: string;
  constructor(code: string, operation: string, path: string, cause?: unknown) {
    super(`${operation} of ${path} failed: ${code}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

export interface DiskFile {
  readonly path: string;
  /** Its size in bytes now. */
  size(): number;
  /** Fills `into` from `position`; the count read is less than asked only at the end of the file. */
  read(into: Uint8Array, position: number): number;
  /** As `read`, without blocking the thread; `done` is called later with the count or the error. */
  readLater(into: Uint8Array, position: number, done: (error: DiskError | null, count: number) => void): void;
  /** Writes the chunks one after the other at `position`; the count written may be less than asked (a short write). */
  write(chunks: readonly Uint8Array[], position: number): number;
  truncate(size: number): void;
  /** fdatasync, blocking: data and the size are durable when it returns. */
  sync(): void;
  /** fdatasync off the thread; covers every write that returned before this call. */
  syncLater(done: (error: DiskError | null) => void): void;
  close(): void;
}

export interface FileStat {
  size: number;
  isDirectory: boolean;
  modifiedMs: number;
}

export interface Disk {
  /** 'read': must exist. 'write': must exist, read and write. 'create': made if absent, read and write, never truncated. */
  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile;
  /** Names within a folder, sorted; empty when the folder does not exist. */
  list(folder: string): string[];
  stat(path: string): FileStat | null;
  /** Makes the folder and its parents; no error when it exists. */
  makeFolder(path: string): void;
  rename(from: string, to: string): void;
  /** Removes a file; no error when it does not exist. What a large one took is free some time later. */
  remove(path: string): void;
  /** Removes a folder and all within it; no error when it does not exist. */
  removeFolder(path: string): void;
  /** Makes renames, creations and removals within a folder durable (fsync of the folder). */
  syncFolder(path: string): void;
  /** Bytes that may still be written in the file system of `path`. */
  freeBytes(path: string): number;
  /** Bytes that the file system of `path` has in all, used and free. */
  totalBytes(path: string): number;
}

/** The whole content of a file, or null when it does not exist. For small files: checkpoints, markers, indexes. */
export function readWhole(disk: Disk, path: string): Buffer | null {
  const stat = disk.stat(path);
  if (stat === null || stat.isDirectory) return null;
  const file = disk.open(path, 'read');
  try {
    const bytes = Buffer.from(new ArrayBuffer(file.size()));
    const count = file.read(bytes, 0);
    return bytes.subarray(0, count) as Buffer;
  } finally {
    file.close();
  }
}

/** Writes all chunks at `position`, going on after short writes. */
export function writeAll(file: DiskFile, chunks: readonly Uint8Array[], position: number): void {
  let left = chunks;
  let at = position;
  while (left.length > 0) {
    let count = file.write(left, at);
    if (count === 0 && left.some(({ length }) => length > 0)) throw new DiskError('EIO', 'write (nothing taken)', file.path);
    at += count;
    let first = 0;
    while (first < left.length && count >= left[first].length) count -= left[first++].length;
    if (first === left.length) return;
    left = [left[first].subarray(count), ...left.slice(first + 1)];
  }
}

/** Replaces a file whole: temp file, sync, rename, sync of the folder. A reader sees the old bytes or the new, never a mix. */
export function replaceWhole(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  disk.remove(temporary);
  const file = disk.open(temporary, 'create');
  try {
    if (bytes.length > 0) writeAll(file, [bytes], 0);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  disk.syncFolder(dirname(path));
}

class RealFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;
  #closed = false;
  #pending = 0;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  size(): number {
    return attempt('stat', this.path, () => fs.fstatSync(this.#fd).size);
  }

  read(into: Uint8Array, position: number): number {
    let count = 0;
    while (count < into.length) {
      const got = attempt('read', this.path, () => fs.readSync(this.#fd, into, count, into.length - count, position + count));
      if (got === 0) break;
      count += got;
    }
    return count;
  }

  readLater(into: Uint8Array, position: number, done: (error: DiskError | null, count: number) => void): void {
    this.#pending++;
    const step = (count: number): void => {
      fs.read(this.#fd, into, count, into.length - count, position + count, (error, got) => {
        if (error === null && got > 0 && count + got < into.length) return step(count + got);
        this.#release();
        done(error === null ? null : wrap(error, 'read', this.path), count + (got ?? 0));
      });
    };
    step(0);
  }

  write(chunks: readonly Uint8Array[], position: number): number {
    return attempt('write', this.path, () =>
      chunks.length === 1
        ? fs.writeSync(this.#fd, chunks[0], 0, chunks[0].length, position)
        : fs.writevSync(this.#fd, chunks.length > IOV_MAX ? chunks.slice(0, IOV_MAX) : chunks, position),
    );
  }

  truncate(size: number): void {
    attempt('truncate', this.path, () => fs.ftruncateSync(this.#fd, size));
  }

  sync(): void {
    attempt('fdatasync', this.path, () => fs.fdatasyncSync(this.#fd));
  }

  syncLater(done: (error: DiskError | null) => void): void {
    this.#pending++;
    fs.fdatasync(this.#fd, (error) => {
      this.#release();
      done(error === null ? null : wrap(error, 'fdatasync', this.path));
    });
  }

  /** The descriptor is closed once no call of the thread pool uses it: closing earlier would let a stranger reuse its number. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending === 0) attempt('close', this.path, () => fs.closeSync(this.#fd));
  }

  #release(): void {
    this.#pending--;
    if (this.#closed && this.#pending === 0) fs.closeSync(this.#fd);
  }
}

/** The most chunks that one writev takes on Linux and macOS. */
const IOV_MAX = 1024;

export const realDisk: Disk = {
  open(path, mode) {
    const flags =
      mode === 'read' ? fs.constants.O_RDONLY : mode === 'write' ? fs.constants.O_RDWR : fs.constants.O_RDWR | fs.constants.O_CREAT;
    return new RealFile(
      path,
      attempt('open', path, () => fs.openSync(path, flags, 0o644)),
    );
  },
  list(folder) {
    // Cheaper than the error of a folder that is not there, which every new partition would make.
    if (!fs.existsSync(folder)) return [];
    try {
      return fs.readdirSync(folder).sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw wrap(error, 'list', folder);
    }
  },
  stat(path) {
    const stat = attempt('stat', path, () => fs.statSync(path, { throwIfNoEntry: false }));
    return stat === undefined ? null : { size: stat.size, isDirectory: stat.isDirectory(), modifiedMs: stat.mtimeMs };
  },
  makeFolder,
  rename: (from, to) => attempt('rename', from, () => fs.renameSync(from, to)),
  remove: (path) => attempt('remove', path, () => removeFile(path)),
  removeFolder(path) {
    attempt('remove', path, () => {
      for (const { name } of entriesOf(path).filter((entry) => entry.isFile())) removeFile(join(path, name));
      fs.rmSync(path, { force: true, recursive: true });
    });
  },
  syncFolder(path) {
    attempt('fsync', path, () => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY);
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  },
  freeBytes(path) {
    return attempt('statfs', path, () => {
      const stat = fs.statfsSync(path);
      return stat.bavail * stat.bsize;
    });
  },
  totalBytes(path) {
    return attempt('statfs', path, () => {
      const stat = fs.statfsSync(path);
      return stat.blocks * stat.bsize;
    });
  },
};

/**
 * Takes the name away at once. What the kernel needs for the rest, 0.2 to 0.4 s for a segment of 1 GiB, falls to whoever closes the file
 * last: that is done off the thread, so that a turn takes 0.1 ms. A crash leaves nothing to be tidied up.
 */
function removeFile(path: string): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || stat.size < LARGE_BYTES) return fs.rmSync(path, { force: true });
  const fd = openIfPossible(path);
  fs.rmSync(path, { force: true });
  if (fd !== null) fs.close(fd, () => {});
}

/** From here on the kernel takes more than a few milliseconds to take a file apart. */
const LARGE_BYTES = 16 * 1024 * 1024;

function openIfPossible(path: string): number | null {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY);
  } catch {
    return null;
  }
}

function entriesOf(folder: string): Dirent[] {
  return fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? fs.readdirSync(folder, { withFileTypes: true }) : [];
}

/**
 * Makes a folder and those above it that are missing. Not by `recursive: true`: Node tries without end where a parent exists that
 * takes no folders, such as /proc. An error names the one that could not be made.
 */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  attempt('mkdir', path, () => {
    try {
      fs.mkdirSync(path);
    } catch (error) {
      // Another process may have been quicker.
      if (!isFolder(path)) throw error;
    }
  });
}

function isFolder(path: string): boolean {
  return attempt('stat', path, () => fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

function attempt<T>(operation: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw wrap(error, operation, path);
  }
}

function wrap(error: unknown, operation: string, path: string): DiskError {
  return error instanceof DiskError ? error : new DiskError(errnoOf(error), operation, path, error);
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException)?.code ?? 'EUNKNOWN';
}
