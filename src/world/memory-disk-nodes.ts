/** Files and folders of a MemoryDisk: what is written, what is synced, and what is pending between the two. */
import { assert } from '../base/assert.ts';

export type Node = FileNode | FolderNode;

/** A write (bytes) or a truncation (null) that no sync has covered. */
export interface PendingChange {
  position: number;
  bytes: Buffer | null;
}

/** A name given, taken or moved that no sync of its folder has covered. A rename is one change: both names or none. */
export type NameChange =
  | { kind: 'link' | 'unlink'; folder: FolderNode; name: string; node: Node }
  | { kind: 'rename'; folder: FolderNode; name: string; node: Node; to: FolderNode; toName: string };

export class FolderNode {
  entries = new Map<string, Node>();
  synced = new Map<string, Node>();

  *files(path: string): Generator<[path: string, bytes: Buffer]> {
    for (const name of [...this.entries.keys()].sort()) {
      const node = this.entries.get(name);
      if (node instanceof FolderNode) yield* node.files(`${path}/${name}`);
      else if (node !== undefined) yield [`${path}/${name}`, node.bytes];
    }
  }
}

export class FileNode {
  modifiedMs: number;
  /** Changes settled or lost so far: their count, so that a sync that ends later knows which ones it covers. */
  forgotten = 0;
  #written = new Bytes();
  #synced = new Bytes();
  #pending: PendingChange[] = [];

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }

  get size(): number {
    return this.#written.size;
  }

  /** A view of the content. */
  get bytes(): Buffer {
    return this.#written.view;
  }

  get syncedBytes(): Buffer {
    return this.#synced.view;
  }

  get pending(): readonly PendingChange[] {
    return this.#pending;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  get pendingBytes(): number {
    return bytesOf(this.#pending);
  }

  read(into: Uint8Array, position: number): number {
    return this.#written.read(into, position);
  }

  /** Writes the first `count` bytes of the chunks; returns the bytes that became pending. */
  write(chunks: readonly Uint8Array[], position: number, count: number): number {
    const bytes = Buffer.allocUnsafeSlow(count);
    let at = 0;
    for (const chunk of chunks) {
      const taken = Math.min(chunk.length, count - at);
      bytes.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), at);
      at += taken;
    }
    this.change({ position, bytes });
    return count;
  }

  truncate(size: number): void {
    this.change({ position: size, bytes: null });
  }

  change(change: PendingChange): void {
    apply(change, this.#written);
    this.#pending.push(change);
  }

  /** The oldest `count` pending changes become durable; returns their bytes. */
  settle(count: number): number {
    const settled = this.#pending.splice(0, count);
    for (const change of settled) apply(change, this.#synced);
    this.forgotten += settled.length;
    return bytesOf(settled);
  }

  /** The oldest `count` pending changes will never become durable; returns their bytes. */
  forget(count: number): number {
    const lost = this.#pending.splice(0, count);
    this.forgotten += lost.length;
    return bytesOf(lost);
  }

  /** A copy. With `content`, one that holds these bytes, written and synced, and has nothing pending. */
  copy(content?: Buffer): FileNode {
    const made = new FileNode(this.modifiedMs);
    made.#written = new Bytes(content ?? this.#written.view);
    made.#synced = new Bytes(content ?? this.#synced.view);
    if (content === undefined) made.#pending = [...this.#pending];
    return made;
  }
}

/** A growing byte array. */
class Bytes {
  size = 0;
  #bytes: Buffer;

  constructor(content?: Buffer) {
    this.#bytes = content === undefined ? Buffer.alloc(0) : Buffer.from(content);
    this.size = this.#bytes.length;
  }

  get view(): Buffer {
    return this.#bytes.subarray(0, this.size);
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.size - position));
    into.set(this.#bytes.subarray(position, position + count));
    return count;
  }

  write(bytes: Buffer, position: number): void {
    this.#reach(position + bytes.length);
    this.#bytes.set(bytes, position);
    this.size = Math.max(this.size, position + bytes.length);
  }

  resize(size: number): void {
    this.#reach(size);
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }

  /** Bytes between the size and the capacity are zero, so that a hole reads as zeros. */
  #reach(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2));
    grown.set(this.view);
    this.#bytes = grown;
  }
}

function apply({ position, bytes }: PendingChange, to: Bytes): void {
  assert(position >= 0, 'a position is not negative');
  if (bytes === null) to.resize(position);
  else to.write(bytes, position);
}

function bytesOf(changes: readonly PendingChange[]): number {
  let total = 0;
  for (const { bytes } of changes) if (bytes !== null) total += bytes.length;
  return total;
}
