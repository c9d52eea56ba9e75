/** The calls of a disk in memory, as whoever watches it is told of them before they are carried out, and what he may have them do. */

export type StorageOperation =
  | 'open'
  | 'create'
  | 'list'
  | 'stat'
  | 'makeFolder'
  | 'rename'
  | 'remove'
  | 'removeFolder'
  | 'syncFolder'
  | 'freeBytes'
  | 'size'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync';

/** One call of the disk, before it is carried out. */
export interface StorageCall {
  /** 1 for the first. */
  number: number;
  /** When it was asked for, which is earlier for a sync that is carried out later; `asked` of the disk tells of the last so far. */
  asked: number;
  operation: StorageOperation;
  path: string;
  /** Whether it changes what is on the disk. */
  changes: boolean;
}

/** EIO, ENOSPC: the call fails. short: a write takes half of its bytes. crash: it fails, and so does every later one. */
export type StorageFault = 'EIO' | 'ENOSPC' | 'short' | 'crash';

/** What changes something on the disk. */
export const CHANGING: ReadonlySet<StorageOperation> = new Set<StorageOperation>([
  'create',
  'makeFolder',
  'rename',
  'remove',
  'removeFolder',
  'syncFolder',
  'write',
  'truncate',
  'sync',
]);
