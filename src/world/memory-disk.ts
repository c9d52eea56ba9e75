/**
 * A disk in memory that remembers what a power loss would leave: of every file the bytes written and the bytes synced, of every
 * folder the names given and the names synced, and in between the operations that are still on their way. Storage calls are
 * numbered and can be made to fail. It knows nothing of logs.
 *
 *   write, truncate ─▶ written image ─(pending, in order)─ sync ──────▶ synced image of the file
 *   create, rename, remove ─▶ names ──(pending, in order)─ syncFolder ─▶ synced names of the folder
 *
 * As on Linux, a failed sync leaves the pages marked clean: what was pending is forgotten, stays readable, and a later sync that
 * succeeds says nothing about it.
 */
import { assert } from '../base/assert.ts';
import { MiB } from '../base/bytes.ts';
import { type Clock, realClock } from './clock.ts';
import { type Disk, DiskError, type DiskFile, type FileStat } from './disk.ts';
import { imageOf } from './memory-disk-image.ts';
import { FileNode, FolderNode, type NameChange, type Node } from './memory-disk-nodes.ts';
import { CHANGING, type StorageCall, type StorageFault, type StorageOperation } from './storage-calls.ts';

export type { StorageCall, StorageFault, StorageOperation };

/**
 * What is left after the machine stopped. kill: everything written, since the kernel lives on. dropped: what was synced. torn:
 * besides, some of the 512-byte sectors of each unsynced write, and the oldest of the unsynced names. reordered: any of the
 * unsynced writes and names.
 */
export type CrashKind = 'kill' | 'dropped' | 'torn' | 'reordered';

export interface MemoryDiskOptions {
  /** Ends syncLater and readLater. Default: the real one. */
  clock?: Clock;
  /** Milliseconds that a later-call takes; default 0: the next turn of the event loop. */
  latencyMs?: (operation: StorageOperation) => number;
  /** Bytes that all files together may hold. Default: no bound. */
  spaceBytes?: number;
  /** Pending bytes beyond which the oldest are written back, as a kernel does. Default 64 MiB. */
  writebackBytes?: number;
}

export class MemoryDisk implements Disk {
  readonly root: FolderNode;
  /** Changes of names that no syncFolder has covered yet, in order. */
  pendingNames: NameChange[] = [];
  /** Asked before every call: the fault to raise, or null. The disk may be read (`image`) in it, not called. */
  onCall: ((call: StorageCall) => StorageFault | null) | null = null;
  spaceBytes: number;
  readonly #options: MemoryDiskOptions;
  readonly clock: Clock;
  #calls = 0;
  #asked = 0;
  #crashed = false;
  #usedBytes = 0;
  /** Files with pending writes, oldest first, and how many bytes these are. */
  readonly #dirty = new Set<FileNode>();
  #pendingBytes = 0;

  constructor(options: MemoryDiskOptions = {}, root = new FolderNode()) {
    this.root = root;
    this.#options = options;
    this.clock = options.clock ?? realClock;
    this.spaceBytes = options.spaceBytes ?? Number.POSITIVE_INFINITY;
    this.#adopt(root);
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  /** Storage calls so far. */
  get calls(): number {
    return this.#calls;
  }

  /** Counts calls, and besides them syncs that were asked for and are carried out later. */
  get asked(): number {
    return this.#asked;
  }

  /** Raises a fault at the storage call of this number, once. */
  failAt(number: number, fault: StorageFault): void {
    this.onCall = (call) => (call.number === number ? fault : null);
  }

  /** Makes everything durable: names and bytes. Not a storage call. */
  settle(): void {
    for (const change of this.pendingNames.splice(0)) applyToSynced(change);
    this.#writeBack();
  }

  /** The disk as it would be found after a crash now. The same seed gives the same image. Its calls end by a clock of its own if given. */
  image(kind: CrashKind, seed = 0, clock = this.clock): MemoryDisk {
    const { root, pendingNames } = imageOf(this.root, this.pendingNames, kind, seed);
    const disk = new MemoryDisk({ ...this.#options, clock, spaceBytes: this.spaceBytes }, root);
    disk.pendingNames = pendingNames;
    return disk;
  }

  /** Every file with its bytes, by path: for comparing images. */
  *files(): Generator<[path: string, bytes: Buffer]> {
    yield* this.root.files('');
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const { folder, name } = this.#parent(path);
    const found = folder?.entries.get(name);
    this.#call(found === undefined && mode === 'create' ? 'create' : 'open', path);
    if (found instanceof FolderNode) throw new DiskError('EISDIR', 'open', path);
    if (found !== undefined) return new MemoryFile(this, found, path, mode !== 'read');
    if (folder === undefined || mode !== 'create') throw new DiskError('ENOENT', 'open', path);
    const node = new FileNode(this.clock.nowMs());
    this.#link(folder, name, node);
    return new MemoryFile(this, node, path, true);
  }

  list(folder: string): string[] {
    this.#call('list', folder);
    const node = this.#find(folder);
    if (node instanceof FileNode) throw new DiskError('ENOTDIR', 'list', folder);
    return node === undefined ? [] : [...node.entries.keys()].sort();
  }

  stat(path: string): FileStat | null {
    this.#call('stat', path);
    const node = this.#find(path);
    if (node === undefined) return null;
    const isDirectory = node instanceof FolderNode;
    return { size: isDirectory ? 0 : node.size, isDirectory, modifiedMs: isDirectory ? 0 : node.modifiedMs };
  }

  makeFolder(path: string): void {
    this.#call('makeFolder', path);
    let folder = this.root;
    for (const name of partsOf(path)) {
      let next = folder.entries.get(name);
      if (next instanceof FileNode) throw new DiskError('EEXIST', 'mkdir', path);
      if (next === undefined) {
        next = new FolderNode();
        this.#link(folder, name, next);
      }
      folder = next;
    }
  }

  rename(from: string, to: string): void {
    this.#call('rename', from);
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.folder?.entries.get(source.name);
    if (node === undefined || source.folder === undefined || target.folder === undefined) throw new DiskError('ENOENT', 'rename', from);
    const replaced = target.folder.entries.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof FolderNode && replaced.entries.size > 0) throw new DiskError('ENOTEMPTY', 'rename', from);
    if (replaced !== undefined) this.#forget(replaced);
    source.folder.entries.delete(source.name);
    target.folder.entries.set(target.name, node);
    this.pendingNames.push({ kind: 'rename', folder: source.folder, name: source.name, node, to: target.folder, toName: target.name });
  }

  remove(path: string): void {
    this.#call('remove', path);
    const { folder, name } = this.#parent(path);
    const node = folder?.entries.get(name);
    if (folder === undefined || node === undefined) return;
    if (node instanceof FolderNode) throw new DiskError('EISDIR', 'remove', path);
    this.#unlink(folder, name, node);
  }

  removeFolder(path: string): void {
    this.#call('removeFolder', path);
    const { folder, name } = this.#parent(path);
    const node = folder?.entries.get(name);
    if (folder !== undefined && node !== undefined) this.#unlink(folder, name, node);
  }

  syncFolder(path: string): void {
    this.#call('syncFolder', path);
    const folder = this.#find(path);
    if (!(folder instanceof FolderNode)) throw new DiskError('ENOENT', 'fsync', path);
    this.pendingNames = this.pendingNames.filter((change) => {
      if (change.folder !== folder && !(change.kind === 'rename' && change.to === folder)) return true;
      applyToSynced(change);
      return false;
    });
  }

  freeBytes(path: string): number {
    this.#call('freeBytes', path);
    return Number.isFinite(this.spaceBytes) ? Math.max(0, this.spaceBytes - this.#usedBytes) : Number.MAX_SAFE_INTEGER;
  }
  totalBytes(): number {
    return Math.min(this.spaceBytes, Number.MAX_SAFE_INTEGER);
  }

  /** Counts a call, and raises its fault. Returns 'short' for a write that is to be cut. */
  #call(operation: StorageOperation, path: string, asked = ++this.#asked): 'short' | null {
    if (this.#crashed) throw new DiskError('ECRASHED', operation, path);
    this.#calls++;
    const fault = this.onCall?.({ number: this.#calls, asked, operation, path, changes: CHANGING.has(operation) }) ?? null;
    if (fault === null) return null;
    if (fault === 'short') return operation === 'write' ? 'short' : null;
    if (fault === 'crash') this.#crashed = true;
    throw new DiskError(fault === 'crash' ? 'ECRASHED' : fault, operation, path);
  }

  /** For MemoryFile: the calls on an open file. */
  fileSize(node: FileNode, path: string): number {
    this.#call('size', path);
    return node.size;
  }

  readFile(node: FileNode, path: string, into: Uint8Array, position: number): number {
    this.#call('read', path);
    return node.read(into, position);
  }

  writeFile(node: FileNode, path: string, chunks: readonly Uint8Array[], position: number): number {
    const cut = this.#call('write', path) === 'short';
    let asked = 0;
    for (const chunk of chunks) asked += chunk.length;
    const room = Math.max(0, this.spaceBytes - this.#usedBytes + Math.max(0, node.size - position));
    const count = Math.min(cut ? asked >> 1 : asked, room);
    if (count === 0 && asked > 0 && room === 0) throw new DiskError('ENOSPC', 'write', path);
    const before = node.size;
    this.#pendingBytes += node.write(chunks, position, count);
    node.modifiedMs = this.clock.nowMs();
    this.#usedBytes += node.size - before;
    this.#dirty.add(node);
    if (this.#pendingBytes > (this.#options.writebackBytes ?? 64 * MiB)) this.#writeBack();
    return count;
  }

  truncateFile(node: FileNode, path: string, size: number): void {
    this.#call('truncate', path);
    this.#usedBytes += size - node.size;
    node.truncate(size);
    this.#dirty.add(node);
  }

  syncFile(node: FileNode, path: string): void {
    this.#raiseOnSync(node, () => this.#call('sync', path));
    this.#settle(node, node.pendingCount);
  }

  syncFileLater(node: FileNode, path: string, done: (error: DiskError | null) => void): void {
    const covered = node.pendingCount;
    const mark = node.forgotten;
    const asked = ++this.#asked;
    this.#later('sync', () => {
      try {
        this.#raiseOnSync(node, () => this.#call('sync', path, asked));
      } catch (error) {
        return done(error as DiskError);
      }
      // What another sync settled or lost in the meantime is no longer pending.
      this.#settle(node, Math.max(0, covered - (node.forgotten - mark)));
      done(null);
    });
  }

  readFileLater(
    node: FileNode,
    path: string,
    into: Uint8Array,
    position: number,
    done: (error: DiskError | null, count: number) => void,
  ): void {
    this.#later('read', () => {
      let count = 0;
      try {
        count = this.readFile(node, path, into, position);
      } catch (error) {
        return done(error as DiskError, 0);
      }
      done(null, count);
    });
  }

  /** A sync that fails leaves the pages clean: they stay readable, and nobody will write them again. */
  #raiseOnSync(node: FileNode, call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!this.#crashed) this.#pendingBytes -= node.forget(node.pendingCount);
      throw error;
    }
  }

  #settle(node: FileNode, count: number): void {
    this.#pendingBytes -= node.settle(count);
    if (node.pendingCount === 0) this.#dirty.delete(node);
  }

  #writeBack(): void {
    for (const node of this.#dirty) this.#settle(node, node.pendingCount);
    assert(this.#pendingBytes === 0, 'pending bytes are those of dirty files');
  }

  #later(operation: StorageOperation, then: () => void): void {
    const ms = this.#options.latencyMs?.(operation) ?? 0;
    if (ms > 0) this.clock.after(ms, then, true);
    else this.clock.soon(then);
  }

  #link(folder: FolderNode, name: string, node: Node): void {
    folder.entries.set(name, node);
    this.pendingNames.push({ kind: 'link', folder, name, node });
  }

  /** A folder is emptied name by name, as rm does. */
  #unlink(folder: FolderNode, name: string, node: Node): void {
    if (node instanceof FolderNode) for (const [child, within] of [...node.entries]) this.#unlink(node, child, within);
    folder.entries.delete(name);
    this.#forget(node);
    this.pendingNames.push({ kind: 'unlink', folder, name, node });
  }

  #forget(node: Node): void {
    if (node instanceof FileNode) this.#usedBytes -= node.size;
  }

  #adopt(folder: FolderNode): void {
    for (const node of folder.entries.values()) {
      if (node instanceof FolderNode) {
        this.#adopt(node);
        continue;
      }
      this.#usedBytes += node.size;
      this.#pendingBytes += node.pendingBytes;
      if (node.pendingCount > 0) this.#dirty.add(node);
    }
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of partsOf(path)) {
      if (!(node instanceof FolderNode)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  #parent(path: string): { folder: FolderNode | undefined; name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    const folder = this.#find(parts.join('/'));
    return { folder: folder instanceof FolderNode ? folder : undefined, name };
  }
}

/** A descriptor: it stays with its file whatever happens to the name. */
class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #disk: MemoryDisk;
  readonly #node: FileNode;
  readonly #writable: boolean;
  #closed = false;

  constructor(disk: MemoryDisk, node: FileNode, path: string, writable: boolean) {
    this.#disk = disk;
    this.#node = node;
    this.path = path;
    this.#writable = writable;
  }

  size(): number {
    this.#check('stat', false);
    return this.#disk.fileSize(this.#node, this.path);
  }

  read(into: Uint8Array, position: number): number {
    this.#check('read', false);
    return this.#disk.readFile(this.#node, this.path, into, position);
  }

  readLater(into: Uint8Array, position: number, done: (error: DiskError | null, count: number) => void): void {
    this.#check('read', false);
    this.#disk.readFileLater(this.#node, this.path, into, position, done);
  }

  write(chunks: readonly Uint8Array[], position: number): number {
    this.#check('write', true);
    return this.#disk.writeFile(this.#node, this.path, chunks, position);
  }

  truncate(size: number): void {
    this.#check('truncate', true);
    this.#disk.truncateFile(this.#node, this.path, size);
  }

  sync(): void {
    this.#check('fdatasync', false);
    this.#disk.syncFile(this.#node, this.path);
  }

  syncLater(done: (error: DiskError | null) => void): void {
    this.#check('fdatasync', false);
    this.#disk.syncFileLater(this.#node, this.path, done);
  }

  close(): void {
    this.#closed = true;
  }

  #check(operation: string, writes: boolean): void {
    if (this.#closed || (writes && !this.#writable)) throw new DiskError('EBADF', operation, this.path);
  }
}

function applyToSynced(change: NameChange): void {
  if (change.kind === 'link') change.folder.synced.set(change.name, change.node);
  else change.folder.synced.delete(change.name);
  if (change.kind === 'rename') change.to.synced.set(change.toName, change.node);
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
