/**
 * `listening` in the data folder: where its owner serves Kafka's clients, so that whoever finds the folder taken can be told to connect
 * there. A courtesy like `owner.pid`: nothing rests on it, it is not synced, and a disk that refuses it keeps nobody from listening.
 *
 *   pid of the owner, a line for each address: host:port, or unix: and a path
 */
import { join } from 'node:path';
import { type Disk, DiskError, readWhole, writeAll } from '../world/disk.ts';
import type { ServerAddress } from '../world/net.ts';

export const listeningName = 'listening';

/** What a client on this machine is told to connect to: an address that means "all of them" is reached by the loopback. */
export function localAddress({ host, port, path }: ServerAddress): string {
  if (path !== null) return `unix:${path}`;
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

/** Says where this process listens; with no address the note goes away. */
export function noteListening(disk: Disk, folder: string, pid: number, addresses: readonly string[]): void {
  const path = join(folder, listeningName);
  try {
    if (addresses.length === 0) {
      if (disk.stat(path) !== null) disk.remove(path);
      return;
    }
    const file = disk.open(path, 'create');
    try {
      file.truncate(0);
      writeAll(file, [Buffer.from(`${[pid, ...addresses].join('\n')}\n`)], 0);
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Where the process `pid` listens, as far as its note tells; a note of another process is an old one. */
export function notedAddresses(disk: Disk, folder: string, pid: number): string[] {
  const [owner, ...addresses] = (readWhole(disk, join(folder, listeningName))?.toString('utf8') ?? '').split('\n');
  return owner === String(pid) ? addresses.filter((address) => address !== '') : [];
}
