/**
 * The consumer: it reads the partitions that it is told to (`assign`), or those that its group gives it (`groupId` and `topics`). Batches
 * and records are pulled by `for await` or `poll`; what is fetched ahead is bounded by bytes.
 */
import { BusError } from '../base/errors.ts';
import type { Dispatcher, Subscriber } from '../dispatch/dispatcher.ts';
import type { Header } from '../record/batch-write.ts';
import { loadTopic } from './ask.ts';
import { checkFunction, checkInteger, checkNames } from './check.ts';
import { type ConsumerOptions, checkConsumerOptions, notAssigned, placeOfReset } from './consumer-options.ts';
import { FinalRefusals } from './final-refusals.ts';
import { checkOffsetCommits } from './group/checks.ts';
import { type CommittedPartition, type GroupMetadata, type OffsetCommit, Participation } from './group/participation.ts';
import type { Runner, Work } from './group/work.ts';
import { checkUnemployed, endRunner, workOf } from './group/work-of.ts';
import { type Held, Intake } from './intake.ts';
import { lagOf, offsetAt, type PartitionLag, topicOf } from './offsets-at.ts';
import { readOptions } from './option-table.ts';
import {
  type Assignable,
  checkPlaces,
  checkTarget,
  checkWanted,
  checkWhere,
  keyOf,
  type SeekTarget,
  type TopicPartition,
  type Wanted,
} from './places.ts';
import { closeOptions } from './producer-options.ts';
import type { ConsumedBatch, ConsumedRecord } from './records.ts';
import { unknownPartition } from './refusals.ts';
import { type RunConsumer, runHandlers } from './run/run.ts';
import type { RunOptions } from './run/run-options.ts';
import type { RunReport } from './run/setup.ts';
import { type Serde, serdes } from './serde.ts';
import type { SqliteDatabase } from './sqlite/database.ts';
import { runTransactions } from './sqlite/run.ts';
import type { TransactionHandler, TransactionOptions } from './sqlite/transaction-options.ts';
import type { TransactionReport } from './sqlite/transactor.ts';
import { plainTopic, type Topic } from './topic.ts';

export type { CommittedPartition, GroupMetadata, OffsetCommit } from './group/participation.ts';
export type { PartitionLag } from './offsets-at.ts';
export type { SeekTarget, TopicPartition } from './places.ts';

type AnyTopic = Topic<unknown, unknown, unknown>;
type Expanded = TopicPartition & { topicId: string; declared: AnyTopic | undefined };

export class Consumer<K = string | Uint8Array, V = unknown, H = readonly Header[]> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #intake: Intake<K, V, H>;
  readonly #group: Participation<K, V, H> | null;
  readonly #declaredOf: (topic: string) => Topic<K, V, H>;
  readonly #resetTo: () => SeekTarget | null;
  readonly #recordsMax: number;
  readonly #refusals: FinalRefusals;
  readonly #closing: (consumer: Consumer<K, V, H>) => void;
  /** How often the user has asked for more, and how many of these asks wait now. */
  #steps = 0;
  #asking = 0;
  #closed: Promise<{ unfinished: string[] }> | null = null;
  #gone = false;
  #ended = false;

  constructor(dispatcher: Dispatcher, options: ConsumerOptions<K, V> = {}, closing: (consumer: Consumer<K, V, H>) => void = () => {}) {
    const checked = checkConsumerOptions(options);
    const key = options.key ?? (serdes.textOrBytes as Serde<unknown> as Serde<K>);
    const value = options.value ?? serdes.msgpack<V>();
    const declared = checked.group?.subscription?.declared;
    this.#dispatcher = dispatcher;
    this.#closing = closing;
    this.#declaredOf = (topic) => (declared?.get(topic) ?? (plainTopic(topic, key, value) as AnyTopic)) as Topic<K, V, H>;
    this.#resetTo = () => placeOfReset(checked.reset, dispatcher.clock.nowMs());
    this.#recordsMax = checked.recordsMax;
    this.#intake = new Intake(dispatcher, {
      reader: checked.reader,
      skipDamage: checked.skipDamage,
      resetTo: this.#resetTo,
      offsetOf: (one, target) => offsetAt(dispatcher, one, target),
    });
    this.#group =
      checked.group === null
        ? null
        : new Participation({
            dispatcher,
            intake: this.#intake,
            options: checked.group,
            callbacks: options,
            declaredOf: this.#declaredOf,
            startOf: async (place) => {
              const target = this.#resetTo();
              return target === null ? null : offsetAt(dispatcher, place, target);
            },
            activity: () => ({ steps: this.#steps, asking: this.#asking > 0 }),
          });
    this.#refusals = new FinalRefusals(dispatcher.clock, () => this.#isClosed || dispatcher.closed || this.#intake.isDead);
    dispatcher.subscribe(this);
  }

  /**
   * Reads exactly these partitions from now on; a topic's name or declaration stands for all its partitions. Partitions that were
   * assigned before keep their position, unless their topic was deleted and made anew. Others begin at what their group has committed, if
   * there is one, else where `autoOffsetReset` says, unless `seek` follows. Resolves with this consumer, which has the types of a
   * declared topic: `const consumer = await bus.consumer().assign(orders)`.
   */
  assign<TK, TV, TH>(what: Topic<TK, TV, TH> | readonly Topic<TK, TV, TH>[]): Promise<Consumer<TK, TV, TH>>;
  assign(what: string | readonly (string | TopicPartition)[]): Promise<this>;
  async assign(what: Assignable | readonly Assignable[]): Promise<unknown> {
    this.#checkOpen();
    if (this.#group?.isMember)
      throw new BusError('INVALID_ARGUMENT', 'the group assigns the partitions of this consumer: leave out topics to assign them yourself');
    const wanted = new Map<string, Expanded>();
    for (const one of checkWanted(what)) await this.#expand(one, wanted);
    const fresh = [...wanted.values()].filter((one) => !this.#intake.has(one));
    const starts = await this.#startsOf(fresh);
    this.#checkOpen();
    const topics = fresh.map((one) => topicOf(this.#dispatcher, one));
    // From here on nothing fails: what is assigned is what it was, or what was asked for.
    for (const one of this.#intake.all()) if (!wanted.has(keyOf(one))) this.#intake.remove(one);
    for (const one of fresh) this.#intake.remove(one);
    fresh.forEach(({ topic, partition, declared }, i) => {
      const known = (declared as Topic<K, V, H> | undefined) ?? this.#declaredOf(topic);
      const one = this.#intake.add(known, { topic, topicId: topics[i].topicId, partition }, starts[i].position);
      one.committed = starts[i].committed;
      this.#intake.follow(one, topics[i]);
    });
    return this;
  }

  /** What is assigned, with positions. */
  assignment(): (TopicPartition & { position: number; paused: boolean })[] {
    return this.#intake.all().map(({ topic, partition, position, paused }) => ({ topic, partition, position, paused }));
  }

  /** Goes on elsewhere; without `partition` all assigned partitions of the topic do. What was fetched ahead is dropped. */
  async seek(where: TopicPartition | { topic: string } | string, target: SeekTarget): Promise<void> {
    this.#checkOpen();
    const { topic, partition } = checkWhere(where);
    const place = checkTarget(target);
    const chosen = this.#intake.all().filter((one) => one.topic === topic && (partition === undefined || one.partition === partition));
    if (chosen.length === 0) throw notAssigned(topic, partition);
    const offsets = await Promise.all(chosen.map((one) => offsetAt(this.#dispatcher, one, place)));
    chosen.forEach((one, i) => {
      // It may have moved to another member meanwhile.
      if (this.#intake.find(one) === one) this.#intake.seek(one, offsets[i]);
    });
  }

  /** The offset of the next record that this partition will give. */
  position(topic: string, partition: number): number {
    const one = this.#intake.find({ topic, partition });
    if (one === undefined) throw notAssigned(topic, partition);
    return one.position;
  }

  /** Bytes that were fetched and not yet given out. */
  get queuedBytes(): number {
    return this.#intake.queuedBytes;
  }

  /** Stops giving out records of these partitions; all of them without an argument. A partition that moves and comes back is paused still. */
  pause(which?: readonly TopicPartition[]): void {
    for (const one of this.#select('pause', which)) this.#intake.shut(one, { paused: true });
  }

  resume(which?: readonly TopicPartition[]): void {
    for (const one of this.#select('resume', which)) this.#intake.shut(one, { paused: false });
    this.#intake.wake();
  }

  // Reading.

  /** Batches as they come, for ever: end it with `break`, or by closing the consumer. Asking for the next one says that one is finished. */
  batches(): AsyncGenerator<ConsumedBatch<K, V, H>, void, undefined> {
    return this.#read(() => this.#intake.giveBatch());
  }

  /** Records as they come, for ever: end it with `break`, or by closing the consumer. Asking for the next one says that one is finished. */
  [Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord<K, V, H>, void, undefined> {
    return this.#read(() => this.#intake.giveRecord());
  }

  /**
   * Up to `recordsMax` records, as soon as there is one; an empty list after `timeoutMs` (default 0: only what is here). Polling again
   * says that what the poll before gave is finished.
   */
  async poll(options: { timeoutMs?: number; recordsMax?: number } = {}): Promise<ConsumedRecord<K, V, H>[]> {
    checkNames('consumer.poll', options, ['timeoutMs', 'recordsMax']);
    const { timeoutMs = 0, recordsMax = this.#recordsMax } = options;
    checkInteger('timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER);
    checkInteger('recordsMax', recordsMax, 1, Number.MAX_SAFE_INTEGER);
    if (this.#refusals.areRepeated) await this.#refusals.pause();
    this.#checkOpen();
    checkUnemployed(this.#intake, 'poll');
    const { clock } = this.#dispatcher;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#step();
    for (;;) {
      const records: ConsumedRecord<K, V, H>[] = [];
      while (records.length < recordsMax) {
        const record = this.#intake.giveRecord();
        if (record === null) break;
        records.push(record);
      }
      // An error waits for the next call when records came before it.
      if (records.length === 0) this.#intake.throwFirst();
      const leftMs = deadlineMs - clock.monotonicMs();
      if (records.length > 0 || leftMs <= 0 || this.#isClosed) return records;
      await this.#more(leftMs);
    }
  }

  /**
   * Hands reading over to what runs the user's handlers (group/work.ts), until it ends. Throws BusError INVALID_ARGUMENT when another
   * one is at work.
   */
  employ(runner: Runner): Work<K, V, H> {
    this.#checkOpen();
    const isClosing = (): boolean => this.#isClosed;
    const employer = {
      intake: this.#intake,
      group: this.#group,
      get closing() {
        return isClosing();
      },
      step: () => this.#step(),
      more: (timeoutMs?: number) => this.#more(timeoutMs),
    };
    return workOf(employer, runner);
  }

  /**
   * Hands records to handlers until the run is stopped, fails, or the consumer is closed. Several partitions at once as `concurrency`
   * says, one record of each at a time, or of each key with `order: 'key'`. What is committed is handled, or in the dead-letter topic.
   * Resolves with what was done; rejects with USER_CODE_FAILED when a handler failed for good and `onFailure` is 'stop': then the position
   * stays at its record, and a further `run` begins there.
   */
  async run(options: RunOptions<K, V, H>): Promise<RunReport> {
    if (this.#refusals.areRepeated) await this.#refusals.pause();
    this.#checkOpen();
    return runHandlers(this.#forRun(), options);
  }

  /**
   * Carries records into a SQLite database of yours exactly once: what `handler` writes and how far the consumer is commit in one transaction
   * of that database, and reading resumes where it says, after any crash. `handler` is synchronous. Resolves and rejects as `run` does.
   */
  async transaction(
    db: SqliteDatabase,
    handler: TransactionHandler<K, V, H>,
    options: TransactionOptions = {},
  ): Promise<TransactionReport> {
    if (this.#refusals.areRepeated) await this.#refusals.pause();
    this.#checkOpen();
    return runTransactions(this.#forRun(), db, handler, options);
  }

  /** How far each assigned partition is behind its high watermark, asked of the hosts now. */
  async lag(): Promise<PartitionLag[]> {
    this.#checkOpen();
    return lagOf(this.#dispatcher, this.#intake.all());
  }

  /** What it waits for now, in words, a line each: its place in its group, then the partitions. For when nothing comes. */
  explain(): string[] {
    const ofPartition = (one: Held<K, V, H>): string => `${one.topic}-${one.partition} at ${one.position}: ${this.#intake.explain(one)}`;
    return [...(this.#group?.explain() ?? []), ...this.#intake.all().map(ofPartition)];
  }

  // The group.

  /** Who this consumer is in its group. Throws BusError INVALID_ARGUMENT without a `groupId`. */
  groupMetadata(): GroupMetadata {
    return this.#inGroup('groupMetadata').metadata();
  }

  /**
   * Stores offsets for the group: those given, each that of the next record to be handled, or else all that was given out so far (with
   * `run`: all that handlers have finished). Resolves when they are stored; is asked again for `apiTimeoutMs` while the coordinator is
   * away. Rejects with FENCED_MEMBER_EPOCH or UNKNOWN_MEMBER_ID when the partitions are another member's by now.
   */
  async commit(offsets?: readonly OffsetCommit[]): Promise<void> {
    const group = this.#stillInGroup('commit');
    await group.commit(offsets === undefined ? group.allToCommit() : checkOffsetCommits(offsets).map((one) => group.toCommit(one)));
  }

  /** As `commit`, without waiting; commits keep their order. A failure is told to `callback`, or else as an event. */
  commitAsync(offsets?: readonly OffsetCommit[], callback?: (error: BusError | null) => void): void {
    const group = this.#stillInGroup('commitAsync');
    if (callback !== undefined) checkFunction('the callback of commitAsync', callback);
    group.commitAsync(
      offsets === undefined ? group.allToCommit() : checkOffsetCommits(offsets).map((one) => group.toCommit(one)),
      callback,
    );
  }

  /** What the group has of these partitions; of all that are assigned without an argument. */
  async committed(which?: readonly TopicPartition[]): Promise<CommittedPartition[]> {
    const group = this.#stillInGroup('committed');
    return group.committed(which === undefined ? this.#intake.all() : checkPlaces('committed', which));
  }

  /**
   * Ends reading. In a group: hands over what it owns (onRevoked, a last commit of what is finished) and leaves. Resolves within
   * `deadlineMs` (default 30000) with what could not be finished, in words.
   */
  async close(options: { deadlineMs?: number } = {}): Promise<{ unfinished: string[] }> {
    const { deadlineMs } = readOptions('consumer.close', options, closeOptions);
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the dispatcher tells.

  /** A loop over records ends when the bus is closed; when the bus failed, nobody may take that for the end. */
  lost(reason: BusError): void {
    if (!this.#gone) this.#intake.fail(reason, 'for ever');
    this.#gone = true;
    this.#intake.wake();
  }

  closed(failed: boolean): void {
    if (failed) return this.lost(new BusError('COORDINATOR_NOT_AVAILABLE', 'the bus has failed: open it again'));
    this.#gone = true;
    this.#intake.wake();
  }

  // Helpers.

  get #isClosed(): boolean {
    return this.#closed !== null || this.#gone;
  }

  async *#read<T>(give: () => T | null): AsyncGenerator<T, void, undefined> {
    checkUnemployed(this.#intake, 'a loop');
    if (this.#refusals.areRepeated) await this.#refusals.pause();
    try {
      for (;;) {
        this.#step();
        const given = give();
        if (given !== null) {
          yield given;
          continue;
        }
        this.#intake.throwFirst();
        if (this.#isClosed) return;
        await this.#more();
      }
    } finally {
      // Left in the midst of it, by `break` or by a throw: what was given last is not known to be finished.
      this.#intake.abandon();
    }
  }

  /** The user asks for more. */
  #step(): void {
    this.#steps++;
    this.#intake.step();
    if (this.#closed === null) this.#group?.wanted();
  }

  async #more(timeoutMs?: number): Promise<void> {
    this.#asking++;
    await this.#intake.more(timeoutMs);
    this.#asking--;
  }

  async #close(deadlineMs: number): Promise<{ unfinished: string[] }> {
    this.#intake.wake();
    const unfinished: string[] = [];
    if (this.#group !== null) unfinished.push(...(await this.#group.close(deadlineMs)));
    else if (this.#intake.runner !== null) unfinished.push(...(await endRunner(this.#dispatcher, this.#intake.runner, deadlineMs)));
    this.#ended = true;
    this.#intake.close();
    this.#dispatcher.unsubscribe(this);
    this.#closing(this);
    return { unfinished };
  }

  #forRun(): RunConsumer<K, V, H> {
    return {
      dispatcher: this.#dispatcher,
      groupId: this.#group?.metadata().groupId ?? '',
      employ: (runner) => this.employ(runner),
      assignment: () => this.assignment(),
      seek: (where, target) => this.seek(where, target),
    };
  }

  /** Until the consumer has closed: what it hands over as it closes is committed too. */
  #stillInGroup(what: string): Participation<K, V, H> {
    const group = this.#inGroup(what);
    if (this.#ended || this.#dispatcher.closed) this.#checkOpen();
    return group;
  }

  #inGroup(what: string): Participation<K, V, H> {
    if (this.#group !== null) return this.#group;
    throw new BusError('INVALID_ARGUMENT', `${what} is for a consumer in a group: give bus.consumer a groupId`);
  }

  async #expand({ topic, partition, declared }: Wanted, into: Map<string, Expanded>): Promise<void> {
    const { topicId, partitions } = await loadTopic(this.#dispatcher, topic);
    const chosen = partition === undefined ? partitions.map((one) => one.partition) : [partition];
    for (const number of chosen) {
      if (partitions[number] === undefined) throw unknownPartition(topic, number, partitions.length);
      into.set(keyOf({ topic, partition: number }), { topic, topicId, partition: number, declared });
    }
  }

  /** Where partitions begin: at what the group has committed, else where a reset goes. */
  async #startsOf(places: readonly TopicPartition[]): Promise<{ position: number; committed: number }[]> {
    const committed = this.#group === null ? [] : await this.#group.committed(places);
    return Promise.all(
      places.map(async (place, i) => {
        const known = committed[i]?.offset ?? null;
        if (known !== null) return { position: known, committed: known };
        // 'none' means that the user seeks before reading; the end loses nothing that was there before.
        return { position: await offsetAt(this.#dispatcher, place, this.#resetTo() ?? 'end'), committed: -1 };
      }),
    );
  }

  #select(what: string, which: readonly TopicPartition[] | undefined): Held<K, V, H>[] {
    this.#checkOpen();
    if (which === undefined) return this.#intake.all();
    return checkPlaces(what, which).map((place) => {
      const one = this.#intake.find(place);
      if (one === undefined) throw notAssigned(place.topic, place.partition);
      return one;
    });
  }

  #checkOpen(): void {
    if (this.#isClosed || this.#dispatcher.closed) throw new BusError('CLOSED', 'the consumer is closed, or its bus is');
  }
}
