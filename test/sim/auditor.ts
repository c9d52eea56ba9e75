/**
 * Watches a simulation from outside: every send, receipt and record read is told to it, and every fault. It holds a shadow of each
 * partition and says what broke a promise. It never looks into the bus.
 */
import { partitionOfKey } from '../../src/base/murmur2.ts';
import type { Durability } from '../../src/log/config.ts';
import { type Entry, makeValue, numberOf, PartitionShadow, type Safety, type Sent, type SourceOfRecords, safetyOf } from './shadow.ts';

/** A record as a consumer got it. */
export interface SeenRecord {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  rawKey: Buffer | null;
  rawValue: Buffer | null;
}

/** One reader's way through one partition. */
export interface Cursor {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  /** The offset that must come next, unless it is gone by then. */
  next: number;
}

/** What may happen to a topic's records. */
interface TopicRules {
  /** Deleted and made again under way: offsets start anew, so only contents are compared. */
  passing: boolean;
  /** The least that it ever promised: what a record that was read is worth. */
  weakest: Safety;
  partitionCounts: Set<number>;
  retentionMs: number;
  retainsBytes: boolean;
}

/** A process that ended without being asked, or a machine that lost power. */
export type Loss = 'kill' | 'power';

/** What a walk over a whole partition found. */
export interface Scan {
  topic: string;
  partition: number;
  /** When it had been read: retention may have removed meanwhile what lies below, before or after it was read. */
  startOffset: number;
  endOffset: number;
  records: SeenRecord[];
  quarantined: { firstOffset: number; nextOffset: number }[];
}

const VIOLATIONS_KEPT = 20;

export class Auditor {
  readonly violations: string[] = [];
  readonly counts = { sent: 0, acked: 0, failed: 0, read: 0, lost: 0, scanned: 0 };
  /** How often a send was refused with which code. */
  readonly refusals: Record<string, number> = {};
  readonly #nowMs: () => number;
  readonly #sent: Sent[] = [];
  readonly #topics = new Map<string, TopicRules>();
  readonly #shadows = new Map<string, PartitionShadow>();
  readonly #open = new Set<Sent>();
  #sources = 0;
  /** The most that the wall clock ever showed. */
  #latestMs = 0;

  /** `nowMs` is the wall clock. Before and after each of its steps `clockStepped` is called. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  violated(what: string): void {
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(what);
  }

  // Topics.

  topicMade(
    topic: string,
    rules: { durability: Durability; partitions: number; passing?: boolean; retentionMs?: number; retainsBytes?: boolean },
  ): void {
    const { durability, partitions, passing = false, retentionMs = -1, retainsBytes = false } = rules;
    const known = this.#topics.get(topic);
    if (known !== undefined) known.partitionCounts.add(partitions);
    else
      this.#topics.set(topic, {
        passing,
        weakest: safetyOf[durability],
        partitionCounts: new Set([partitions]),
        retentionMs,
        retainsBytes,
      });
  }

  /** Deleted and made again under way. */
  isPassing(topic: string): boolean {
    return this.#rules(topic).passing;
  }

  partitionsAsked(topic: string, partitions: number): void {
    this.#rules(topic).partitionCounts.add(partitions);
  }

  durabilityAsked(topic: string, durability: Durability): void {
    const rules = this.#rules(topic);
    if (safetyOf[durability] < rules.weakest) rules.weakest = safetyOf[durability];
  }

  retentionAsked(topic: string, { ms, bytes }: { ms: number; bytes: number }): void {
    const rules = this.#rules(topic);
    if (ms >= 0) rules.retentionMs = rules.retentionMs < 0 ? ms : Math.min(ms, rules.retentionMs);
    if (bytes >= 0) rules.retainsBytes = true;
  }

  /** Records are about to be deleted; −1: all that are committed. Until it is known what came of it, any may be gone. */
  deletionAsked(topic: string, partition: number, beforeOffset: number): void {
    const shadow = this.#shadow(topic, partition);
    if (beforeOffset < 0) shadow.deletesPending++;
    else shadow.deletedBelow = Math.max(shadow.deletedBelow, beforeOffset);
  }

  /** What a deletion up to the end came to. */
  deletedAll(topic: string, partition: number, startOffset: number): void {
    const shadow = this.#shadow(topic, partition);
    shadow.deletesPending--;
    shadow.deletedBelow = Math.max(shadow.deletedBelow, startOffset);
  }

  // Producing.

  source(promises: { exact: boolean; ordered: boolean }): SourceOfRecords {
    return { id: this.#sources++, ...promises };
  }

  /** A record is about to be sent. */
  sending(fields: Pick<Sent, 'source' | 'topic' | 'partition' | 'key' | 'valueBytes' | 'timestampMs'>): Sent {
    const sent: Sent = { ...fields, n: this.#sent.length, atMs: this.#readClock(), outcome: 'open', error: '', owed: 0, place: null };
    this.#sent.push(sent);
    this.#open.add(sent);
    this.counts.sent++;
    return sent;
  }

  /** It was acknowledged. `claimed` is the receipt's durability; without an offset nothing is known but that. */
  acked(sent: Sent, { partition, offset, claimed }: { partition: number; offset: number; claimed: Safety }): void {
    this.#end(sent, 'acked', '');
    sent.owed = claimed;
    this.counts.acked++;
    if (sent.partition >= 0 && partition !== sent.partition)
      this.violated(`record ${sent.n} was sent to partition ${sent.partition} and acknowledged by ${partition}`);
    if (offset < 0 || this.#rules(sent.topic).passing) return;
    this.#see(sent, sent.topic, partition, offset, claimed);
  }

  /** It was refused; it may lie in the log all the same, once. */
  failed(sent: Sent, error: string): void {
    this.#end(sent, 'failed', error);
    this.counts.failed++;
    this.refusals[error] = (this.refusals[error] ?? 0) + 1;
  }

  /** Sends that were neither acknowledged nor refused. */
  get open(): readonly Sent[] {
    return [...this.#open];
  }

  // Reading.

  read(cursor: Cursor, record: SeenRecord): void {
    this.counts.read++;
    const { topic, partition, next, name } = cursor;
    const at = `${name}: ${topic}-${partition}@${record.offset}`;
    if (record.topic !== topic || record.partition !== partition) this.violated(`${at} came from ${record.topic}-${record.partition}`);
    const sent = this.#identify(record, at);
    if (sent === null) return;
    const rules = this.#rules(topic);
    if (record.offset < next) this.violated(`${at} came again or out of order: ${next} was due`);
    else if (!rules.passing) this.#checkGap(at, this.#shadow(topic, partition), next, record.offset);
    cursor.next = record.offset + 1;
    if (!rules.passing) this.#see(sent, topic, partition, record.offset, rules.weakest);
  }

  /** A reader ended at an offset without having seen [from, to). */
  passedOver(cursor: Cursor, to: number): void {
    const { topic, partition, next, name } = cursor;
    if (!this.#rules(topic).passing && to > next)
      this.#checkGap(`${name}: ${topic}-${partition}`, this.#shadow(topic, partition), next, to);
    cursor.next = to;
  }

  /** A search by time answered `offset`: no record before it may be as new. */
  soughtTime(topic: string, partition: number, timestampMs: number, offset: number): void {
    const { passing, retentionMs, retainsBytes } = this.#rules(topic);
    if (passing || retentionMs >= 0 || retainsBytes) return;
    const shadow = this.#shadow(topic, partition);
    for (const [at, { sent }] of shadow.entries) {
      if (at >= offset || shadow.mayBeDeleted(at) || sent.timestampMs === undefined) continue;
      if (sent.timestampMs >= timestampMs)
        this.violated(`${topic}-${partition}: time ${timestampMs} was found at ${offset}, but ${at} has ${sent.timestampMs}`);
    }
  }

  /** Whether records from this offset on need not be there any more. */
  mayBeGone(topic: string, partition: number, offset: number): boolean {
    const { retentionMs, retainsBytes } = this.#rules(topic);
    return retentionMs >= 0 || retainsBytes || this.#shadow(topic, partition).mayBeDeleted(offset);
  }

  // Faults.

  /** The thread of a source has ended: nobody is there to be told of its sends. */
  sourceEnded({ id }: SourceOfRecords): void {
    for (const sent of this.#open) if (sent.source.id === id) this.#end(sent, 'failed', 'the thread ended');
  }

  /** A record that is still on its way may get its timestamp now. */
  clockStepped(): void {
    const nowMs = this.#readClock();
    for (const sent of this.#open) sent.atMs = Math.min(sent.atMs, nowMs);
  }

  #readClock(): number {
    const nowMs = this.#nowMs();
    this.#latestMs = Math.max(this.#latestMs, nowMs);
    return nowMs;
  }

  /** From now on, what was promised less than this is not owed any more. */
  lost(loss: Loss): void {
    const survives: Safety = loss === 'kill' ? 2 : 3;
    for (const { entries } of this.#shadows.values()) for (const entry of entries.values()) if (entry.safety < survives) entry.safety = 0;
    for (const sent of this.#sent) if (sent.owed < survives) sent.owed = 0;
    for (const sent of this.#open) this.#end(sent, 'failed', 'the process ended');
  }

  /** A whole partition was read: it is compared with the shadow, and becomes the shadow. */
  scanned(scan: Scan, written: Safety): void {
    const { topic, partition, startOffset, endOffset, records } = scan;
    this.#readClock();
    const shadow = this.#shadow(topic, partition);
    const rules = this.#rules(topic);
    shadow.startOffset = startOffset;
    shadow.quarantined.push(...scan.quarantined);
    this.counts.scanned += records.length;
    let next = Math.min(startOffset, records[0]?.offset ?? startOffset);
    for (const record of records) {
      const at = `scan: ${topic}-${partition}@${record.offset}`;
      if (record.offset < next) this.violated(`${at} came again or out of order: ${next} was due`);
      for (let offset = Math.max(next, startOffset); offset < record.offset; offset++)
        if (!shadow.isQuarantined(offset)) this.violated(`${at}: offset ${offset} is missing and not reported as damaged`);
      next = record.offset + 1;
      const sent = this.#identify(record, at);
      if (sent !== null) this.#see(sent, topic, partition, record.offset, written);
    }
    for (next = Math.max(next, startOffset); next < endOffset; next++)
      if (!shadow.isQuarantined(next)) this.violated(`scan: ${topic}-${partition} ends at ${endOffset}, but gave nothing from ${next} on`);
    const present = new Set(records.map(({ offset }) => offset));
    for (const [offset, { sent, safety }] of [...shadow.entries]) {
      if (present.has(offset)) continue;
      // Of segments that retention removed, a power loss may bring back some: the others are then missing in the middle.
      const mayBeRemoved = rules.retentionMs >= 0 || rules.retainsBytes;
      if (offset < startOffset || (mayBeRemoved && shadow.isQuarantined(offset)))
        this.#checkDeleted(shadow, rules, offset, { sent, safety });
      else if (safety > 0)
        this.violated(`${topic}-${partition}@${offset} (record ${sent.n}, promised ${safety}) is lost; the log ends at ${endOffset}`);
      if (offset >= startOffset) {
        this.counts.lost++;
        shadow.forget(offset);
      } else shadow.entries.delete(offset);
    }
    this.#checkOrder(shadow);
  }

  /** Every partition of these topics was scanned: what is owed must have been seen somewhere. */
  scannedAll(): void {
    for (const sent of this.#sent) {
      if (sent.owed === 0 || sent.place !== null) continue;
      const { passing, retentionMs, retainsBytes, partitionCounts } = this.#rules(sent.topic);
      if (passing || retentionMs >= 0 || retainsBytes) continue;
      const partitions = Math.max(...partitionCounts);
      // It may have been deleted before anyone saw it.
      let deleted = false;
      for (let partition = 0; partition < partitions; partition++) deleted ||= this.#shadow(sent.topic, partition).mayBeDeleted(0);
      if (!deleted) this.violated(`record ${sent.n} was acknowledged by ${sent.topic} and is nowhere`);
    }
  }

  // Checks.

  #rules(topic: string): TopicRules {
    const rules = this.#topics.get(topic);
    if (rules === undefined) throw new Error(`the auditor was not told of topic ${topic}`);
    return rules;
  }

  #shadow(topic: string, partition: number): PartitionShadow {
    const key = `${topic}-${partition}`;
    let shadow = this.#shadows.get(key);
    if (shadow === undefined) {
      shadow = new PartitionShadow(topic, partition);
      this.#shadows.set(key, shadow);
    }
    return shadow;
  }

  #end(sent: Sent, outcome: 'acked' | 'failed', error: string): void {
    if (sent.outcome !== 'open') this.violated(`record ${sent.n} ended twice: ${sent.outcome}, then ${outcome}`);
    sent.outcome = outcome;
    sent.error = error;
    this.#open.delete(sent);
  }

  #see(sent: Sent, topic: string, partition: number, offset: number, safety: Safety): void {
    const wrong = this.#shadow(topic, partition).see(sent, offset, safety);
    if (wrong !== '') this.violated(wrong);
  }

  /** Which record these bytes are, after comparing all of them. */
  #identify(record: SeenRecord, at: string): Sent | null {
    const n = record.rawValue === null ? -1 : numberOf(record.rawValue);
    const sent = this.#sent[n];
    if (sent === undefined) {
      this.violated(`${at} holds a record that nobody sent`);
      return null;
    }
    if (record.rawValue === null || !record.rawValue.equals(makeValue(n, sent.valueBytes)))
      this.violated(`${at}: the value of record ${n} is changed`);
    if (sent.key === null ? record.rawKey !== null : record.rawKey?.equals(sent.key) !== true)
      this.violated(`${at}: the key of record ${n} is changed`);
    if (sent.timestampMs !== undefined && record.timestamp !== sent.timestampMs)
      this.violated(`${at}: record ${n} was sent with time ${sent.timestampMs} and has ${record.timestamp}`);
    if (sent.topic !== record.topic) {
      this.violated(`${at}: record ${n} was sent to ${sent.topic}`);
      return null;
    }
    if (sent.partition >= 0 && sent.partition !== record.partition)
      this.violated(`${at}: record ${n} was sent to partition ${sent.partition}`);
    const { partitionCounts } = this.#rules(record.topic);
    const { key } = sent;
    if (sent.partition < 0 && key !== null && ![...partitionCounts].some((count) => partitionOfKey(key, count) === record.partition))
      this.violated(`${at}: the key of record ${n} belongs to another partition`);
    return sent;
  }

  /** Whether a reader may have passed over these offsets. */
  #checkGap(at: string, shadow: PartitionShadow, from: number, to: number): void {
    const { retentionMs, retainsBytes } = this.#rules(shadow.topic);
    if (from < 0) return;
    // A power loss may take the front of a log: whoever seeks there goes on where it begins now.
    for (let offset = Math.max(from, shadow.startOffset); offset < to; offset++) {
      if (shadow.mayBeDeleted(offset) || retentionMs >= 0 || retainsBytes || shadow.isQuarantined(offset)) continue;
      this.violated(`${at}: ${offset} was due and never came`);
      return;
    }
  }

  #checkDeleted(shadow: PartitionShadow, rules: TopicRules, offset: number, { sent, safety }: Entry): void {
    // What was not owed any more may be lost at the front of a log too: the names of its first files, for instance.
    if (safety === 0 || shadow.mayBeDeleted(offset) || rules.retainsBytes) return;
    const { retentionMs } = rules;
    if (retentionMs >= 0 && (sent.timestampMs ?? sent.atMs) + retentionMs <= this.#latestMs) return;
    this.violated(`${shadow.topic}-${shadow.partition}@${offset} (record ${sent.n}) was removed, though nothing asked for it`);
  }

  /** Records of one producer lie in the order in which they were sent; what one that is not exact sent again counts once. */
  #checkOrder(shadow: PartitionShadow): void {
    const last = new Map<number, Sent>();
    const again = new Set<Sent>();
    for (const [offset, { sent }] of [...shadow.entries].sort(([a], [b]) => a - b)) {
      if (!sent.source.ordered || (!sent.source.exact && again.has(sent))) continue;
      again.add(sent);
      const before = last.get(sent.source.id);
      if (before !== undefined && (before.n > sent.n || (before === sent && sent.source.exact)))
        this.violated(
          `${shadow.topic}-${shadow.partition}@${offset}: record ${sent.n} lies behind record ${before.n} of the same producer`,
        );
      last.set(sent.source.id, sent);
    }
  }
}
