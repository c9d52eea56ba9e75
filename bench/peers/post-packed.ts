/**
 * postMessage alone, used as well as it can be: messages packed one after the other into 128 KiB buffers that are transferred, walked on
 * the other side and sent back empty. Nothing is kept; a bounded number of buffers is under way.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { sendAtPace } from '../pace.ts';
import { DUE_AT, KEY_BYTES, keyOf, makeValue, writeNumber } from '../records.ts';
import type { ReaderResult, ReaderSetup } from './reader-thread.ts';
import { latencyRates, type Peer, type PeerSetup, tellRate, wants } from './work.ts';

const PACK_BYTES = 131_072;
const PACKS = 16;
export const VALUE_BYTES = 100;
export const RECORD_BYTES = KEY_BYTES + VALUE_BYTES;

/** One post: `bytes` of the buffer hold records. */
export interface Pack {
  buffer: ArrayBuffer;
  bytes: number;
}

export const peer: Peer = {
  skipReason: () => null,
  async run(setup) {
    const { counts } = setup;
    if (wants(setup, 'both 100 B')) {
      const count = counts.records100;
      await withReader({ path: '', count, isTimed: false }, (channel) =>
        tellRate(setup, 'both 100 B', count, async () => {
          const value = makeValue(VALUE_BYTES);
          for (let i = 0; i < count; i++) {
            writeNumber(value, i);
            if (!channel.push(keyOf(i), value)) {
              await channel.drained();
              channel.push(keyOf(i), value);
            }
          }
          channel.post();
          return (await channel.result).check;
        }),
      );
    }
    for (const work of ['latency 1,000/s', 'latency 50,000/s'] as const) if (wants(setup, work)) await latency(setup, work);
    return 0;
  },
};

async function latency(setup: PeerSetup, work: keyof typeof latencyRates): Promise<void> {
  const recordsPerSecond = latencyRates[work];
  const count = (recordsPerSecond * setup.counts.latencyMs) / 1000;
  await withReader({ path: '', count, isTimed: true }, async (channel) => {
    const value = makeValue(VALUE_BYTES);
    let isWaiting = false;
    const post = () => {
      isWaiting = false;
      channel.post();
    };
    await sendAtPace({ recordsPerSecond, count }, (index, dueUs) => {
      writeNumber(value, index);
      value.writeDoubleLE(dueUs, DUE_AT);
      // What is due in one turn leaves in one post.
      if (!isWaiting) {
        isWaiting = true;
        queueMicrotask(post);
      }
      return channel.push(keyOf(index), value);
    });
    const { check, delays } = await channel.result;
    if (delays === null) throw new Error('the reader was told to measure delays');
    setup.tell({ work, value: delays.p50Us, p99Us: delays.p99Us, p999Us: delays.p999Us, unit: 'µs', check: check.split(':')[0] });
  });
}

/** The sending end: one open pack, and the empty ones that came back. */
class Channel {
  readonly result: Promise<ReaderResult>;
  readonly #worker: Worker;
  readonly #empty: Buffer[] = Array.from({ length: PACKS }, () => Buffer.from(new ArrayBuffer(PACK_BYTES)));
  #open: Buffer | undefined;
  #at = 0;
  #wake: (() => void) | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    const { promise, resolve, reject } = Promise.withResolvers<ReaderResult>();
    this.result = promise;
    worker.once('error', reject);
    worker.on('message', (message: ArrayBuffer | ReaderResult) => {
      if (!(message instanceof ArrayBuffer)) return resolve(message);
      this.#empty.push(Buffer.from(message));
      this.#wake?.();
    });
  }

  /** False when every pack is under way. */
  push(key: Buffer, value: Buffer): boolean {
    if (this.#open !== undefined && this.#at + RECORD_BYTES > PACK_BYTES) this.post();
    if (this.#open === undefined) {
      this.#open = this.#empty.pop();
      if (this.#open === undefined) return false;
      this.#at = 0;
    }
    this.#open.set(key, this.#at);
    this.#open.set(value, this.#at + KEY_BYTES);
    this.#at += RECORD_BYTES;
    return true;
  }

  post(): void {
    const buffer = this.#open?.buffer as ArrayBuffer | undefined;
    if (buffer === undefined) return;
    this.#worker.postMessage({ buffer, bytes: this.#at } satisfies Pack, [buffer]);
    this.#open = undefined;
  }

  async drained(): Promise<void> {
    if (this.#empty.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function withReader(setup: ReaderSetup, work: (channel: Channel) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('./post-packed-reader.ts', import.meta.url), { workerData: setup });
  await once(worker, 'online');
  try {
    await work(new Channel(worker));
  } finally {
    await worker.terminate();
  }
}
