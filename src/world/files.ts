/** Files and folders that a user names on a command line: read as streams, outside the data folder. What the bus owns goes through disk.ts. */
import { createReadStream, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskError } from './disk.ts';

const CHUNK_BYTES = 256 * 1024;

/** The bytes of a file, in pieces. Throws DiskError. */
export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) yield chunk as Buffer;
  } catch (error) {
    throw new DiskError((error as NodeJS.ErrnoException).code ?? 'EUNKNOWN', 'read', path, error);
  }
}

/** Bytes of a file, or null where there is none whose size means anything (a pipe, a folder, nothing). */
export function fileBytes(path: string): number | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : null;
}

/** Whether there is something of that name to read: a file, a pipe. */
export function fileExists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** A fresh folder that is the caller's to remove. */
export function makeTemporaryFolder(prefix: string): string {
  return mkdtempSync(join(tmpdir(), prefix));
}
