/**
 * What can be said to a partition host, and what it answers. One post carries all asks of a dispatcher's turn; one post back
 * carries all replies of the host's turn. Only numbers, strings, byte arrays and plain objects of them cross.
 */
import type { Durability, LogConfig } from '../log/config.ts';
import type { RefusedRecord } from '../record/record-rules.ts';

/** 0: answered at once. 1: when the leader has appended. −1: when committed at the topic's durability ('all'). */
export type Acks = 0 | 1 | -1;

/**
 * A partition as its host must know it. `slot` is its number on this bus while the bus is open, and names it in every ask; no other partition
 * gets it later, so that an ask that comes after its topic was deleted is not taken for one to another.
 */
export interface PartitionSpec {
  slot: number;
  topic: string;
  /** 16 bytes as 32 hexadecimal digits. */
  topicId: string;
  partition: number;
  leaderEpoch: number;
  config: LogConfig;
}

export interface OpenResult {
  slot: number;
  error: number;
  message: string;
  startOffset: number;
  endOffset: number;
}

/** Special times of listOffsets, as Kafka's ListOffsets numbers them. */
export const times = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

/** One partition's part of a fetch answer: bytes within the reply's buffer, a slice of a file for the asker to read, or an error. */
export interface FetchPart {
  slot: number;
  error: number;
  /** The offset that was asked for. The first batch may begin before it. */
  offset: number;
  /** The first offset after these bytes. */
  nextOffset: number;
  highWatermark: number;
  startOffset: number;
  /** Where the bytes lie: in `bytes` of the reply when `path` is empty, else in that file. */
  path: string;
  position: number;
  length: number;
  /** Of a slice: its batches were checked when they came in, since the log was opened. What was found in files is for the asker to check. */
  checked?: boolean;
}

export interface PartitionDescription {
  slot: number;
  topic: string;
  partition: number;
  error: number;
  /** 'online', 'disk-full' (appends refused until space is back), 'fenced' (a sync failed; being re-verified), 'offline' (cannot be opened). */
  state: 'online' | 'disk-full' | 'fenced' | 'offline';
  startOffset: number;
  endOffset: number;
  highWatermark: number;
  /** Bytes of the log, written or not; 0, with an error, when the disk does not tell. */
  logBytes: number;
  /** Of these, bytes held in memory, and bytes held only there. */
  residentBytes: number;
  unwrittenBytes: number;
  segments: number;
  /** Ranges of offsets that are damaged and skipped by reads. */
  quarantined: { firstOffset: number; nextOffset: number; path: string; position: number; length: number }[];
}

/** Of a partition of which nothing is known but where it belongs. */
export function blankDescription(
  { slot, topic, partition }: Pick<PartitionDescription, 'slot' | 'topic' | 'partition'>,
  error: number,
  state: PartitionDescription['state'],
): PartitionDescription {
  const sizes = { logBytes: 0, residentBytes: 0, unwrittenBytes: 0, segments: 0, quarantined: [] };
  return { slot, topic, partition, error, state, startOffset: -1, endOffset: -1, highWatermark: -1, ...sizes };
}

/** Every verb of a host: what is asked and what is answered. The unions below derive from it. */
export interface HostVerbs {
  /** From the coordinator: open or recover these partitions. */
  open: { ask: { partitions: PartitionSpec[]; clean: boolean }; reply: { results: OpenResult[] } };
  /** From the coordinator: a topic's configuration changed. */
  configure: { ask: { slots: number[]; config: LogConfig }; reply: object };
  /** From the coordinator: forget these partitions and remove their files; a slot that is not open here is no error. */
  drop: { ask: { slots: number[] }; reply: object };
  /**
   * Append one sealed batch. Its bytes lie in the asker's outbox at `position` (see dispatch/outbox.ts), or in `batch`.
   * `own` batches were made by this house: their CRC is right, foreign ones are checked.
   */
  append: {
    ask: { slot: number; acks: Acks; own: boolean; position: number; length: number; batch: Uint8Array | null };
    /**
     * `durability`: what this answer promises; with acks 1 at most 'written', as nothing was waited for. `refused`: of a batch that is refused
     * for the sake of some records, these (KIP-467).
     */
    reply: {
      baseOffset: number;
      logAppendTimeMs: number;
      startOffset: number;
      durability: Durability;
      message: string;
      refused?: readonly RefusedRecord[];
    };
  };
  /**
   * Read from many partitions; parked until `bytesMin` wait or `waitMs` pass. With `session` > 0 the host remembers the
   * partitions and offsets, moves them on as it delivers, and `changes` names only what is new, if anything: (slot, offset,
   * bytesMax) triples, bytesMax 0 to forget. With session 0 `changes` is the whole list. A session that the host no longer knows is answered with
   * FETCH_SESSION_ID_NOT_FOUND, and the asker sends the whole list again.
   */
  fetch: {
    ask: { session: number; fresh: boolean; changes: Float64Array | null; bytesMin: number; bytesMax: number; waitMs: number };
    reply: { parts: FetchPart[]; bytes: ArrayBuffer | null };
  };
  /** End a parked read now (its reply comes with what there is) and forget its session when `forget`. */
  wakeFetch: { ask: { session: number; forget: boolean }; reply: object };
  /** The first offset whose timestamp is at or after `timestampMs`, or one of `times`; offset −1 when there is none. */
  listOffsets: { ask: { slot: number; timestampMs: number }; reply: { offset: number; timestampMs: number; leaderEpoch: number } };
  /** Raise the log start offset; −1 means the high watermark. */
  deleteRecords: { ask: { slot: number; beforeOffset: number }; reply: { startOffset: number } };
  /** The idempotent producers that the partition remembers, the least recently seen first. */
  describeProducers: {
    ask: { slot: number };
    reply: { producers: { producerId: number; producerEpoch: number; lastSequence: number; timestampMs: number }[] };
  };
  /** A reader found wrong bytes at this offset: walk the segment, quarantine what is damaged. */
  verify: { ask: { slot: number; offset: number }; reply: { nextOffset: number } };
  /** All partitions when `slots` is null. */
  describe: { ask: { slots: number[] | null }; reply: { partitions: PartitionDescription[] } };
  /** Write out and sync what memory alone holds, write clean markers, close the files, end the thread. */
  close: { ask: { deadlineMs: number }; reply: { unfinished: string[] } };
}

export type HostVerb = keyof HostVerbs;
/** One ask: `id` comes back in its reply. */
export type HostAsk = { [V in HostVerb]: { verb: V; id: number } & HostVerbs[V]['ask'] }[HostVerb];
/** One reply: `error` is a code of base/errors.ts. A refusal carries only `error`; the other fields are then at their zero. */
export type HostReply = { [V in HostVerb]: { verb: V; id: number; error: number } & HostVerbs[V]['reply'] }[HostVerb];
export type HostAskOf<V extends HostVerb> = { verb: V; id: number } & HostVerbs[V]['ask'];
export type HostReplyOf<V extends HostVerb> = { verb: V; id: number; error: number } & HostVerbs[V]['reply'];

/** What a host tells without being asked: to the coordinator's port alone. */
export type HostNotice =
  | {
      notice: 'damage';
      slot: number;
      topic: string;
      partition: number;
      path: string;
      position: number;
      length: number;
      what: string;
      did: string;
    }
  | { notice: 'recovery'; topic: string; partition: number; doneBytes: number; totalBytes: number }
  | { notice: 'state'; slot: number; topic: string; partition: number; state: PartitionDescription['state']; reason: string }
  | {
      notice: 'load';
      residentBytes: number;
      unwrittenBytes: number;
      parkedReads: number;
      heapBytes: number;
      appendedBytes: number;
      diskFull: boolean;
    };

/** One post from a dispatcher or the coordinator to a host, and one back. */
export interface HostPost {
  asks: HostAsk[];
}
export interface HostAnswer {
  replies: HostReply[];
  notices: HostNotice[];
}
