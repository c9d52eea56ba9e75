/** What a crash leaves of a MemoryDisk: a new tree, in which everything that survived is durable. */
import type { CrashKind } from './memory-disk.ts';
import { type FileNode, FolderNode, type NameChange, type Node } from './memory-disk-nodes.ts';
import { type Random, seededRandom } from './random.ts';

const SECTOR_BYTES = 512;

interface Image {
  root: FolderNode;
  pendingNames: NameChange[];
}

export function imageOf(root: FolderNode, pendingNames: readonly NameChange[], kind: CrashKind, seed: number): Image {
  if (kind === 'kill') return cloneOf(root, pendingNames);
  const random = seededRandom(seed);
  const names = survivingNames(root, pendingNames, kind, random);
  const copies = new Map<Node, Node>();
  return { root: build(root, names, kind, random, copies), pendingNames: [] };
}

/** The kernel lives on: names, bytes and what is pending are as before. */
function cloneOf(root: FolderNode, pendingNames: readonly NameChange[]): Image {
  const copies = new Map<Node, Node>();
  const copy = <T extends Node>(node: T): T => {
    const known = copies.get(node);
    if (known !== undefined) return known as T;
    const made = node instanceof FolderNode ? new FolderNode() : node.copy();
    copies.set(node, made);
    if (node instanceof FolderNode && made instanceof FolderNode) {
      for (const [name, within] of node.entries) made.entries.set(name, copy(within));
      for (const [name, within] of node.synced) made.synced.set(name, copy(within));
    }
    return made as T;
  };
  const made = copy(root);
  const names = pendingNames.map((change) =>
    change.kind === 'rename'
      ? { ...change, folder: copy(change.folder), to: copy(change.to), node: copy(change.node) }
      : { ...change, folder: copy(change.folder), node: copy(change.node) },
  );
  return { root: made, pendingNames: names };
}

/** The names of every folder after the crash: the synced ones, changed by those pending changes that survive. */
function survivingNames(
  root: FolderNode,
  pending: readonly NameChange[],
  kind: CrashKind,
  random: Random,
): Map<FolderNode, Map<string, Node>> {
  const names = new Map<FolderNode, Map<string, Node>>();
  const of = (folder: FolderNode): Map<string, Node> => {
    let found = names.get(folder);
    if (found === undefined) {
      found = new Map(folder.synced);
      names.set(folder, found);
    }
    return found;
  };
  of(root);
  // A journal keeps metadata in order, so torn keeps the oldest changes; reordered keeps any.
  const kept = kind === 'dropped' ? 0 : kind === 'torn' ? random.below(pending.length + 1) : pending.length;
  for (let i = 0; i < kept; i++) {
    const change = pending[i];
    if (kind === 'reordered' && random.below(2) === 0) continue;
    if (change.kind === 'link') of(change.folder).set(change.name, change.node);
    else if (of(change.folder).get(change.name) === change.node) of(change.folder).delete(change.name);
    if (change.kind === 'rename') of(change.to).set(change.toName, change.node);
  }
  return names;
}

function build(
  folder: FolderNode,
  names: Map<FolderNode, Map<string, Node>>,
  kind: CrashKind,
  random: Random,
  copies: Map<Node, Node>,
): FolderNode {
  const made = new FolderNode();
  for (const [name, node] of names.get(folder) ?? folder.synced) {
    let copy = copies.get(node);
    if (copy === undefined) {
      copy = node instanceof FolderNode ? build(node, names, kind, random, copies) : node.copy(survivingBytes(node, kind, random));
      copies.set(node, copy);
    }
    made.entries.set(name, copy);
    made.synced.set(name, copy);
  }
  return made;
}

function survivingBytes(node: FileNode, kind: CrashKind, random: Random): Buffer {
  const kept = node.copy(node.syncedBytes);
  for (const { position, bytes } of kind === 'dropped' ? [] : node.pending) {
    if (bytes === null || kind === 'reordered') {
      if (random.below(2) === 0) kept.change({ position, bytes });
      continue;
    }
    // The size may have reached the disk without the bytes: a hole of zeros.
    const end = position + bytes.length;
    if (random.below(2) === 0 && kept.size < end) kept.change({ position: end, bytes: null });
    for (let at = position; at < end; ) {
      const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (random.below(2) === 0) kept.change({ position: at, bytes: bytes.subarray(at - position, sectorEnd - position) });
      at = sectorEnd;
    }
  }
  return kept.bytes;
}
