/**
 * What a disk held, by the system calls of a process (`strace`): each file as of its last sync and the writes since, each name as of the last
 * sync of its folder. From this a power loss is made at any moment. It trusts the kernel's word for a sync, and knows nothing of disks that
 * do not keep it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Random } from '../../src/world/random.ts';

const CALLS = 'openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink';

/** Whether this machine lets a process be traced. */
export const canTrace = spawnSync('strace', ['-o', '/dev/null', process.execPath, '--version']).status === 0;

/** Runs Node to its end under strace. */
export function traceOf(folder: string, args: readonly string[]): string {
  const out = join(folder, 'trace');
  const strace = ['-f', '-y', '-xx', '-s', '1000000', '--seccomp-bpf', '-e', `trace=${CALLS}`, '-o', out];
  const { status, stderr } = spawnSync('strace', [...strace, process.execPath, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the traced process ended with code ${status}: ${stderr}`);
  return readFileSync(out, 'latin1');
}

type Change = { at: number; bytes: Buffer } | { size: number };

interface TracedFile {
  /** Its first `size` bytes. */
  content: Buffer;
  size: number;
  synced: Buffer;
  /** What was done to it since: bytes at a position, or a new size. */
  since: Change[];
}

export class TracedDisk {
  readonly #folder: string;
  readonly #printed: (text: string) => void;
  readonly #files = new Map<string, TracedFile>();
  /** Names that the folder's last sync covered. */
  #named = new Map<string, TracedFile>();
  readonly #begun = new Map<string, string>();

  /** Follows the files in `folder`; `printed` is told what the process writes to its standard output, as it does. */
  constructor(folder: string, printed: (text: string) => void) {
    this.#folder = folder;
    this.#printed = printed;
  }

  follow(trace: string): void {
    for (const line of trace.split('\n')) {
      const [, pid, call] = /^(\d+) +(.*)$/s.exec(line) ?? [];
      if (pid === undefined) continue;
      const resumed = /^<\.\.\. \w+ resumed>/.exec(call);
      if (call.endsWith(' <unfinished ...>')) this.#begun.set(pid, call.slice(0, -' <unfinished ...>'.length));
      else if (resumed === null) this.#take(call);
      else this.#take((this.#begun.get(pid) ?? '') + call.slice(resumed[0].length));
    }
  }

  /** The folder as a machine finds it that lost power now: of what was not synced nothing is there, or what chance leaves. */
  writeImage(into: string, random: Random | null): void {
    mkdirSync(into);
    for (const [name, { synced, since }] of this.#named) {
      const left = { content: Buffer.from(synced), size: synced.length };
      for (const change of since) if (random !== null && random.below(2) === 0) apply(left, change);
      writeFileSync(join(into, name), left.content.subarray(0, left.size));
    }
  }

  #take(call: string): void {
    const [, name, rest, result] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(call) ?? [];
    if (name === undefined || Number(result) < 0) return;
    if (name === 'openat' || name === 'unlink') return this.#rename(name, textOf(/"([^"]*)"/.exec(rest)?.[1] ?? ''), rest);
    const [, number, path] = /^(\d+)<([^>]*)>/.exec(rest) ?? [];
    if (number === '1' && name === 'write') this.#printed(textOf(/"([^"]*)"/.exec(rest)?.[1] ?? ''));
    const target = textOf(path ?? '');
    if (target === this.#folder && name === 'fsync') this.#named = new Map(this.#files);
    const file = dirname(target) === this.#folder ? this.#files.get(basename(target)) : undefined;
    if (file !== undefined) this.#change(name, file, rest, Number(result));
  }

  #rename(call: string, path: string, rest: string): void {
    if (dirname(path) !== this.#folder) return;
    if (call === 'unlink') this.#files.delete(basename(path));
    else if (rest.includes('O_CREAT') && !this.#files.has(basename(path)))
      this.#files.set(basename(path), { content: Buffer.alloc(0), size: 0, synced: Buffer.alloc(0), since: [] });
  }

  #change(call: string, file: TracedFile, rest: string, result: number): void {
    if (call === 'fsync' || call === 'fdatasync') {
      file.synced = Buffer.from(file.content.subarray(0, file.size));
      file.since = [];
      return;
    }
    const [, hex, numbers] = /"([^"]*)"(.*)$/s.exec(rest) ?? ['', '', rest];
    const last = Number(/(\d+)\s*$/.exec(numbers)?.[1]);
    if (call === 'write') throw new Error('files of the folder are written at positions');
    const change = call === 'ftruncate' ? { size: last } : { at: last, bytes: bytesOf(hex).subarray(0, result) };
    apply(file, change);
    file.since.push(change);
  }
}

function apply(file: { content: Buffer; size: number }, change: Change): void {
  const size = 'size' in change ? change.size : Math.max(file.size, change.at + change.bytes.length);
  // What is cut off and grows again reads as zeros.
  if (size < file.size) file.content.fill(0, size, file.size);
  if (size > file.content.length) file.content = Buffer.concat([file.content.subarray(0, file.size)], 2 * size);
  file.size = size;
  if (!('size' in change)) change.bytes.copy(file.content, change.at);
}

/** "\x61\x62" */
function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex');
}

function textOf(escaped: string): string {
  return bytesOf(escaped).toString();
}
