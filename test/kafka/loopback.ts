/**
 * A bus, a listener and its clients on one thread: sockets that are two functions, everything else as it is. What throws anywhere is told
 * to the test, and how hard the bus is pressed is the test's to say.
 */
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { FrameCutter, readResponseHeader } from '../../src/kafka/frame.ts';
import { handlers } from '../../src/kafka/handlers.ts';
import { Listener, type ListenerSetup } from '../../src/kafka/listener.ts';
import { readResponse } from '../../src/kafka/read-fields.ts';
import { Reader } from '../../src/kafka/reader.ts';
import type { Api, Decoded, Encodable, Shape } from '../../src/kafka/schema.ts';
import { silentLogger } from '../../src/world/logger.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import type { TakenEvents } from '../../src/world/net.ts';
import { seededRandom } from '../../src/world/random.ts';
import { SimBus } from '../sim/bus.ts';
import { realWorld } from '../sim/real-world.ts';
import { requestBytes } from './wire-client.ts';

const MiB = 1024 * 1024;
const RSS_BYTES_MAX = 1000;

export interface LoopbackOptions {
  configs?: Record<string, string>;
  listener?: Partial<ListenerSetup>;
  seed?: number;
  /** Whether the bus has a folder, on a disk in memory. Default true. */
  folder?: boolean;
  /** Partitions that there may be. */
  slotsMax?: number;
}

export class Loopback {
  readonly bus: SimBus;
  readonly listener: Listener;
  /** What was thrown where nothing may be. */
  readonly failures: string[] = [];
  /** Share of the memory that the process may have which it is said to use. */
  strain = 0;

  private constructor({ configs = {}, listener = {}, seed = 1, folder = true, slotsMax = 1000 }: LoopbackOptions) {
    this.bus = new SimBus({
      world: realWorld,
      random: seededRandom(seed),
      folder: folder ? '/data' : null,
      disk: new MemoryDisk(),
      store: folder ? new MemoryStore() : null,
      hosts: 2,
      dispatchers: 2,
      arena: { framesMax: 2048, frameBytes: 16_384, slotsMax },
      memoryBytesMax: 64 * MiB,
      outboxBytes: 8 * MiB,
      configs,
      retentionCheckMs: 200,
      producerIdExpirationMs: 86_400_000,
      memory: { heapBytes: () => 0, rssBytes: () => this.strain * RSS_BYTES_MAX, heapBytesMax: 1e9, rssBytesMax: RSS_BYTES_MAX },
      log: silentLogger,
      died: () => this.failures.push('the process died'),
      failed: (actor, error) => this.failures.push(`${actor}: ${error instanceof Error ? error.stack : error}`),
    });
    this.listener = new Listener({
      host: '127.0.0.1',
      port: 0,
      path: null,
      advertisedHost: null,
      advertisedPort: null,
      connectionsMax: 20_000,
      connectionsPerAddressMax: 20_000,
      requestBytesMax: 100 * MiB,
      queuedBytesMax: 256 * MiB,
      idleMs: 600_000,
      clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
      folder: null,
      log: silentLogger,
      handlers,
      dispatcher: this.bus.client(1).dispatcher,
      ...listener,
    });
  }

  static async open(options: LoopbackOptions = {}): Promise<Loopback> {
    const loopback = new Loopback(options);
    await loopback.bus.opened;
    return loopback;
  }

  connect(remote?: string): LoopbackClient {
    return new LoopbackClient(this.listener, remote);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.listener.close(1000, resolve));
    await this.bus.close();
  }
}

/** A client on a socket that is none. Bytes go in at once; what comes out waits while `isReading` is false. */
export class LoopbackClient {
  readonly #cutter = new FrameCutter({ bytesMin: 4 });
  readonly #waiting: ((frame: Buffer | null) => void)[] = [];
  readonly #events: TakenEvents;
  #nextId = 1;
  /** Bytes that were sent to it and that it has not read. */
  waitingBytes = 0;
  isReading = true;
  isPaused = false;
  isClosed = false;
  /** What was given to it while the listener does not read. */
  #held: Buffer[] = [];
  /** Told when what was written has left, or its end. */
  #leaving: (() => void)[] = [];

  constructor(listener: Listener, remote = '/loopback') {
    const client = this;
    this.#events = listener.connect({
      remote,
      get waitingBytes() {
        return client.waitingBytes;
      },
      write: (pieces, left) => {
        this.#written(pieces);
        if (left === undefined) return;
        this.#leaving.push(left);
        if (this.isReading) queueMicrotask(() => this.#left());
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
        for (const bytes of this.#held.splice(0)) this.send(bytes);
      },
      end: () => this.close(),
      destroy: () => this.close(),
    });
  }

  /** Rejects when the connection ends before the response. */
  async ask<Q extends Shape, P extends Shape>(api: Api<Q, P>, version: number, request: Encodable<Q>): Promise<Decoded<P>> {
    const id = this.#nextId++;
    const answer = this.next();
    this.send(requestBytes(api, version, id, request));
    const frame = await answer;
    if (frame === null) throw new Error(`${api.name} ${version}: the connection was closed`);
    const reader = new Reader(frame);
    if (readResponseHeader(reader, api, version) !== id) throw new Error('responses are not in order');
    return readResponse(api, version, reader);
  }

  send(bytes: Buffer): void {
    if (this.isClosed) return;
    // As the system does: into the room that there is, as often as it takes.
    for (let at = 0; at < bytes.length && !this.isClosed; ) {
      if (this.isPaused) return void this.#held.push(bytes.subarray(at));
      const room = this.#events.room();
      const count = bytes.copy(room, 0, at);
      at += count;
      this.#events.data(room.subarray(0, count));
    }
  }

  /** The next frame, whatever it answers; null when there is none any more. */
  next(): Promise<Buffer | null> {
    return new Promise((resolve) => (this.isClosed ? resolve(null) : this.#waiting.push(resolve)));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const done of this.#waiting.splice(0)) done(null);
    // As of a socket, its end is told later.
    queueMicrotask(() => {
      this.#left();
      this.#events.closed();
    });
  }

  #left(): void {
    for (const left of this.#leaving.splice(0)) left();
  }

  /** What waited is read. */
  drain(): void {
    this.waitingBytes = 0;
    this.#left();
    this.#events.drained();
  }

  #written(pieces: readonly Uint8Array[]): void {
    if (!this.isReading) {
      for (const { length } of pieces) this.waitingBytes += length;
      return;
    }
    for (const piece of pieces) this.#cutter.feed(Buffer.from(piece), (frame) => this.#waiting.shift()?.(frame));
  }
}
