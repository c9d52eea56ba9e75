/** The names of a partition folder's files, which are Apache Kafka's wherever Kafka has the file. */
import { assert } from '../base/assert.ts';

export const LOG = '.log';
export const OFFSET_INDEX = '.index';
export const TIME_INDEX = '.timeindex';
export const SNAPSHOT = '.snapshot';

export const LEADER_EPOCHS = 'leader-epoch-checkpoint';
export const LOG_START = 'log-start-offset-checkpoint';
export const METADATA = 'partition.metadata';
/** What only Spillway keeps: see checkpoint.ts. */
export const CHECKPOINT = 'spillway-checkpoint';

const DIGITS = 20;

/** An offset as file names spell it: 20 digits. */
export function offsetName(offset: number): string {
  assert(Number.isSafeInteger(offset) && offset >= 0, 'an offset is a whole number');
  return String(offset).padStart(DIGITS, '0');
}

/** The offset that a file is named by, or −1 when the name is not `<20 digits><suffix>`. */
export function offsetOfName(name: string, suffix: string): number {
  if (name.length !== DIGITS + suffix.length || !name.endsWith(suffix)) return -1;
  const digits = name.slice(0, DIGITS);
  const offset = /^\d+$/.test(digits) ? Number(digits) : -1;
  return Number.isSafeInteger(offset) ? offset : -1;
}

/** The offsets of all files with a suffix among the names of a folder, ascending. */
export function offsetsOf(names: readonly string[], suffix: string): number[] {
  const found: number[] = [];
  for (const name of names) {
    const offset = offsetOfName(name, suffix);
    if (offset >= 0) found.push(offset);
  }
  return found.sort((a, b) => a - b);
}

/** '<data>/flights-3' → flights, 3; null when the folder's name is not a partition's. */
export function partitionOf(folder: string): { topic: string; partition: number } | null {
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  const match = /^([a-zA-Z0-9._-]{1,249})-(\d{1,10})$/.exec(name);
  return match === null ? null : { topic: match[1], partition: Number(match[2]) };
}
