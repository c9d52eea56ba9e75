/**
 * One partition as a run handles it, under one tenure: the batches that wait, the one whose records are being handed out, and the signal of
 * its handlers. How far it got is its lane's to know, which the scheduler keeps.
 */
import { BusError } from '../../base/errors.ts';
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Task } from '../group/work.ts';
import { keyOf } from '../places.ts';
import type { ConsumedBatch, ConsumedRecord } from '../records.ts';
import type { Item, Lane, Scheduler } from './scheduler.ts';

/** What is handed to a handler: a record, or a batch of which `item.offset` says where it goes on. */
export interface Unit<K, V, H> {
  readonly record: ConsumedRecord<K, V, H> | null;
  readonly batch: ConsumedBatch<K, V, H> | null;
  readonly share: Share<K, V, H>;
  /** Wall clock: since when it is handled, or waits to be. */
  sinceMs: number;
  /** The same, monotonic. */
  begunMs: number;
  /** Its last attempt failed with this: it goes to the dead letters, and no handler sees it again. */
  doom: { cause: unknown } | null;
  /** Why it is tried again; '' at the first attempt. */
  detail: string;
}

export type UnitItem<K, V, H> = Item<Unit<K, V, H>>;

export interface Order {
  /** Whole batches, or single records. */
  unit: 'batch' | 'record';
  /** Order by key. */
  keyed: boolean;
}

/** With order by partition every record has this key. */
const WHOLE = '';

export class Share<K, V, H> {
  /** Names the partition in tables. */
  readonly key: string;
  readonly lane: Lane<Unit<K, V, H>>;
  /** Batches that are not begun, and their bytes. */
  queue: ConsumedBatch<K, V, H>[] = [];
  queuedBytes = 0;
  /** Where the next batch goes on. */
  nextOffset: number;
  /** The consumer was told to give no more. */
  held = false;
  /** Wall clock: when it was last told to have got further, or its first batch came. */
  quietSinceMs: number;
  /** What was told to be finished last. */
  told: number;
  /** The same partition under an older tenure: nothing begins before its last handler has ended. */
  before: Share<K, V, H> | null;
  /** Another member's by now, or sought elsewhere: nothing of it counts. */
  gone = false;
  #batch: ConsumedBatch<K, V, H> | null = null;
  #records: Iterator<ConsumedRecord<K, V, H>> | null = null;
  #controller: AbortController | null = null;
  #aborted: BusError | null = null;

  constructor(scheduler: Scheduler<Unit<K, V, H>>, { batch, tenure }: Task<K, V, H>, before: Share<K, V, H> | null, nowMs: number) {
    this.quietSinceMs = nowMs;
    this.key = keyOf(batch);
    this.lane = scheduler.lane(batch.topic, batch.partition, tenure, batch.firstOffset);
    this.nextOffset = batch.firstOffset;
    this.told = batch.firstOffset;
    this.before = before;
  }

  get name(): string {
    return `${this.lane.topic}-${this.lane.partition}`;
  }

  /** No handler runs, and nothing waits to be tried again. */
  get isIdle(): boolean {
    return this.lane.open.size === 0;
  }

  /** What is done here now; null: nothing. */
  get progress(): Pick<PartitionProgress, 'doing' | 'sinceMs' | 'detail'> | null {
    let waiting: UnitItem<K, V, H> | null = null;
    for (const item of this.lane.open) {
      const { sinceMs, detail } = item.payload;
      if (item.state === 'running') return { doing: 'handling', sinceMs, detail };
      waiting ??= item;
    }
    if (waiting !== null) return { doing: 'retrying', sinceMs: waiting.payload.sinceMs, detail: waiting.payload.detail };
    if (this.queue.length === 0 && this.lane.ready.length === 0) return null;
    return { doing: 'queue-full', sinceMs: this.quietSinceMs, detail: 'it waits for its turn: as many handlers run as may' };
  }

  /** Made when the first handler looks at it: most never do. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#aborted !== null;
  }

  abort(why: string): void {
    if (this.#aborted !== null) return;
    this.#aborted = new BusError('ABORTED', `${this.name}: ${why}`, {
      details: { topic: this.lane.topic, partition: this.lane.partition },
    });
    this.#controller?.abort(this.#aborted);
  }

  add(batch: ConsumedBatch<K, V, H>): void {
    this.queue.push(batch);
    this.nextOffset = batch.nextOffset;
    this.queuedBytes += batch.bytes.length;
  }

  /** Gives the scheduler what the lane has room for. Throws CORRUPT_MESSAGE for a batch that cannot be read, which is passed over then. */
  refill(scheduler: Scheduler<Unit<K, V, H>>, order: Order): void {
    if (this.before !== null && !this.before.isIdle) return;
    this.before = null;
    while (scheduler.hasRoom(this.lane)) {
      if (this.#records === null) {
        const batch = this.queue.shift();
        if (batch === undefined) return;
        this.queuedBytes -= batch.bytes.length;
        if (order.unit === 'batch') {
          scheduler.admit(this.lane, batch.firstOffset, WHOLE, this.#unit(null, batch));
          this.lane.tracker.passTo(batch.nextOffset);
          continue;
        }
        this.#batch = batch;
        this.#records = batch[Symbol.iterator]();
      }
      this.#admitNext(scheduler, order);
    }
  }

  /** Lets go of what was not begun. */
  clear(): void {
    this.queue = [];
    this.queuedBytes = 0;
    this.#records = null;
    this.#batch = null;
  }

  #admitNext(scheduler: Scheduler<Unit<K, V, H>>, order: Order): void {
    const batch = this.#batch as ConsumedBatch<K, V, H>;
    const records = this.#records as Iterator<ConsumedRecord<K, V, H>>;
    let ended = true;
    try {
      const next = records.next();
      if (!next.done) {
        ended = false;
        const record = next.value;
        const key = order.keyed ? (record.rawKey?.toString('latin1') ?? null) : WHOLE;
        scheduler.admit(this.lane, record.offset, key, this.#unit(record, null));
      }
    } finally {
      if (ended) {
        this.lane.tracker.passTo(batch.nextOffset);
        this.#records = null;
        this.#batch = null;
      }
    }
  }

  #unit(record: ConsumedRecord<K, V, H> | null, batch: ConsumedBatch<K, V, H> | null): Unit<K, V, H> {
    return { record, batch, share: this, sinceMs: 0, begunMs: 0, doom: null, detail: '' };
  }
}
