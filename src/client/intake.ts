/**
 * What a consumer holds and takes in: its partitions with their positions, the chunk that was begun, the errors that the next read
 * throws, and who waits for more. It knows nothing of groups; it remembers how far the user is finished, so that others may commit it.
 */
import { BusError, errors } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Chunk } from '../dispatch/feed.ts';
import { Reader, type ReaderOptions } from '../dispatch/reader.ts';
import { stoppedError } from './consumer-options.ts';
import type { Runner } from './group/work.ts';
import { keyOf, type SeekTarget, type TopicPartition } from './places.ts';
import { ConsumedBatch, type ConsumedRecord } from './records.ts';
import type { Topic } from './topic.ts';

/** A partition that is held. */
export interface Held<K, V, H> extends TopicPartition {
  /** Of the topic that was taken up: another may get its name. */
  readonly topicId: string;
  readonly declared: Topic<K, V, H>;
  /** The offset of the next record that will be given; −1: nobody knows, it waits for a seek. */
  position: number;
  /** All below is finished; −1: nothing to be committed. */
  finished: number;
  /** What the group has of it, as far as is known here; −1: nothing. */
  committed: number;
  /** Changes with each assignment and seek: what was begun before does not count any more. */
  tenure: number;
  /** Changes with each assignment; −1 when it is held no more. */
  holding: number;
  /** By the user. */
  paused: boolean;
  /** By what runs his handlers. */
  held: boolean;
  /** It is on its way to or from another member. */
  moving: boolean;
}

export interface IntakeSetup {
  reader: ReaderOptions;
  /** Where to go on when an offset is out of range; null: tell the user. */
  resetTo(): SeekTarget | null;
  skipDamage: boolean;
  /** Finds the offset of a place. */
  offsetOf(one: TopicPartition, target: SeekTarget): Promise<number>;
}

interface Begun<K, V, H> {
  records: Iterator<ConsumedRecord<K, V, H>>;
  chunk: Chunk;
  one: Held<K, V, H>;
}

export class Intake<K, V, H> {
  /** What runs the user's handlers, if something does. */
  runner: Runner | null = null;
  readonly #dispatcher: Dispatcher;
  readonly #setup: IntakeSetup;
  readonly #reader: Reader;
  readonly #all = new Map<string, Held<K, V, H>>();
  /** Errors that the next read throws, in order. */
  readonly #errors: BusError[] = [];
  readonly #waiting = new Set<() => void>();
  /** Records of a chunk that a poll or a record iteration has begun. */
  #begun: Begun<K, V, H> | null = null;
  /** What was given out since the last step, and may still be worked on. */
  readonly #given: Held<K, V, H>[] = [];
  readonly #quieted = new Set<() => void>();
  #tenures = 0;
  /** What every read throws: there is no going on. */
  #fatal: BusError | null = null;

  constructor(dispatcher: Dispatcher, setup: IntakeSetup) {
    this.#dispatcher = dispatcher;
    this.#setup = setup;
    this.#reader = new Reader(dispatcher, setup.reader, {
      ready: () => this.wake(),
      stopped: (topic, partition, error, offset, nextOffset, startOffset, highWatermark) =>
        this.#stopped(topic, partition, error, offset, nextOffset, startOffset, highWatermark),
    });
  }

  get queuedBytes(): number {
    return this.#reader.queuedBytes;
  }

  // Holding.

  all(): Held<K, V, H>[] {
    return [...this.#all.values()];
  }

  find(place: TopicPartition): Held<K, V, H> | undefined {
    return this.#all.get(keyOf(place));
  }

  /** Whether a partition is held, and is of this topic: another may have had its name. */
  has({ topic, partition, topicId }: TopicPartition & { topicId: string }): boolean {
    return this.#reader.follows(topic, partition, topicId);
  }

  /** Not fetched before `follow`. */
  add(declared: Topic<K, V, H>, { topic, topicId, partition }: TopicPartition & { topicId: string }, position: number): Held<K, V, H> {
    const tenure = ++this.#tenures;
    const one: Held<K, V, H> = {
      declared,
      topic,
      topicId,
      partition,
      position,
      finished: position,
      committed: -1,
      tenure,
      holding: tenure,
      paused: false,
      held: false,
      moving: false,
    };
    this.#all.set(keyOf(one), one);
    return one;
  }

  /** Begins to fetch where its position is. */
  follow(one: Held<K, V, H>, topic: TopicMetadata): void {
    this.#reader.follow(topic, one.partition, Math.max(0, one.position));
    if (this.#isShut(one)) this.#reader.pause(one.topic, one.partition);
  }

  remove(place: TopicPartition): void {
    const one = this.find(place);
    if (one === undefined) return;
    this.#reader.unfollow(one.topic, one.partition);
    this.#all.delete(keyOf(one));
    // Whoever still works on it works for nothing.
    one.tenure = -1;
    one.holding = -1;
    if (this.#begun?.one === one) this.#begun = null;
    const at = this.#given.indexOf(one);
    if (at === -1) return;
    this.#given.splice(at, 1);
    this.#tellQuiet();
  }

  seek(one: Held<K, V, H>, offset: number): void {
    one.position = offset;
    one.finished = offset;
    one.tenure = ++this.#tenures;
    if (this.#begun?.one === one) this.#begun = null;
    this.#reader.seek(one.topic, one.partition, offset);
    this.#gate(one);
  }

  /** Sets some of the reasons for which a partition gives nothing. */
  shut(one: Held<K, V, H>, why: Partial<Pick<Held<K, V, H>, 'paused' | 'held' | 'moving'>>): void {
    Object.assign(one, why);
    this.#gate(one);
  }

  /** What the next records of a partition wait for, in words. */
  explain(one: Held<K, V, H>): string {
    if (one.moving) return 'it is being handed over';
    if (one.position < 0) return 'it waits for a seek: nothing of it is committed';
    if (one.paused) return 'it is paused';
    if (one.held) return 'its handlers are at work';
    if (this.#begun?.one === one) return 'a batch of it was begun';
    return this.#reader.explain(one.topic, one.partition);
  }

  highWatermark(one: TopicPartition): number {
    return this.#reader.highWatermark(one.topic, one.partition);
  }

  // Being finished.

  /** The user asks for more: what he was given before is finished. */
  step(): void {
    if (this.#given.length === 0) return;
    for (const one of this.#given) one.finished = one.position;
    this.#forgetGiven();
  }

  /** The user has turned away from what he was given; nobody knows whether he was finished with it. */
  abandon(): void {
    if (this.#given.length > 0) this.#forgetGiven();
  }

  get isWorkedOn(): boolean {
    return this.#given.length > 0;
  }

  isGiven(one: Held<K, V, H>): boolean {
    return this.#given.includes(one);
  }

  /** Resolves when nothing of these is being worked on by the user. */
  async quiet(which: readonly Held<K, V, H>[]): Promise<void> {
    while (which.some((one) => this.#given.includes(one))) {
      await new Promise<void>((resolve) => this.#quieted.add(resolve));
    }
  }

  #forgetGiven(): void {
    this.#given.length = 0;
    this.#tellQuiet();
  }

  #tellQuiet(): void {
    if (this.#quieted.size === 0) return;
    for (const resolve of this.#quieted) resolve();
    this.#quieted.clear();
  }

  // Taking.

  /** Null when none is here; an error may wait then. */
  takeBatch(): { batch: ConsumedBatch<K, V, H>; one: Held<K, V, H> } | null {
    // A batch whose records were begun one by one is finished as a batch from there.
    const begun = this.#begun;
    if (begun !== null) {
      this.#begun = null;
      const { chunk, one } = begun;
      if (one.position < chunk.nextOffset) return this.#batchOf({ ...chunk, offset: one.position }, one);
    }
    for (let chunk = this.#reader.take(); chunk !== undefined; chunk = this.#reader.take()) {
      const one = this.#all.get(keyOf(chunk));
      if (one !== undefined) return this.#batchOf(chunk, one);
    }
    return null;
  }

  /** As `takeBatch`, for the user: what he gets is worked on until the next step. */
  giveBatch(): ConsumedBatch<K, V, H> | null {
    const taken = this.takeBatch();
    if (taken === null) return null;
    this.#give(taken.one);
    return taken.batch;
  }

  /** Null when none is here; an error may wait then. */
  giveRecord(): ConsumedRecord<K, V, H> | null {
    for (;;) {
      if (this.#begun === null) {
        const chunk = this.#reader.take();
        if (chunk === undefined) return null;
        const one = this.#all.get(keyOf(chunk));
        if (one === undefined) continue;
        this.#begun = { records: new ConsumedBatch(one.declared, chunk)[Symbol.iterator](), chunk, one };
      }
      const { records, chunk, one } = this.#begun;
      try {
        const next = records.next();
        if (!next.done) {
          one.position = next.value.offset + 1;
          this.#give(one);
          return next.value;
        }
      } catch (error) {
        // A batch that matches its CRC and holds no records that can be read: told, and passed over.
        if (!(error instanceof BusError)) throw error;
        this.#errors.push(error);
      }
      one.position = chunk.nextOffset;
      this.#begun = null;
      if (this.#errors.length > 0) return null;
    }
  }

  /** What is fatal is thrown each time, anything else once. */
  throwFirst(): void {
    if (this.#fatal !== null) throw this.#fatal;
    const first = this.#errors.shift();
    if (first !== undefined) throw first;
  }

  /** No read can succeed any more. */
  get isDead(): boolean {
    return this.#fatal !== null;
  }

  fail(error: BusError, what: 'once' | 'for ever'): void {
    if (what === 'once') this.#errors.push(error);
    else this.#fatal = error;
    this.wake();
  }

  /** Until something may be here, or for so long. */
  more(timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        timer?.cancel();
        this.#waiting.delete(go);
        this.#dispatcher.release();
        resolve();
      };
      const timer = timeoutMs === undefined ? null : this.#dispatcher.clock.after(timeoutMs, go, true);
      this.#waiting.add(go);
      this.#dispatcher.hold();
    });
  }

  wake(): void {
    for (const go of [...this.#waiting]) go();
  }

  close(): void {
    this.#reader.close();
    this.#begun = null;
    this.#errors.length = 0;
    this.#forgetGiven();
    this.wake();
  }

  #batchOf(chunk: Chunk, one: Held<K, V, H>): { batch: ConsumedBatch<K, V, H>; one: Held<K, V, H> } {
    one.position = chunk.nextOffset;
    return { batch: new ConsumedBatch(one.declared, chunk), one };
  }

  #give(one: Held<K, V, H>): void {
    if (!this.#given.includes(one)) this.#given.push(one);
  }

  #isShut({ paused, held, moving, position }: Held<K, V, H>): boolean {
    return paused || held || moving || position < 0;
  }

  #gate(one: Held<K, V, H>): void {
    if (!this.#isShut(one)) {
      this.#reader.resume(one.topic, one.partition);
      return this.wake();
    }
    this.#reader.pause(one.topic, one.partition);
    if (this.#begun?.one !== one) return;
    // What is left of a chunk that was begun is fetched again.
    this.#begun = null;
    this.#reader.seek(one.topic, one.partition, one.position);
  }

  #stopped(
    topic: string,
    partition: number,
    error: number,
    offset: number,
    nextOffset: number,
    startOffset: number,
    highWatermark: number,
  ): void {
    const one = this.find({ topic, partition });
    if (one === undefined) return;
    const { skipDamage } = this.#setup;
    const reset = this.#setup.resetTo();
    if (error === errors.OFFSET_OUT_OF_RANGE.code && startOffset < 0) return this.#stoppedSomewhere(one, offset);
    if (error === errors.OFFSET_OUT_OF_RANGE.code && reset !== null) {
      const end = highWatermark < 0 ? 'end' : highWatermark;
      return this.#moveTo(one, reset === 'beginning' || offset < startOffset ? startOffset : reset === 'end' ? end : reset);
    }
    if (error === errors.CORRUPT_MESSAGE.code && nextOffset > offset) {
      one.position = Math.max(one.position, nextOffset);
      this.#reader.seek(topic, partition, nextOffset);
      if (skipDamage) return;
    }
    this.fail(stoppedError(topic, partition, error, offset, nextOffset, startOffset), 'once');
  }

  /** Kafka's brokers do not say from where to where the log goes when they refuse an offset: they are asked. */
  #stoppedSomewhere(one: Held<K, V, H>, offset: number): void {
    const { tenure, topic, partition } = one;
    this.#setup.offsetOf(one, 'beginning').then(
      (start) => {
        if (one.tenure === tenure) this.#stopped(topic, partition, errors.OFFSET_OUT_OF_RANGE.code, offset, offset, start, -1);
      },
      (failure: unknown) => this.fail(failure as BusError, 'once'),
    );
  }

  #moveTo(one: Held<K, V, H>, target: SeekTarget): void {
    if (typeof target === 'number') {
      one.position = target;
      this.#reader.seek(one.topic, one.partition, target);
      return;
    }
    const { tenure } = one;
    this.#setup.offsetOf(one, target).then(
      (offset) => {
        if (one.tenure === tenure) this.#moveTo(one, offset);
      },
      (error: unknown) => this.fail(error as BusError, 'once'),
    );
  }
}
