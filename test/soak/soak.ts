/**
 * Eight consumers of a group that come and go, a producer at half of what the bus can do, for a long time: nothing is lost, and memory, handles
 * and delays are at the end what they were in the beginning.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { nowUs } from '../../bench/pace.ts';
import { Bus, type ConsumedBatch, type Consumer, type Producer, serdes } from '../../src/index.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';

export interface SoakOptions {
  dir: string;
  seconds: number;
  /** Of the search for what the bus can do. */
  calibrationSeconds: number;
  /** A consumer lives for so long at least and twice as long at most, in seconds. */
  lifeSeconds: number;
  sampleSeconds: number;
  seed: number;
  progress(sample: Sample): void;
}

/** What a moment was like; rates and delays are those since the sample before. */
export interface Sample {
  second: number;
  rssMb: number;
  heapMb: number;
  /** Descriptors of the process, and what keeps its event loop alive. */
  descriptors: number;
  resources: number;
  producedPerSecond: number;
  consumedPerSecond: number;
  /** From the moment when a record was given to the producer to that when its handler sees it. */
  p50Ms: number;
  p99Ms: number;
  members: number;
  lag: number;
}

export interface SoakReport {
  busRate: number;
  rate: number;
  samples: Sample[];
  produced: number;
  handled: number;
  /** Records that came again because their partition had moved: a clean handover leaves none. */
  again: number;
  joined: number;
  left: number;
  problems: string[];
}

const PARTITIONS = 16;
const CONSUMERS = 8;
const VALUE_BYTES = 100;
const MiB = 1024 * 1024;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { dir, seed, seconds } = options;
  await using bus = await Bus.open({ dir, memoryBytesMax: 128 * MiB, logLevel: 'silent' });
  const configs = { durability: 'written', 'segment.bytes': 4 * MiB, 'retention.bytes': 16 * MiB };
  await bus.admin().createTopics([{ name: 'soak', partitions: PARTITIONS, configs }]);
  const report: SoakReport = { busRate: 0, rate: 0, samples: [], produced: 0, handled: 0, again: 0, joined: 0, left: 0, problems: [] };
  const crowd = new Crowd(bus, report, seededRandom(seed), options.lifeSeconds);
  crowd.start();
  const feed = new Feed(bus);
  report.busRate = await feed.atFullSpeed(options.calibrationSeconds);
  report.rate = Math.floor(report.busRate / 2);
  await crowd.caughtUp(feed, 60);
  crowd.resetDelays();
  const ending = performance.now() + seconds * 1000;
  const pacing = feed.atPace(report.rate, ending);
  await observe(options, report, crowd, feed, ending);
  await pacing;
  await feed.close();
  await crowd.caughtUp(feed, 60);
  await crowd.stop();
  report.produced = feed.sent;
  report.problems.push(...crowd.missing(feed));
  return report;
}

/** The producer: each value begins with the time at which it was sent. */
class Feed {
  sent = 0;
  readonly perPartition = new Array<number>(PARTITIONS).fill(0);
  readonly #producer: Producer<string | Uint8Array, Uint8Array>;
  readonly #value = Buffer.alloc(VALUE_BYTES);

  constructor(bus: Bus) {
    this.#producer = bus.producer<string | Uint8Array, Uint8Array>({ value: serdes.raw, lingerMs: 1 });
  }

  /** Records a second, taken over the time in which the consumers read along. */
  async atFullSpeed(seconds: number): Promise<number> {
    const before = this.sent;
    const begunMs = performance.now();
    while (performance.now() - begunMs < seconds * 1000) {
      for (let i = 0; i < 1000; i++) if (!this.#push()) await this.#producer.drained();
      await wait(0);
    }
    await this.#producer.flush();
    return Math.floor(((this.sent - before) * 1000) / (performance.now() - begunMs));
  }

  /** What is due is sent each few milliseconds, whatever became of what was due before. */
  async atPace(rate: number, untilMs: number): Promise<void> {
    const begunMs = performance.now();
    let paced = 0;
    while (performance.now() < untilMs) {
      const due = Math.floor(((performance.now() - begunMs) * rate) / 1000);
      while (paced < due) {
        if (this.#push()) paced++;
        else await this.#producer.drained();
      }
      await wait(2);
    }
    await this.#producer.flush();
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  #push(): boolean {
    const partition = this.sent % PARTITIONS;
    this.#value.writeDoubleBE(nowUs());
    if (!this.#producer.push('soak', { value: this.#value, partition })) return false;
    this.sent++;
    this.perPartition[partition]++;
    return true;
  }
}

/** The consumers. Each place is taken by one for a while, then by nobody for a moment, then by the next. */
class Crowd {
  readonly #bus: Bus;
  readonly #report: SoakReport;
  readonly #random: Random;
  readonly #lifeSeconds: number;
  /** Where each partition goes on, whoever handles it. */
  readonly #next = new Array<number>(PARTITIONS).fill(0);
  readonly #delays = new Delays();
  readonly #lives: Promise<void>[] = [];
  readonly #stopping = new AbortController();
  members = 0;

  constructor(bus: Bus, report: SoakReport, random: Random, lifeSeconds: number) {
    this.#bus = bus;
    this.#report = report;
    this.#random = random;
    this.#lifeSeconds = lifeSeconds;
  }

  start(): void {
    for (let place = 0; place < CONSUMERS; place++) this.#lives.push(this.#live());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#lives);
  }

  lag(feed: Feed): number {
    return feed.perPartition.reduce((sum, sent, partition) => sum + sent - this.#next[partition], 0);
  }

  async caughtUp(feed: Feed, seconds: number): Promise<void> {
    const untilMs = performance.now() + seconds * 1000;
    while (this.lag(feed) > 0 && performance.now() < untilMs) await wait(20);
    if (this.lag(feed) > 0) this.#report.problems.push(`${this.lag(feed)} records were not handled within ${seconds} s`);
  }

  missing(feed: Feed): string[] {
    const names = feed.perPartition.map((sent, partition) => ({ sent, partition, next: this.#next[partition] }));
    return names
      .filter(({ sent, next }) => sent !== next)
      .map(({ partition, sent, next }) => `soak-${partition} was handled to ${next} of ${sent}`);
  }

  resetDelays(): void {
    this.#delays.take();
  }

  delays(): { p50Ms: number; p99Ms: number } {
    return this.#delays.take();
  }

  async #live(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const consumer: Consumer = this.#bus.consumer({
        groupId: 'soak',
        topics: ['soak'],
        value: serdes.raw as never,
        autoOffsetReset: 'earliest',
        heartbeatIntervalMs: 500,
      });
      this.#report.joined++;
      this.members++;
      const run = consumer.run({ eachBatch: (batch) => this.#handle(batch as ConsumedBatch), concurrency: 4 });
      const failed = run.then(
        () => {},
        (error: unknown) => void this.#report.problems.push(`a run failed: ${String(error)}`),
      );
      await this.#sleep(this.#lifeSeconds * (1 + this.#random.below(1000) / 1000));
      const { unfinished } = await consumer.close();
      this.#report.problems.push(...unfinished.map((one) => `a close left: ${one}`));
      await failed;
      this.members--;
      this.#report.left++;
      await this.#sleep((this.#lifeSeconds * this.#random.below(1000)) / 8000);
    }
  }

  #handle(batch: ConsumedBatch): void {
    const { partition } = batch;
    const cursor = batch.cursor();
    const us = nowUs();
    let count = 0;
    while (cursor.next()) {
      count++;
      if (cursor.offset === this.#next[partition]) this.#next[partition]++;
      else if (cursor.offset < this.#next[partition]) this.#report.again++;
      else {
        this.#report.problems.push(`soak-${partition} went from ${this.#next[partition]} to ${cursor.offset}`);
        this.#next[partition] = cursor.offset + 1;
      }
      if (count % 8 === 1)
        this.#delays.add((us - Buffer.from(cursor.bytes.buffer, cursor.bytes.byteOffset + cursor.valueAt, 8).readDoubleBE()) / 1000);
    }
    this.#report.handled += count;
  }

  async #sleep(seconds: number): Promise<void> {
    await wait(seconds * 1000, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

/** Delays by powers of 1.1 from a microsecond on: counts instead of lists, so that the soak itself takes no memory. */
class Delays {
  readonly #counts = new Float64Array(256);
  #total = 0;

  add(ms: number): void {
    this.#counts[Math.min(255, Math.max(0, Math.ceil(Math.log(ms * 1000) / Math.log(1.1))))]++;
    this.#total++;
  }

  /** Of those since the last time. */
  take(): { p50Ms: number; p99Ms: number } {
    const delays = { p50Ms: this.#at(0.5), p99Ms: this.#at(0.99) };
    this.#counts.fill(0);
    this.#total = 0;
    return delays;
  }

  #at(share: number): number {
    let left = this.#total * share;
    for (let i = 0; i < this.#counts.length; i++) {
      left -= this.#counts[i];
      if (left <= 0 && this.#total > 0) return Math.round(1.1 ** i) / 1000;
    }
    return 0;
  }
}

async function observe(options: SoakOptions, report: SoakReport, crowd: Crowd, feed: Feed, untilMs: number): Promise<void> {
  const begunMs = performance.now();
  let before = { ms: begunMs, sent: feed.sent, handled: report.handled };
  while (performance.now() < untilMs) {
    await wait(Math.min(options.sampleSeconds * 1000, Math.max(1, untilMs - performance.now())));
    const ms = performance.now();
    const seconds = (ms - before.ms) / 1000;
    const { rss, heapUsed, external } = process.memoryUsage();
    const sample: Sample = {
      second: Math.round((ms - begunMs) / 100) / 10,
      rssMb: Math.round(rss / MiB),
      heapMb: Math.round((heapUsed + external) / MiB),
      descriptors: descriptors(),
      resources: process.getActiveResourcesInfo().length,
      producedPerSecond: Math.round((feed.sent - before.sent) / seconds),
      consumedPerSecond: Math.round((report.handled - before.handled) / seconds),
      ...crowd.delays(),
      members: crowd.members,
      lag: crowd.lag(feed),
    };
    before = { ms, sent: feed.sent, handled: report.handled };
    report.samples.push(sample);
    options.progress(sample);
  }
}

/** Open descriptors; −1 where the system does not tell. */
function descriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}
