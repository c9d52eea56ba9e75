/**
 * A copy of what the database knows of topics, beside it in the data folder: `topics.copy`. It is read when the database is lost, since
 * the folders of partitions, from which topics are then found again, do not know their configurations. It is a second or so behind, and a
 * disk that refuses it keeps nobody from anything.
 *
 *   spillway topics 1
 *   <id, 32 hexadecimal digits> <created, ms> <partitions> <name> <configurations as JSON>     one line each
 *   crc <8 hexadecimal digits>                                                              CRC-32C of all before
 */
import { join } from 'node:path';
import { crc32c } from '../base/crc32c.ts';
import { type Disk, DiskError, readWhole, replaceWhole } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import type { Configs } from './config-values.ts';
import type { Fact } from './facts.ts';
import type { State } from './state.ts';

export const copyName = 'topics.copy';

export interface CopiedTopic {
  topicId: string;
  createdMs: number;
  partitions: number;
  name: string;
  configs: Configs;
}

const TITLE = 'spillway topics 1';
/** Topics may be made by the thousand, each in a turn of its own: the copy is written once for many. */
const SAVE_EVERY_MS = 1000;

export function encodeCopy(state: State): string {
  const lines = [TITLE];
  for (const { topicId, createdMs, slots, name, configs, deleting } of state.byId.values()) {
    if (!deleting) lines.push(`${topicId} ${createdMs} ${slots.length} ${name} ${JSON.stringify(configs)}`);
  }
  const text = `${lines.join('\n')}\n`;
  return `${text}crc ${hex8(crc32c(Buffer.from(text)))}\n`;
}

/** Null when the text is not whole and sound. */
export function decodeCopy(text: string): CopiedTopic[] | null {
  const end = text.lastIndexOf('crc ');
  const body = text.slice(0, Math.max(0, end));
  if (!body.startsWith(`${TITLE}\n`) || text.slice(end) !== `crc ${hex8(crc32c(Buffer.from(body)))}\n`) return null;
  const topics: CopiedTopic[] = [];
  for (const line of body.split('\n').slice(1, -1)) {
    const match = /^([0-9a-f]{32}) (\d{1,16}) (\d{1,6}) (\S+) (\{.*\})$/.exec(line);
    if (match === null) return null;
    const [, topicId, createdMs, partitions, name, configs] = match;
    topics.push({ topicId, createdMs: Number(createdMs), partitions: Number(partitions), name, configs: JSON.parse(configs) as Configs });
  }
  return topics;
}

/** By topic id; empty when there is none that is sound. */
export function readCopy(disk: Disk, folder: string): Map<string, CopiedTopic> {
  const topics = decodeCopy(readWhole(disk, join(folder, copyName))?.toString('utf8') ?? '') ?? [];
  return new Map(topics.map((topic) => [topic.topicId, topic]));
}

const copied: ReadonlySet<Fact['fact']> = new Set<Fact['fact']>(['topicCreated', 'partitionsAdded', 'configsChanged', 'topicDeleting']);

export class TopicsCopy {
  readonly #disk: Disk;
  readonly #path: string | null;
  readonly #log: Logger;
  /** What the file holds; null before it was looked at. */
  #written: string | null = null;
  /** The database may have come from elsewhere: a start compares. */
  #due = true;
  #notBeforeMs = 0;

  constructor({ disk, folder, log }: { disk: Disk; folder: string | null; log: Logger }) {
    this.#disk = disk;
    this.#path = folder === null ? null : join(folder, copyName);
    this.#log = log;
  }

  /** Facts that were stored. */
  stored(facts: readonly Fact[]): void {
    this.#due ||= facts.some(({ fact }) => copied.has(fact));
  }

  /** Writes the copy if it is due; `monotonicMs` Infinity: in any case, as there is no later. */
  save(state: State, monotonicMs: number): void {
    if (!this.#due || this.#path === null || monotonicMs < this.#notBeforeMs) return;
    this.#due = false;
    this.#notBeforeMs = monotonicMs + SAVE_EVERY_MS;
    const text = encodeCopy(state);
    try {
      this.#written ??= readWhole(this.#disk, this.#path)?.toString('utf8') ?? '';
      if (text === this.#written || (this.#written === '' && state.byName.size === 0)) return;
      replaceWhole(this.#disk, this.#path, Buffer.from(text));
      this.#written = text;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#due = true;
      this.#log.warn({ error: error.message }, 'the copy of the topics could not be written; it is tried again');
    }
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0');
}
