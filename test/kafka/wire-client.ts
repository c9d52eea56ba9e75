/** A client of few words on the wire tables: one request, one response, in any version; and bytes that are no request at all. */
import { connect, type Socket } from 'node:net';
import { FrameCutter, readResponseHeader, writeRequestHeader } from '../../src/kafka/frame.ts';
import { readResponse } from '../../src/kafka/read-fields.ts';
import { Reader } from '../../src/kafka/reader.ts';
import type { Api, Decoded, Encodable, Shape } from '../../src/kafka/schema.ts';
import { writeRequest } from '../../src/kafka/write-fields.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';

export class WireClient {
  readonly #socket: Socket;
  readonly #cutter = new FrameCutter({ bytesMin: 4 });
  readonly #waiting: ((frame: Buffer | null) => void)[] = [];
  #nextId = 1;
  isClosed = false;
  /** When the other side has closed. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#cutter.feed(bytes, (frame) => this.#waiting.shift()?.(frame)));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        for (const done of this.#waiting.splice(0)) done(null);
        resolve();
      });
    });
  }

  static async open(at: { port: number; path?: string | null }): Promise<WireClient> {
    const socket = at.path ? connect({ path: at.path }) : connect({ host: '127.0.0.1', port: at.port });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new WireClient(socket);
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
    const response = readResponse(api, version, reader);
    if (reader.left > 0) throw new Error(`${api.name} ${version}: ${reader.left} bytes too many`);
    return response;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next frame, whatever it answers; null when there is none any more. */
  next(): Promise<Buffer | null> {
    return new Promise((resolve) => (this.isClosed ? resolve(null) : this.#waiting.push(resolve)));
  }

  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }
}

export function requestBytes<Q extends Shape>(api: Api<Q>, version: number, id: number, request: Encodable<Q>): Buffer {
  const writer = new Writer();
  const sized = writer.sized();
  writeRequestHeader(writer, api, version, id, 'test');
  writeRequest(api, version, writer, request);
  sized();
  return Buffer.concat(writer.take());
}

export interface BatchOptions {
  compression?: number;
  producerId?: number;
  producerEpoch?: number;
  baseSequence?: number;
  /** Default: now. */
  timestampMs?: number;
}

/** A sealed batch of these values. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Buffer {
  const { compression = 0, producerId = -1, producerEpoch = -1, baseSequence = -1, timestampMs = Date.now() } = options;
  const writer = new BatchWriter({ bytesMax: 1 << 21, compression: compression as 0 });
  for (const value of values) writer.append(timestampMs, null, Buffer.from(value), []);
  return Buffer.from(writer.seal({ producerId, producerEpoch, baseSequence }));
}
