/**
 * Cuts what a broker sends into responses, each in memory of its own: records are handed on as views of it and given back whole. A large
 * response is read by the system to where it stays; small ones are copied out of one buffer that is read to again and again.
 */
import { KiB } from '../../base/bytes.ts';
import { limits } from '../../base/limits.ts';
import { Malformed } from '../reader.ts';
import type { FrameMemory } from './frame-memory.ts';

export class ResponseCutter {
  readonly #frame: (frame: Buffer) => void;
  readonly #memory: FrameMemory | null;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #scratchBytes = 0;
  /** The response under way, of which `#filled` bytes are here. */
  #under: Buffer | null = null;
  #filled = 0;

  /** `frame` is called with each response, without its size: alone in an ArrayBuffer, of `memory` when that is given. */
  constructor(frame: (frame: Buffer) => void, memory: FrameMemory | null = null) {
    this.#frame = frame;
    this.#memory = memory;
  }

  /** Where the next bytes are to go. */
  room(): Buffer {
    return this.#under === null ? this.#scratch.subarray(this.#scratchBytes) : this.#under.subarray(this.#filled);
  }

  /** So many bytes were written there. Throws Malformed for a size out of bounds; there are no further responses then. */
  filled(bytes: number): void {
    const under = this.#under;
    if (under === null) {
      this.#scratchBytes += bytes;
      return this.#cut();
    }
    this.#filled += bytes;
    if (this.#filled < under.length) return;
    this.#under = null;
    this.#frame(under);
  }

  #cut(): void {
    const scratch = this.#scratch;
    const end = this.#scratchBytes;
    let at = 0;
    while (end - at >= SIZE_BYTES) {
      const size = sizeOf(scratch, at);
      at += SIZE_BYTES;
      const frame = this.#memory?.take(size) ?? Buffer.allocUnsafeSlow(size);
      const here = Math.min(size, end - at);
      scratch.copy(frame, 0, at, at + here);
      at += here;
      if (here < size) {
        this.#under = frame;
        this.#filled = here;
        break;
      }
      this.#frame(frame);
    }
    scratch.copyWithin(0, at, end);
    this.#scratchBytes = end - at;
  }
}

function sizeOf(bytes: Buffer, at: number): number {
  const size = bytes.readInt32BE(at);
  if (size < RESPONSE_BYTES_MIN) throw new Malformed('frame-size', `a response says that it has ${size} bytes`);
  if (size <= limits.responseBytesMax) return size;
  throw new Malformed('frame-too-large', `a response of ${size} bytes, and ${limits.responseBytesMax} are allowed`);
}

const SIZE_BYTES = 4;
/** A correlation id. */
const RESPONSE_BYTES_MIN = 4;
const SCRATCH_BYTES = 64 * KiB;
