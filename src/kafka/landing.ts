/**
 * Where the bytes of a listener's connections are read to. What a frame begins with comes into one buffer that all connections share, and
 * is moved out of it before anybody reads again; the rest of a frame is read to where the frame lies. A request to produce lies in the
 * outbox from the start, where hosts can read its batches: nothing of it is copied on this thread.
 *
 * Ranges of the outbox are given to frames that will be begun as soon as they are there, and at most half of it to frames that have not
 * come in whole. So a client that stalls, or waits behind a fetch of its own, never keeps the others from producing: a frame that gets
 * no range lies in ordinary memory, and its batches are copied into the outbox when there is room (producing.ts).
 */
import { KiB } from '../base/bytes.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { produce } from './api/00-produce.ts';

/** Of a request that is larger, this much is moved. */
const SHARED_BYTES = 32 * KiB;
/** A frame gets a range of at most this share of the outbox, all that are under way together at most the other. */
const FRAME_SHARE = 0.25;
const UNDER_WAY_SHARE = 0.5;

export class Landing {
  readonly #dispatcher: Dispatcher;
  /** Whatever is read into it is taken in before this thread does anything else. */
  readonly shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
  #underWayBytes = 0;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /** A range of the outbox for a frame that begins with `head`, or null. */
  take(bytes: number, head: Buffer): Buffer | null {
    if (head.length < 2 || head.readInt16BE(0) !== produce.key) return null;
    const { outbox } = this.#dispatcher;
    if (bytes > outbox.size * FRAME_SHARE || this.#underWayBytes + bytes > outbox.size * UNDER_WAY_SHARE) return null;
    const position = outbox.take(bytes);
    if (position < 0) return null;
    this.#underWayBytes += bytes;
    this.#dispatcher.inFlightBytes += bytes;
    return outbox.bytes.subarray(position, position + bytes);
  }

  /** A frame came in whole into its range. */
  came(frame: Buffer): void {
    this.#underWayBytes -= frame.length;
  }

  /** A frame will not come in. */
  drop(range: Buffer): void {
    this.#underWayBytes -= range.length;
    this.give(range);
  }

  /** Whether a frame lies in a range that is to be given back. */
  holds(frame: Buffer): boolean {
    return this.#dispatcher.outbox.holds(frame);
  }

  /** No host reads the frame any more. */
  give(frame: Buffer): void {
    this.#dispatcher.outbox.give(frame.byteOffset, frame.length);
    this.#dispatcher.inFlightBytes -= frame.length;
  }
}
