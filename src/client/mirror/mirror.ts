/**
 * Copies topics, their configs, their records and the offsets of groups from one bus to another, and goes on following: the way out when one
 * host is not enough. Keys, values, headers, timestamps, partitions and order stay; each record arrives once, also over kills
 * of the mirror (lane.ts says why). Offsets are the same where both sides begin at 0, else those of groups are translated.
 */

import { MiB } from '../../base/bytes.ts';
import { BusError } from '../../base/errors.ts';
import { realClock } from '../../world/clock.ts';
import type { Consumer } from '../consumer.ts';
import { keyOf } from '../places.ts';
import type { Producer } from '../producer.ts';
import { ConsumedBatch } from '../records.ts';
import { serdes } from '../serde.ts';
import { SettledPositions } from '../settled-positions.ts';
import { checkpointText } from './checkpoint.ts';
import type { MirrorEnd } from './ends.ts';
import { MirroredGroups } from './groups.ts';
import { type Lane, openLane, spansOf } from './lane.ts';
import { type CheckedMirrorOptions, checkMirrorOptions, type MirrorOptions, type MirrorProgress } from './options.ts';
import { MirroredTopics } from './topics.ts';

/** Bytes of batches that may be on their way to the target. */
const IN_FLIGHT_BYTES_MAX = 32 * MiB;
const TICK_MS = 100;
/** A mirror that was killed may have left a batch on its way; the target has taken it by then. */
const SETTLE_MS = 250;
/** Being stopped, it waits so long for what is on its way. */
const DRAIN_MS = 10_000;

type Bytes = Buffer | Uint8Array;

/**
 * Mirrors until its signal is aborted, or with `once` until all is copied that was there at the start. Resolves with what was done. Rejects
 * with a BusError that says what to do; mirrored again, it goes on where it stood.
 */
export async function mirror(from: MirrorEnd, to: MirrorEnd, options: MirrorOptions = {}): Promise<MirrorProgress> {
  const checked = checkMirrorOptions(options);
  const mirrored = new Mirror(from, to, checked);
  try {
    await mirrored.run();
  } finally {
    await mirrored.close();
  }
  return mirrored.progress();
}

class Mirror {
  readonly #from: MirrorEnd;
  readonly #to: MirrorEnd;
  readonly #options: CheckedMirrorOptions;
  readonly #topics: MirroredTopics;
  readonly #groups: MirroredGroups;
  readonly #producer: Producer<Bytes, Bytes>;
  readonly #consumer: Consumer<Bytes, Bytes>;
  readonly #lanes = new Map<string, Lane>();
  /** Ids of the topics that are mirrored, by name. */
  readonly #known = new Map<string, { topicId: string; partitions: number }>();
  /** With `once`: where each partition ends. */
  readonly #ends = new Map<string, number>();
  #batches: AsyncGenerator<ConsumedBatch<Bytes, Bytes>, void, undefined>;
  #records = 0;
  #bytes = 0;
  /** Whether the ends of the source were asked for. */
  #isMeasured = false;
  #inFlightBytes = 0;
  #failure: BusError | null = null;
  #said = '';

  constructor(from: MirrorEnd, to: MirrorEnd, options: CheckedMirrorOptions) {
    if (from === to) throw new BusError('INVALID_ARGUMENT', 'a bus is not mirrored to itself');
    this.#from = from;
    this.#to = to;
    this.#options = options;
    const ends = { from: from.admin(), to: to.admin(), onNotice: options.onNotice };
    this.#topics = new MirroredTopics({ ...ends, replicationFactor: options.replicationFactor });
    const translate = (topic: string, partition: number, offset: number): number | null =>
      this.#lanes.get(keyOf({ topic, partition }))?.map.translate(offset) ?? null;
    this.#groups = new MirroredGroups({ ...ends, isGroup: options.isGroup, translate });
    this.#producer = to.producer<Bytes, Bytes>({
      key: serdes.raw,
      value: serdes.raw,
      compression: options.compression,
      autoCreateTopics: false,
      lingerMs: 5,
      bufferMemory: 2 * IN_FLIGHT_BYTES_MAX,
      maxRequestSize: 256 * MiB,
      // A target that is away for long is waited for: giving a batch up would end the mirror.
      maxBlockMs: Number.MAX_SAFE_INTEGER,
      deliveryTimeoutMs: Number.MAX_SAFE_INTEGER,
    });
    this.#consumer = from.consumer<Bytes, Bytes>({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
    this.#batches = this.#consumer.batches();
  }

  progress(): MirrorProgress {
    const { size: topics } = this.#known;
    const { size: partitions } = this.#lanes;
    let behind = this.#isMeasured ? 0 : -1;
    if (this.#isMeasured) for (const { end, map } of this.#lanes.values()) behind += Math.max(0, end - map.nextSource);
    return { topics, partitions, records: this.#records, bytes: this.#bytes, behind, groups: this.#groups.count };
  }

  async run(): Promise<void> {
    const { signal, once, commitEveryMs, refreshEveryMs } = this.#options;
    await this.#refresh();
    const commits = this.#every(commitEveryMs, () => this.#commit());
    const refreshes = this.#every(refreshEveryMs, () => this.#refresh());
    const positions = new SettledPositions();
    let next = this.#read();
    let tick = later(TICK_MS);
    try {
      while (signal?.aborted !== true && this.#failure === null && !(once && this.#isComplete())) {
        const got = await Promise.race([next, tick]);
        if (got === 'later') {
          tick = later(TICK_MS);
          for (const { topic, partition, position } of positions.look(this.#consumer.assignment())) {
            this.#lanes.get(keyOf({ topic, partition }))?.passed(position);
          }
          this.#options.onProgress(this.progress());
          continue;
        }
        if (got === null) break;
        positions.arrived();
        if (got instanceof ConsumedBatch) await this.#forward(got);
        next = this.#read();
      }
    } finally {
      await Promise.all([commits.end(), refreshes.end()]);
    }
    if (this.#failure !== null) throw this.#failure;
    const settled = Promise.all([...this.#lanes.values()].map((lane) => lane.settled));
    if ((await Promise.race([settled, later(DRAIN_MS, false)])) === 'later') {
      const what = `the target did not acknowledge everything within ${DRAIN_MS} ms; mirrored again, it goes on where it stood`;
      throw new BusError('REQUEST_TIMED_OUT', what);
    }
    await this.#commit();
    await this.#groups.bring();
    await this.#measure();
    this.#options.onProgress(this.progress());
  }

  /** What is acknowledged stays noted, also when it ends by a failure. */
  async close(): Promise<void> {
    await this.#consumer.close();
    await this.#producer.close({ deadlineMs: this.#failure === null ? 30_000 : 1000 });
    await this.#commit().catch(() => {});
  }

  /** The next batch; 'gone' when the source has no such topic any more. Null at the end. */
  async #read(): Promise<ConsumedBatch<Bytes, Bytes> | 'gone' | null> {
    try {
      const { value, done } = await this.#batches.next();
      return done === true ? null : value;
    } catch (error) {
      this.#batches = this.#consumer.batches();
      const topic = error instanceof BusError && error.code.startsWith('UNKNOWN_TOPIC') ? error.details.topic : undefined;
      if (typeof topic === 'string' && this.#known.has(topic)) this.#forget(topic);
      // What is damaged at the source cannot be copied; what lies behind it can.
      else if (error instanceof BusError && error.code === 'CORRUPT_MESSAGE') this.#options.onNotice(error.message);
      else if (topic === undefined) this.#fail(error);
      return 'gone';
    }
  }

  async #forward(batch: ConsumedBatch<Bytes, Bytes>): Promise<void> {
    const lane = this.#lanes.get(keyOf(batch));
    if (lane === undefined) return;
    lane.end = Math.max(lane.end, batch.highWatermark);
    const offsets: number[] = [];
    const sent = lane.take(views(batch), offsets);
    const bytes = batch.bytes.length;
    const receipts = sent.length === 0 ? Promise.resolve([]) : this.#producer.send(lane.place.topic, sent);
    this.#inFlightBytes += bytes;
    const settled = lane
      .follow(receipts, offsets, batch.nextOffset)
      .then(() => {
        this.#records += sent.length;
        for (const { key, value } of sent) this.#bytes += (key?.length ?? 0) + (value?.length ?? 0);
        batch.release();
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#inFlightBytes -= bytes;
      });
    if (this.#inFlightBytes > IN_FLIGHT_BYTES_MAX) await settled;
  }

  /** New topics, partitions, configs; groups; and how far behind it is. */
  async #refresh(): Promise<void> {
    const isFirst = this.#known.size === 0;
    const listed = (await this.#from.admin().listTopics()).filter(({ name }) => this.#options.isTopic(name));
    for (const name of this.#known.keys()) if (!listed.some((topic) => topic.name === name)) this.#forget(name);
    const renewed = listed.find(({ name, topicId }) => this.#known.has(name) && this.#known.get(name)?.topicId !== topicId);
    if (renewed !== undefined) {
      const what = `${renewed.name} was made anew at the source: delete it on the target, so that it is mirrored from its start`;
      throw new BusError('INVALID_DATA', what, { details: { topic: renewed.name } });
    }
    await this.#topics.bring(listed);
    const fresh = listed.filter(({ name, partitions }) => this.#known.get(name)?.partitions !== partitions);
    if (fresh.length > 0) await this.#open(fresh, isFirst);
    await this.#commit();
    await this.#groups.bring();
    await this.#measure();
  }

  async #open(topics: readonly { name: string; topicId: string; partitions: number }[], isFirst: boolean): Promise<void> {
    const ends = { from: this.#from, to: this.#to, append: this.#options.append };
    const committed = new Map((await this.#to.admin().groupOffsets(this.#options.name)).map((row) => [keyOf(row), row]));
    if (isFirst && committed.size > 0) await later(SETTLE_MS);
    const opened: Lane[] = [];
    for (const { name: topic, topicId, partitions } of topics) {
      const [sources, targets] = await Promise.all([spansOf(this.#from.admin(), topic), spansOf(this.#to.admin(), topic)]);
      for (const [partition, source] of sources) {
        const key = keyOf({ topic, partition });
        if (this.#lanes.has(key)) continue;
        const target = targets.get(partition) ?? { start: 0, end: 0 };
        opened.push(await openLane({ topic, partition, topicId }, ends, source, target, committed.get(key)));
        if (isFirst) this.#ends.set(key, source.end);
      }
      this.#known.set(topic, { topicId, partitions });
    }
    for (const lane of opened) this.#lanes.set(keyOf(lane.place), lane);
    // Before the first record is sent it is known where it lies.
    await this.#commit();
    await this.#assign();
    await Promise.all(opened.map(({ place, next }) => this.#consumer.seek({ topic: place.topic, partition: place.partition }, next)));
  }

  #forget(name: string): void {
    this.#known.delete(name);
    for (const [key, { place }] of this.#lanes) if (place.topic === name) this.#lanes.delete(key);
    this.#options.onNotice(`${name} is gone at the source; it stays on the target as it is`);
    this.#assign().catch((error: unknown) => this.#fail(error));
  }

  async #assign(): Promise<void> {
    await this.#consumer.assign([...this.#lanes.values()].map(({ place: { topic, partition } }) => ({ topic, partition })));
  }

  async #commit(): Promise<void> {
    const changed = [...this.#lanes.values()]
      .map((lane) => ({ lane, text: checkpointText(lane.place.topicId, lane.map), offset: lane.map.nextTarget }))
      .filter(({ lane, text, offset }) => lane.committed !== `${offset};${text}`);
    if (changed.length === 0) return;
    const offsets = changed.map(({ lane: { place }, text, offset }) => ({
      topic: place.topic,
      partition: place.partition,
      offset,
      leaderEpoch: -1,
      metadata: text,
    }));
    await this.#to.admin().importOffsets({ format: 'spillway-offsets', version: 1, groups: [{ groupId: this.#options.name, offsets }] });
    for (const { lane, text, offset } of changed) lane.committed = `${offset};${text}`;
  }

  async #measure(): Promise<void> {
    for (const { topic, partition, highWatermark } of await this.#consumer.lag()) {
      const lane = this.#lanes.get(keyOf({ topic, partition }));
      if (lane !== undefined) lane.end = Math.max(lane.end, highWatermark);
    }
    this.#isMeasured = true;
  }

  #isComplete(): boolean {
    for (const [key, end] of this.#ends) {
      const lane = this.#lanes.get(key);
      if (lane !== undefined && lane.map.nextSource < end) return false;
    }
    return true;
  }

  /** Does it again and again, one after the other. What may pass is told and tried again, what may not ends the mirror. */
  #every(ms: number, work: () => Promise<void>): { end(): Promise<void> } {
    let ended = false;
    let wake = (): void => {};
    const loop = async (): Promise<void> => {
      for (;;) {
        await new Promise<void>((resolve) => {
          const timer = realClock.after(ms, resolve, true);
          wake = () => {
            timer.cancel();
            resolve();
          };
        });
        if (ended) return;
        try {
          await work();
          this.#said = '';
        } catch (error) {
          if (!(error instanceof BusError) || !error.retriable) return this.#fail(error);
          if (error.message !== this.#said) this.#options.onNotice(`${error.message}; it is tried again`);
          this.#said = error.message;
        }
      }
    };
    const running = loop();
    return {
      end: () => {
        ended = true;
        wake();
        return running;
      },
    };
  }

  #fail(error: unknown): void {
    this.#failure ??=
      error instanceof BusError ? error : new BusError('UNKNOWN_SERVER_ERROR', `the mirror failed: ${error}`, { cause: error });
  }
}

function* views(batch: ConsumedBatch<Bytes, Bytes>) {
  const cursor = batch.cursor();
  while (cursor.next()) yield cursor.view();
}

function later(ms: number, keepAlive = true): Promise<'later'> {
  return new Promise((resolve) => realClock.after(ms, () => resolve('later'), keepAlive));
}
