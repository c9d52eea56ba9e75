/** What the logs of a thread share, so that it has one bound for all of them: index files in memory, and open segment files. */
import { limits } from '../base/limits.ts';
import type { Disk } from '../world/disk.ts';
import { IndexCache } from './index-file.ts';

/** Something that holds a file open and can open it again. */
export interface FileHolder {
  /** Closing loses nothing: no sync of what was written through this descriptor is promised to anyone. */
  mayClose(): boolean;
  closeFile(): void;
}

/** Open files, the least recently used first. Beyond the bound, those that may be closed are. */
export class OpenFiles {
  readonly filesMax: number;
  readonly #open = new Set<FileHolder>();

  constructor(filesMax: number = limits.openFilesMax) {
    this.filesMax = filesMax;
  }

  get count(): number {
    return this.#open.size;
  }

  opened(holder: FileHolder): void {
    this.#open.add(holder);
    if (this.#open.size <= this.filesMax) return;
    for (const oldest of this.#open) {
      if (oldest !== holder && oldest.mayClose()) oldest.closeFile();
      if (this.#open.size <= this.filesMax) return;
    }
  }

  used(holder: FileHolder): void {
    // Order matters only when there may soon be too many.
    if (this.#open.size * 2 < this.filesMax || !this.#open.delete(holder)) return;
    this.#open.add(holder);
  }

  closed(holder: FileHolder): void {
    this.#open.delete(holder);
  }
}

/** Names given in a folder: how many, and how many of them a sync of the folder has covered. */
export interface FolderNames {
  given: number;
  synced: number;
}

export class LogShared {
  readonly indexes: IndexCache;
  readonly files: OpenFiles;
  readonly #names = new WeakMap<Disk, Map<string, FolderNames>>();

  constructor(indexes = new IndexCache(), files = new OpenFiles()) {
    this.indexes = indexes;
    this.files = files;
  }

  /** Of the folder that logs have their folders in: one sync covers the names of all that were made before it. */
  namesIn(disk: Disk, folder: string): FolderNames {
    const folders = this.#names.get(disk) ?? new Map<string, FolderNames>();
    this.#names.set(disk, folders);
    const names = folders.get(folder) ?? { given: 0, synced: 0 };
    folders.set(folder, names);
    return names;
  }
}

/** For logs that are not told otherwise: all of this thread. */
export const threadShared = new LogShared();
