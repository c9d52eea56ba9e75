/**
 * What of the data folder is the coordinator's business: the names in it, the clean marker, the removal of partitions that no host
 * carries any more, and finding topics again when the database is lost. What is inside a partition's folder is the log's.
 *
 *   spillway.db          the database, and the lock (store.ts)
 *   owner.pid            process id of the owner, for the message to a second one
 *   listening            where it serves Kafka's clients, for the same message (bus/listening-note.ts)
 *   topics.copy          topics with their configurations, for when the database is lost (topics-copy.ts)
 *   clean                written as the last act of a clean close, removed by the next start
 *   <topic>-<n>/         a partition; partition.metadata and spillway-checkpoint in it name the topic's id
 *   *-delete, *-stray    a partition being removed; one that no topic claims, put aside and never removed
 */
import { join } from 'node:path';
import { BusError } from '../base/errors.ts';
import { asideName } from '../world/aside-name.ts';
import { type Disk, DiskError, readWhole, replaceWhole } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import { checkTopicName } from './names.ts';
import { copyName } from './topics-copy.ts';

export const databaseName = 'spillway.db';
export const ownerName = 'owner.pid';
const cleanName = 'clean';
/** Files that were about to replace others. */
const temporaryNames: ReadonlySet<string> = new Set([`${copyName}.tmp`, `${cleanName}.tmp`]);
const metadataName = 'partition.metadata';
const checkpointName = 'spillway-checkpoint';

/** Why a folder cannot be opened, for whoever opens the bus. */
export function folderRefusal(error: unknown, folder: string): BusError {
  if (error instanceof BusError) return error;
  const full = error instanceof DiskError && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  const reason = error instanceof Error ? error.message : String(error);
  const advice = full ? 'free some space' : 'it must be a folder, or a path where one can be made, that this process may write';
  return new BusError(full ? 'DISK_FULL' : 'FOLDER_INVALID', `the data folder ${folder} cannot be opened: ${reason}; ${advice}`, {
    cause: error,
    details: { folder, ...(error instanceof DiskError ? { errno: error.code } : {}) },
  });
}

export interface PartitionFolder {
  folder: string;
  topic: string;
  partition: number;
  /** 32 hexadecimal digits; '' when its file is missing or unreadable. */
  topicId: string;
}

export interface ExpectedPartition {
  topic: string;
  partition: number;
  topicId: string;
}

export function partitionFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Whether the last owner closed cleanly. The marker is gone when this returns, durably: nothing may be written before. */
export function takeCleanMarker(disk: Disk, folder: string): boolean {
  const path = join(folder, cleanName);
  if (disk.stat(path) === null) return false;
  disk.remove(path);
  disk.syncFolder(folder);
  return true;
}

export function writeCleanMarker(disk: Disk, folder: string, nowMs: number): void {
  replaceWhole(disk, join(folder, cleanName), Buffer.from(`version: 0\nclosed_ms: ${nowMs}\n`));
}

/** Folders of partitions, with the topic ids that they name. */
export function listPartitions(disk: Disk, folder: string): PartitionFolder[] {
  return disk
    .list(folder)
    .map((name) => readPartition(disk, folder, name))
    .filter((found) => found !== null);
}

/** A partition folder's topic and number, or null when the name is none of a partition. */
export function parseFolderName(name: string): { topic: string; partition: number } | null {
  const match = /^(.+)-(0|[1-9]\d{0,4})$/.exec(name);
  if (match === null || checkTopicName(match[1]) !== null) return null;
  return { topic: match[1], partition: Number(match[2]) };
}

/**
 * Removes what is left of a partition, whoever should have done so; nothing when it is gone. A folder that names another topic's id
 * is that topic's, and stays.
 */
export function removePartition(disk: Disk, folder: string, { topic, partition, topicId }: ExpectedPartition): void {
  const path = join(folder, partitionFolderName(topic, partition));
  if (disk.stat(path) === null) return;
  const named = readTopicId(disk, path);
  if (named !== '' && named !== topicId) return;
  // Its metadata goes last, so that a removal that is cut short is taken up again by the next start.
  for (const name of disk.list(path)) if (name !== metadataName) disk.removeFolder(join(path, name));
  disk.removeFolder(path);
}

/**
 * At start: ends removals that were cut short, removes files that were about to replace others (a power loss or a full disk may leave one that
 * nothing would replace again), and puts aside folders that no topic claims. Answers what it put aside. What fails is left to the next
 * start: a name too many harms nobody.
 */
export function sweep(disk: Disk, folder: string, isClaimed: (folderName: string) => boolean, log: Logger): PartitionFolder[] {
  const strays: PartitionFolder[] = [];
  for (const name of disk.list(folder)) {
    if (isClaimed(name)) continue;
    try {
      if (/-\d+\..+-delete$/.test(name) && disk.stat(join(folder, name))?.isDirectory) disk.removeFolder(join(folder, name));
      if (temporaryNames.has(name)) disk.remove(join(folder, name));
      const stray = readPartition(disk, folder, name);
      if (stray !== null) strays.push(putAside(disk, folder, stray));
    } catch (error) {
      log.warn({ folder: name, error: String(error) }, 'what belongs to no topic could not be cleared away');
    }
  }
  return strays;
}

/** Keeps a partition that is no topic's under another name. */
export function putAside(disk: Disk, folder: string, stray: PartitionFolder): PartitionFolder {
  const aside = asideName(stray.folder, stray.topicId || 'unknown', '-stray');
  disk.rename(join(folder, stray.folder), join(folder, aside));
  disk.syncFolder(folder);
  return { ...stray, folder: aside };
}

/** A stranger's folder may be called "backup-2024": only one that holds a segment or names a topic is a partition. */
function readPartition(disk: Disk, folder: string, name: string): PartitionFolder | null {
  const parsed = parseFolderName(name);
  const path = join(folder, name);
  if (parsed === null || disk.stat(path)?.isDirectory !== true) return null;
  if (!disk.list(path).some((file) => file === metadataName || /^\d{20}\.log$/.test(file))) return null;
  return { folder: name, ...parsed, topicId: readTopicId(disk, path) };
}

/** From partition.metadata, as Kafka writes it, or from the log's own checkpoint, which has a line `topic_id …` too. */
function readTopicId(disk: Disk, folder: string): string {
  return readId(disk, join(folder, metadataName)) || readId(disk, join(folder, checkpointName));
}

/** 32 hexadecimal digits, or Kafka's base64. */
function readId(disk: Disk, path: string): string {
  const text = readWhole(disk, path)?.toString('latin1') ?? '';
  const value = /^topic_id:? +(\S+)\s*$/m.exec(text)?.[1] ?? '';
  if (/^[0-9a-fA-F]{32}$/.test(value)) return value.toLowerCase();
  if (!/^[A-Za-z0-9_-]{22}$/.test(value)) return '';
  return Buffer.from(value, 'base64url').toString('hex');
}
