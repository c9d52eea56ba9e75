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

/** Collects the bytes of one connection and gives them out frame by frame. */
export class FrameCutter {
  readonly #bytesMin: number;
  readonly #bytesMax: number;
  /** The frame under way, from its size field on. It grows with what comes in, whatever the frame says that it will be. */
  #held: Buffer = NONE;
  #heldBytes = 0;
  /** Bytes of the frame under way, its size field included; 0 while the size is not known. */
  #wanted = 0;

  /** A frame's bounds, without its size field: a request has at least 10 bytes, a response 4. */
  constructor({ bytesMin = 10, bytesMax = limits.frameBytesMax as number } = {}) {
    this.#bytesMin = bytesMin;
    this.#bytesMax = bytesMax;
  }

  /** Bytes of a frame that has not come in whole. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes in bytes; calls `frame` with each whole frame, without its size field: a view of `bytes`, or of a buffer of its own when it
   * came in pieces. Throws Malformed for a size out of bounds; the connection has no further frames then.
   */
  feed(bytes: Buffer, frame: (bytes: Buffer) => void): void {
    let at = 0;
    if (this.#heldBytes > 0) {
      at = this.#fill(bytes);
      if (this.#wanted === 0 || this.#heldBytes < this.#wanted) return;
      const whole = this.#held.subarray(SIZE_BYTES, this.#wanted);
      this.#held = NONE;
      this.#heldBytes = 0;
      this.#wanted = 0;
      frame(whole);
    }
    while (bytes.length - at >= SIZE_BYTES) {
      const end = at + SIZE_BYTES + this.#sizeOf(bytes, at);
      if (end > bytes.length) break;
      frame(bytes.subarray(at + SIZE_BYTES, end));
      at = end;
    }
    if (at < bytes.length) this.#fill(bytes.subarray(at));
  }

  /** Adds to the frame under way what it lacks; gives how many bytes that took. */
  #fill(bytes: Buffer): number {
    let taken = 0;
    if (this.#wanted === 0) {
      taken = this.#copy(bytes, 0, SIZE_BYTES);
      if (this.#heldBytes < SIZE_BYTES) return taken;
      this.#wanted = SIZE_BYTES + this.#sizeOf(this.#held, 0);
    }
    return taken + this.#copy(bytes, taken, this.#wanted);
  }

  /** Copies from `bytes` at `from` until `upTo` bytes are held, or all of them. */
  #copy(bytes: Buffer, from: number, upTo: number): number {
    const count = Math.min(upTo - this.#heldBytes, bytes.length - from);
    const length = this.#heldBytes + count;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, Math.min(upTo, Math.max(GROW_BYTES, 2 * this.#held.length))));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes.subarray(from, from + count), this.#heldBytes);
    this.#heldBytes = length;
    return count;
  }

  #sizeOf(bytes: Buffer, at: number): number {
    const size = bytes.readInt32BE(at);
    if (size < this.#bytesMin) throw new Malformed('frame-size', `a frame says that it has ${size} bytes`);
    if (size > this.#bytesMax) throw new Malformed('frame-too-large', `a frame of ${size} bytes, and ${this.#bytesMax} are allowed`);
    return size;
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
const NONE = Buffer.alloc(0);
