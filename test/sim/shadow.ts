/**
 * The records of a simulation and where each was seen: what was sent, by whom, in which order, how safe it was said to be. It holds
 * facts and compares them one by one; whether a run as a whole kept its promises is the auditor's to say.
 */
import { assert } from '../../src/base/assert.ts';
import type { Durability } from '../../src/log/config.ts';

/** How much a record survives. 0: nothing was promised. */
export type Safety = 0 | 1 | 2 | 3;
export const safetyOf: Record<Durability, Safety> = { memory: 1, written: 2, synced: 3 };

/** One instance of a producer. */
export interface SourceOfRecords {
  readonly id: number;
  /** A record may appear once at most. */
  readonly exact: boolean;
  /** Records of a partition lie in the order in which they were sent. */
  readonly ordered: boolean;
}

export interface Sent {
  /** Its number over all producers. */
  n: number;
  source: SourceOfRecords;
  topic: string;
  /** Asked for, or −1. */
  partition: number;
  key: Buffer | null;
  valueBytes: number;
  timestampMs: number | undefined;
  /** The earliest that the wall clock showed while it was on its way: the least that its timestamp can be. */
  atMs: number;
  outcome: 'open' | 'acked' | 'failed';
  error: string;
  /** What its acknowledgement promised and still holds. */
  owed: Safety;
  /** Where it lies, as far as is known. */
  place: { partition: number; offset: number } | null;
}

export interface Entry {
  sent: Sent;
  safety: Safety;
}

/** One partition as the world has seen it so far. */
export class PartitionShadow {
  readonly topic: string;
  readonly partition: number;
  readonly entries = new Map<number, Entry>();
  /** Where the log began when all of it was read last: what was owed below was asked for then, and nothing below can come any more. */
  startOffset = 0;
  /** Records below were asked to be deleted. */
  deletedBelow = 0;
  /** Deletions up to the end of which nothing is known yet. */
  deletesPending = 0;
  /** Ranges that were reported as damaged. */
  quarantined: { firstOffset: number; nextOffset: number }[] = [];

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  mayBeDeleted(offset: number): boolean {
    return offset < this.deletedBelow || this.deletesPending > 0;
  }

  isQuarantined(offset: number): boolean {
    return this.quarantined.some(({ firstOffset, nextOffset }) => firstOffset <= offset && offset < nextOffset);
  }

  /** Notes that a record was seen at an offset; says what is wrong with that, or ''. */
  see(sent: Sent, offset: number, safety: Safety): string {
    const name = `${this.topic}-${this.partition}@${offset}`;
    const known = this.entries.get(offset);
    if (known !== undefined && known.sent !== sent) return `${name} held record ${known.sent.n} and now holds record ${sent.n}`;
    const { place } = sent;
    if (place !== null && (place.partition !== this.partition || place.offset !== offset)) {
      if (sent.source.exact) return `record ${sent.n} lies at ${name} and at ${this.topic}-${place.partition}@${place.offset}`;
    }
    if (known === undefined) this.entries.set(offset, { sent, safety });
    else if (safety > known.safety) known.safety = safety;
    sent.place ??= { partition: this.partition, offset };
    return '';
  }

  forget(offset: number): void {
    const entry = this.entries.get(offset);
    assert(entry !== undefined, 'what is forgotten was known');
    this.entries.delete(offset);
    const { sent } = entry;
    if (sent.place?.partition === this.partition && sent.place.offset === offset) sent.place = null;
  }
}

const HEADER_BYTES = 4;

/** The value of record `n`: its number, then bytes that follow from it. At least 4 bytes. */
export function makeValue(n: number, bytes: number): Buffer {
  const value = Buffer.from(new ArrayBuffer(bytes));
  value.writeUInt32BE(n, 0);
  let state = Math.imul(n + 1, 0x9e3779b1) >>> 0;
  for (let at = HEADER_BYTES; at < bytes; at++) {
    // Half of it repeats, so that compression has something to do.
    if ((at & 7) < 4) state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    value[at] = state >>> 24;
  }
  return value;
}

export function numberOf(value: Buffer): number {
  return value.length >= HEADER_BYTES ? value.readUInt32BE(0) : -1;
}
