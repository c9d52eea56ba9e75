/**
 * Frames: a size and that many bytes, in both directions. Cuts a connection's bytes into frames whatever the pieces they come in, and
 * reads and writes headers. Pure: it knows no sockets.
 *
 *   size int32 · request header · request          api key int16 · api version int16 · correlation id int32 · client id · [tags]
 *   size int32 · response header · response        correlation id int32 · [tags]
 *
 * Tags are there in flexible versions of the API (request header 2, response header 1; else 1 and 0), but for ApiVersions: its response
 * header is always 0, since the asker does not know yet which versions are spoken.
 */
import { KiB } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { apiVersions } from './api/18-api-versions.ts';
import { apiOf } from './apis.ts';
import { Malformed, type Reader } from './reader.ts';
import { type Api, isFlexible } from './schema.ts';
import type { Writer } from './writer.ts';

/** Where frames lie whose bytes do not stay where they were read to. */
export interface FrameRoom {
  /** Room for a whole frame that begins with `head`; null: in memory of its own, which grows with what comes in. */
  take(bytes: number, head: Buffer): Buffer | null;
  /** A frame that it gave room to came in whole. */
  came(frame: Buffer): void;
  /** A frame that it gave room to will not come in. */
  drop(room: Buffer): void;
}

/** Collects the bytes of one connection and gives them out frame by frame. */
export class FrameCutter {
  readonly #bytesMin: number;
  readonly #bytesMax: number;
  readonly #room: FrameRoom | null;
  /** Of the size field of the frame under way: bytes that came, and what they say so far. */
  #sizeBytes = 0;
  #size = 0;
  /** The frame under way, without its size field. Unless it has a room, it grows with what comes in, whatever the frame says that it will be. */
  #held: Buffer = NONE;
  #heldBytes = 0;
  #hasRoom = false;

  /** A frame's bounds, without its size field: a request has at least 10 bytes, a response 4. Without a room, frames may be views of what is fed. */
  constructor({ bytesMin = 10, bytesMax = limits.frameBytesMax as number, room = null as FrameRoom | null } = {}) {
    this.#bytesMin = bytesMin;
    this.#bytesMax = bytesMax;
    this.#room = room;
  }

  /** Bytes of a frame that has not come in whole. */
  get heldBytes(): number {
    return this.#sizeBytes + this.#heldBytes;
  }

  /** Where the next bytes may be read to, so that they need not be copied: into the frame under way, else `otherwise`. They are to be fed next. */
  next(otherwise: Buffer): Buffer {
    return this.#held.length > this.#heldBytes ? this.#held.subarray(this.#heldBytes) : otherwise;
  }

  /**
   * Takes in bytes; calls `frame` with each whole frame, without its size field: a view of `bytes`, or of a buffer of its own when it
   * came in pieces or there is a room. Throws Malformed for a size out of bounds; the connection has no further frames then.
   */
  feed(bytes: Buffer, frame: (bytes: Buffer) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#sizeBytes < SIZE_BYTES) {
        at = this.#readSize(bytes, at);
        if (this.#sizeBytes < SIZE_BYTES || at === bytes.length) return;
      }
      const size = this.#size;
      if (this.#heldBytes === 0 && this.#room === null && bytes.length - at >= size) {
        this.#sizeBytes = 0;
        frame(bytes.subarray(at, at + size));
        at += size;
        continue;
      }
      at += this.#fill(bytes, at, size);
      if (this.#heldBytes < size) return;
      const whole = this.#held.length === size ? this.#held : this.#held.subarray(0, size);
      if (this.#hasRoom) this.#room?.came(whole);
      this.#forget();
      frame(whole);
    }
  }

  /** The frame under way will not come in. */
  drop(): void {
    if (this.#hasRoom) this.#room?.drop(this.#held);
    this.#forget();
  }

  #forget(): void {
    this.#held = NONE;
    this.#heldBytes = 0;
    this.#hasRoom = false;
    this.#sizeBytes = 0;
  }

  /** Gives where it ended. */
  #readSize(bytes: Buffer, from: number): number {
    if (this.#sizeBytes === 0 && bytes.length - from >= SIZE_BYTES) {
      this.#size = bytes.readInt32BE(from);
      this.#sizeBytes = SIZE_BYTES;
      this.#checkSize();
      return from + SIZE_BYTES;
    }
    let at = from;
    for (; at < bytes.length && this.#sizeBytes < SIZE_BYTES; this.#sizeBytes++) this.#size = (this.#size << 8) | bytes[at++];
    if (this.#sizeBytes === SIZE_BYTES) this.#checkSize();
    return at;
  }

  /** Adds to the frame under way what it lacks; gives how many bytes that took. */
  #fill(bytes: Buffer, from: number, size: number): number {
    const count = Math.min(size - this.#heldBytes, bytes.length - from);
    if (this.#heldBytes === 0 && this.#room !== null) {
      const room = this.#room.take(size, bytes.subarray(from));
      if (room !== null) {
        this.#held = room;
        this.#hasRoom = true;
      }
    }
    const length = this.#heldBytes + count;
    if (length > this.#held.length) {
      const wanted = Math.max(length, Math.min(size, Math.max(GROW_BYTES, 2 * this.#held.length)));
      // Small frames share a pool; what grows is of its own.
      const grown = size < POOLED_BYTES_MAX ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(wanted);
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    const lies = bytes.buffer === this.#held.buffer && bytes.byteOffset + from === this.#held.byteOffset + this.#heldBytes;
    if (!lies) bytes.copy(this.#held, this.#heldBytes, from, from + count);
    this.#heldBytes = length;
    return count;
  }

  #checkSize(): void {
    const size = this.#size;
    if (size < this.#bytesMin) throw new Malformed('frame-size', `a frame says that it has ${size} bytes`);
    if (size > this.#bytesMax) throw new Malformed('frame-too-large', `a frame of ${size} bytes, and ${this.#bytesMax} are allowed`);
  }
}

export interface RequestHeader {
  api: Api;
  version: number;
  correlationId: number;
  clientId: string | null;
  /** False: the version is not spoken. Only ApiVersions gets that far. */
  known: boolean;
}

/** Throws Malformed for APIs and versions that are not spoken. */
export function readRequestHeader(reader: Reader): RequestHeader {
  const key = reader.int16();
  const version = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.string(false);
  const api = apiOf(key);
  if (api === undefined) throw new Malformed('unknown-api', `API ${key} is not spoken`);
  const known = version >= api.versions[0] && version <= api.versions[1];
  if (!known) {
    if (api.key !== apiVersions.key) throw new Malformed('unsupported-version', `${api.name} version ${version} is not spoken`);
    return { api, version, correlationId, clientId, known };
  }
  if (isFlexible(api, version)) skipTags(reader);
  return { api, version, correlationId, clientId, known };
}

export function writeRequestHeader(writer: Writer, api: Api, version: number, correlationId: number, clientId: string | null): void {
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.string(clientId, false);
  if (isFlexible(api, version)) writer.uvarint(0);
}

export function writeResponseHeader(writer: Writer, api: Api, version: number, correlationId: number): void {
  writer.int32(correlationId);
  if (isFlexible(api, version) && api.key !== apiVersions.key) writer.uvarint(0);
}

/** Gives the correlation id. */
export function readResponseHeader(reader: Reader, api: Api, version: number): number {
  const correlationId = reader.int32();
  if (isFlexible(api, version) && api.key !== apiVersions.key) skipTags(reader);
  return correlationId;
}

function skipTags(reader: Reader): void {
  for (let left = reader.tagCount(); left > 0; left--) {
    reader.uvarint();
    reader.skip(reader.uvarint());
  }
}

const SIZE_BYTES = 4;
const GROW_BYTES = 128 * KiB;
const POOLED_BYTES_MAX = 4 * KiB;
const NONE = Buffer.alloc(0);
