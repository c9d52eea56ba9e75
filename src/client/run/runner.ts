/**
 * Runs the user's handlers over what a consumer gives: which may begin is the scheduler's to say, how they are called is the hands'; here
 * are promises, time, failures and the end. Nothing is told to be finished that is neither handled nor put aside.
 *
 *   take ─▶ share (partition): batches ─refill─▶ scheduler ─start─▶ handler ─┬─ handled ──────────────────▶ finished
 *                                                  ▲                       └─ failed ─┬─ pause ─▶ again
 *                                                  └──────────────────────────────────┘─ dead letter, skip or stop
 */
import { BusError } from '../../base/errors.ts';
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Timer } from '../../world/clock.ts';
import { within } from '../../world/within.ts';
import type { Runner, Task, Work } from '../group/work.ts';
import { keyOf, type TopicPartition } from '../places.ts';
import type { ConsumedRecord } from '../records.ts';
import { reasonOf } from '../user-code.ts';
import { pauseMs } from './backoff.ts';
import { DeadLetters, wordsOf } from './dead-letters.ts';
import { announceFailure, failureOf, isFinal } from './failures.ts';
import { Scheduler } from './scheduler.ts';
import type { RunnerSetup, RunReport } from './setup.ts';
import { Share, type Unit, type UnitItem } from './share.ts';

/** Bytes that wait for handlers, over all partitions; each may have one batch beyond it. */
const QUEUED_BYTES = 8 * 1024 * 1024;
/** Handlers that return at once keep the thread for so long at most. */
const SLICE_MS = 10;
const LOOK_EVERY = 64;

export class HandlerRunner<K, V, H> implements Runner {
  readonly #setup: RunnerSetup<K, V, H>;
  readonly #scheduler: Scheduler<Unit<K, V, H>>;
  readonly #shares = new Map<string, Share<K, V, H>>();
  /** Handlers that have not returned, the longest first. */
  readonly #running = new Set<UnitItem<K, V, H>>();
  readonly #timers = new Set<Timer>();
  readonly #idle = new Set<() => void>();
  readonly #deadLetters: DeadLetters | null;
  readonly #report: RunReport = { handled: 0, retried: 0, deadLettered: 0, skipped: 0, unfinished: [] };
  readonly #ended = Promise.withResolvers<RunReport>();
  #work: Work<K, V, H> | null = null;
  #ending: Promise<void> | null = null;
  #failure: unknown = null;
  #pumping = false;
  #sliced = false;

  constructor(setup: RunnerSetup<K, V, H>) {
    this.#setup = setup;
    this.#scheduler = new Scheduler(setup.options);
    this.#deadLetters = setup.deadLetter === null ? null : new DeadLetters(setup.dispatcher, setup.deadLetter);
  }

  /** Runs until it is stopped, closed, or fails. */
  run(work: Work<K, V, H>): Promise<RunReport> {
    this.#work = work;
    void this.#listen(work);
    return this.#ended.promise;
  }

  /** Begins nothing more; the run has ended when handlers have, or their time is over. */
  async stop(): Promise<void> {
    await this.#end(null);
  }

  /** Where each partition that was touched goes on when the run has ended: not one that went, and has come back from elsewhere since. */
  positions(): (TopicPartition & { offset: number })[] {
    return [...this.#shares.values()]
      .filter(({ gone, lane: { topic, partition, tenure } }) => {
        return !gone && this.#work?.holds(topic, partition, tenure) !== false;
      })
      .map(({ lane: { topic, partition, tracker } }) => ({ topic, partition, offset: tracker.next }));
  }

  // What the consumer says.

  async revoking(partitions: readonly TopicPartition[]): Promise<void> {
    const shares = this.#select(partitions);
    for (const share of shares) this.#letGo(share);
    await this.#whenIdle(shares);
    this.#tell();
    for (const share of shares) if (share.isIdle) this.#forget(share);
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const share of this.#select(partitions)) {
      share.gone = true;
      this.#letGo(share);
      share.abort('this partition is another member’s now');
      // One whose handler still runs stays, so that it and the next one of this partition never run at once.
      if (share.isIdle) this.#forget(share);
    }
    this.#lookIdle();
  }

  async closing(withinMs = this.#setup.options.stopDeadlineMs): Promise<string[]> {
    await this.#end(null, withinMs);
    return this.#report.unfinished;
  }

  progress(topic: string, partition: number): Pick<PartitionProgress, 'doing' | 'sinceMs' | 'detail'> | null {
    return this.#shares.get(keyOf({ topic, partition }))?.progress ?? null;
  }

  busySinceMs(): number | null {
    for (const item of this.#running) return item.payload.begunMs;
    return null;
  }

  // Taking and beginning.

  async #listen(work: Work<K, V, H>): Promise<void> {
    while (this.#ending === null) {
      this.#pump();
      if (this.#ending !== null) return;
      if (work.closing) return void this.#end(null);
      await work.more();
    }
  }

  /** Takes in what is here and begins what may. Handlers that return at once are begun again and again, for a slice of time. */
  #pump(): void {
    if (this.#pumping || this.#ending !== null) return;
    this.#pumping = true;
    const { clock } = this.#setup.dispatcher;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    this.#takeAll();
    let begun = 0;
    for (let item = this.#next(); item !== null; item = this.#next()) {
      this.#begin(item);
      if (++begun % LOOK_EVERY === 0 && clock.monotonicMs() > untilMs) {
        this.#goOnLater();
        break;
      }
    }
    this.#tell();
    this.#pumping = false;
  }

  #goOnLater(): void {
    if (this.#sliced) return;
    this.#sliced = true;
    this.#setup.dispatcher.clock.soon(() => {
      this.#sliced = false;
      this.#pump();
    });
  }

  #next(): UnitItem<K, V, H> | null {
    return this.#ending === null ? this.#scheduler.start() : null;
  }

  #takeAll(): void {
    try {
      for (let task = this.#work?.take() ?? null; task !== null; task = this.#work?.take() ?? null) this.#add(task);
    } catch (error) {
      this.#fail(error);
    }
  }

  #add(task: Task<K, V, H>): void {
    const { topic, partition } = task.batch;
    const key = keyOf({ topic, partition });
    let share = this.#shares.get(key);
    // Out of range, a position may go back within one tenure.
    if (share === undefined || share.lane.tenure !== task.tenure || task.batch.firstOffset < share.nextOffset) {
      if (share !== undefined) {
        share.gone = true;
        this.#letGo(share);
        share.abort('this partition was sought elsewhere');
      }
      share = new Share(this.#scheduler, task, share === undefined || share.isIdle ? null : share, this.#nowMs());
      this.#shares.set(key, share);
    }
    share.add(task.batch);
    this.#refill(share);
    if (!share.held && share.queuedBytes >= QUEUED_BYTES / this.#shares.size) {
      share.held = true;
      this.#work?.hold(topic, partition);
    }
  }

  #refill(share: Share<K, V, H>): void {
    try {
      share.refill(this.#scheduler, this.#setup.hands.order);
    } catch (error) {
      this.#fail(error);
    }
    if (!share.held || share.queue.length > 0 || share.lane.closed) return;
    share.held = false;
    this.#work?.release(share.lane.topic, share.lane.partition);
  }

  #begin(item: UnitItem<K, V, H>): void {
    const { payload: unit } = item;
    if (unit.doom !== null) return void this.#putAside(item, unit.doom.cause);
    if (item.attempts > 1) this.#report.retried++;
    let result: unknown;
    try {
      result = this.#setup.hands.handle(item, (offset) => this.#advance(item, offset));
    } catch (cause) {
      return this.#failed(item, cause);
    }
    if (typeof result !== 'object' || result === null || !('then' in result)) return this.#handled(item);
    // Nobody asks before the handler has returned.
    unit.sinceMs = this.#nowMs();
    unit.begunMs = this.#setup.dispatcher.clock.monotonicMs();
    this.#running.add(item);
    Promise.resolve(result).then(
      () => {
        this.#running.delete(item);
        this.#handled(item);
        this.#pump();
      },
      (cause: unknown) => {
        this.#running.delete(item);
        this.#failed(item, cause);
        this.#pump();
      },
    );
  }

  // Outcomes.

  #handled(item: UnitItem<K, V, H>): void {
    this.#report.handled++;
    this.#finish(item);
  }

  #finish(item: UnitItem<K, V, H>): void {
    this.#scheduler.finish(item);
    this.#handlerEnded(item.payload.share);
  }

  /** One of the share's handlers is at its end. */
  #handlerEnded(share: Share<K, V, H>): void {
    const now = this.#shares.get(share.key);
    // The same partition under a newer tenure may have waited for this one.
    if (now !== undefined && this.#ending === null && !now.lane.closed) this.#refill(now);
    if (share.gone && share.isIdle) this.#forget(share);
    this.#lookIdle();
  }

  #nowMs(): number {
    return this.#setup.dispatcher.clock.nowMs();
  }

  #advance(item: UnitItem<K, V, H>, offset: number): void {
    const { batch } = item.payload;
    const end = batch?.nextOffset ?? item.offset;
    if (!Number.isSafeInteger(offset) || offset < item.offset || offset > end) {
      const what = `context.finished takes an offset of the batch, ${item.offset} to ${end - 1}, not ${offset - 1}`;
      throw new BusError('INVALID_ARGUMENT', what, { details: { offset: offset - 1, firstOffset: item.offset, nextOffset: end } });
    }
    if (item.state !== 'running') return;
    this.#scheduler.advance(item, offset);
  }

  #failed(item: UnitItem<K, V, H>, cause: unknown): void {
    const { options, dispatcher } = this.#setup;
    const { share } = item.payload;
    // Ended, moved or aborted: whoever has the partition next will handle it.
    if (this.#ending !== null || share.lane.closed || share.gone) {
      this.#scheduler.drop(item);
      return this.#handlerEnded(share);
    }
    const again = item.attempts < options.attempts && !isFinal(cause);
    announceFailure(item, cause, again ? 'retry' : options.onFailure);
    if (again) return this.#tryLater(item, cause, pauseMs(options, item.attempts, dispatcher.random));
    if (options.onFailure === 'stop') {
      this.#scheduler.drop(item);
      this.#fail(failureOf(item, cause));
    } else if (options.onFailure === 'skip') {
      this.#report.skipped += this.#concerned(item).length;
      this.#passOver(item);
    } else {
      item.payload.doom = { cause };
      void this.#putAside(item, cause);
    }
  }

  #tryLater(item: UnitItem<K, V, H>, cause: unknown, ms: number): void {
    const { clock } = this.#setup.dispatcher;
    item.payload.detail = wordsOf(cause);
    item.payload.sinceMs = this.#nowMs();
    this.#scheduler.wait(item);
    const timer = clock.after(
      ms,
      () => {
        this.#timers.delete(timer);
        // Its partition may have moved meanwhile.
        if (item.state !== 'waiting') return;
        this.#scheduler.again(item);
        this.#pump();
      },
      true,
    );
    this.#timers.add(timer);
  }

  /** To the dead letters; it is finished when they are acknowledged, and no sooner. */
  async #putAside(item: UnitItem<K, V, H>, cause: unknown): Promise<void> {
    const { groupId, options } = this.#setup;
    const records = this.#concerned(item);
    this.#running.add(item);
    try {
      await this.#deadLetters?.put(records as ConsumedRecord<unknown, unknown, unknown>[], { cause, attempts: item.attempts, groupId });
    } catch (refusal) {
      this.#running.delete(item);
      if (item.state !== 'running') return;
      if (this.#ending !== null || item.lane.closed) {
        this.#scheduler.drop(item);
        return this.#handlerEnded(item.payload.share);
      }
      if (refusal instanceof BusError && refusal.retriable) {
        this.#tryLater(item, refusal, pauseMs(options, 1, this.#setup.dispatcher.random));
      } else {
        this.#scheduler.drop(item);
        this.#fail(refusal);
      }
      return;
    }
    this.#running.delete(item);
    this.#report.deadLettered += records.length;
    this.#passOver(item);
    this.#pump();
  }

  /** What failed is dealt with; the rest of a batch of which one record failed goes on. */
  #passOver(item: UnitItem<K, V, H>): void {
    const { payload: unit } = item;
    if (unit.batch !== null && this.#setup.hands.fails === 'first') {
      const [first, second] = this.#concerned(item, 2);
      if (first !== undefined && second !== undefined) {
        this.#scheduler.advance(item, second.offset);
        unit.doom = null;
        unit.detail = '';
        item.attempts = 0;
        this.#scheduler.wait(item);
        this.#scheduler.again(item);
        return;
      }
    }
    this.#finish(item);
  }

  /** The records that a failure of this item is about. */
  #concerned({ payload: { record, batch }, offset }: UnitItem<K, V, H>, ofFirst = 1): ConsumedRecord<K, V, H>[] {
    if (record !== null) return [record];
    if (batch === null) return [];
    if (this.#setup.hands.fails === 'all') return batch.from(offset).records();
    const records: ConsumedRecord<K, V, H>[] = [];
    for (const one of batch.from(offset)) {
      records.push(one);
      if (records.length === ofFirst) break;
    }
    return records;
  }

  // Partitions that go, and the end.

  #select(partitions: readonly TopicPartition[]): Share<K, V, H>[] {
    return partitions.map((place) => this.#shares.get(keyOf(place))).filter((share) => share !== undefined);
  }

  /** Nothing more of it begins. */
  #letGo(share: Share<K, V, H>): void {
    share.clear();
    this.#scheduler.close(share.lane);
  }

  #forget(share: Share<K, V, H>): void {
    if (this.#shares.get(share.key) === share) this.#shares.delete(share.key);
  }

  /** Tells how far each partition is finished, once a turn rather than once a record. */
  #tell(): void {
    const nowMs = this.#nowMs();
    for (const share of this.#shares.values()) {
      const { topic, partition, tenure, tracker } = share.lane;
      if (share.gone || tracker.next === share.told) continue;
      share.told = tracker.next;
      share.quietSinceMs = nowMs;
      if (this.#work?.finished(topic, partition, tracker.next, tenure) === false) share.gone = true;
    }
  }

  #whenIdle(shares: readonly Share<K, V, H>[]): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!shares.every((share) => share.isIdle || share.gone)) return;
        this.#idle.delete(look);
        resolve();
      };
      this.#idle.add(look);
      look();
    });
  }

  #lookIdle(): void {
    if (this.#idle.size > 0) for (const look of [...this.#idle]) look();
  }

  #fail(failure: unknown): void {
    void this.#end({ failure });
  }

  #end(failed: { failure: unknown } | null, withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#ending === null) {
      this.#failure = failed?.failure ?? null;
      this.#ending = this.#endNow(Math.floor(Math.min(withinMs, this.#setup.options.stopDeadlineMs)));
    }
    return this.#ending;
  }

  async #endNow(withinMs: number): Promise<void> {
    const { clock } = this.#setup.dispatcher;
    const shares = [...this.#shares.values()];
    for (const share of shares) this.#letGo(share);
    for (const timer of this.#timers) timer.cancel();
    // Handlers that look at their signal have the second half of the time to come to an end.
    const hurry = clock.after(
      withinMs / 2,
      () => {
        for (const share of shares) share.abort('the run ends');
      },
      true,
    );
    await within(clock, withinMs, this.#whenIdle(shares), undefined);
    hurry.cancel();
    for (const share of shares) {
      if (share.isIdle || share.gone) continue;
      const [item] = share.lane.open;
      this.#report.unfinished.push(`the handler of ${share.name} at offset ${item.offset} did not end within ${withinMs} ms`);
      share.abort('the run has ended');
    }
    this.#tell();
    await Promise.all([this.#deadLetters?.close(), this.#setup.hands.close()]).catch((error: unknown) => {
      this.#report.unfinished.push(reasonOf(error));
    });
    if (this.#failure === null) this.#ended.resolve(this.#report);
    else this.#ended.reject(this.#failure);
  }
}
