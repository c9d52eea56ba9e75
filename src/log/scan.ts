/**
 * Walks the bytes of a segment from batch to batch by CRC, in bounded memory, and finds its way again after damage. It believes
 * nothing but checksums and the order of offsets, changes nothing, and decides nothing about what to do with damage.
 */
import { MiB, readInt64 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_MIN,
  baseOffsetOf,
  batchLengthOf,
  countOf,
  crcOf,
  HEADER_BYTES,
  LENGTH_AT,
  LENGTH_OVERHEAD,
  lastOffsetDeltaOf,
  MAGIC,
  MAGIC_AT,
  magicOf,
} from '../record/batch-layout.ts';
import type { DiskFile } from '../world/disk.ts';

export interface ScanSetup {
  file: DiskFile;
  /** Where the first batch begins. */
  from: number;
  /** Bytes beyond it are not looked at. */
  size: number;
  /** The offset that the first batch may have at least. */
  minOffset: number;
  /** No batch reaches this offset: the next segment's base. Infinity for the last segment. */
  boundOffset: number;
  /** Offsets follow each other without gaps, since nothing was compacted: a lone jump is then a damaged base offset. */
  dense: boolean;
  /** A sound batch. Its header lies at `at`. */
  onBatch(header: Buffer, at: number, position: number, bytes: number): void;
  /** Bytes that are no sound batch, with a sound batch after them. */
  onDamage(damage: ScannedDamage): void;
  onProgress?(position: number): void;
}

export interface ScannedDamage {
  position: number;
  length: number;
  firstOffset: number;
  /** The first offset known to be good again. */
  nextOffset: number;
  what: string;
}

export interface ScanEnd {
  /** After the last sound batch. */
  position: number;
  nextOffset: number;
  /** What lies after it, when anything does. */
  rest: { length: number; what: string } | null;
}

const WINDOW_BYTES = 1 * MiB;

export function scan(setup: ScanSetup): ScanEnd {
  const steps = new Scanner(setup).steps();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    setup.onProgress?.(value);
  }
}

/** As `scan`, in steps: yields the position that it has come to every 64 MiB, so that the caller can do other things. */
export function scanInSteps(setup: ScanSetup): Generator<number, ScanEnd> {
  return new Scanner(setup).steps();
}

const SOUND = '';

class Scanner {
  readonly #setup: ScanSetup;
  readonly #window: Buffer;
  #from = 0;
  #to = 0;
  #next: number;

  constructor(setup: ScanSetup) {
    this.#setup = setup;
    this.#next = setup.minOffset;
    this.#window = Buffer.from(new ArrayBuffer(Math.max(HEADER_BYTES, Math.min(WINDOW_BYTES, setup.size - setup.from))));
  }

  *steps(): Generator<number, ScanEnd> {
    const { from, size, dense, onBatch, onDamage } = this.#setup;
    let position = from;
    let progressAt = from;
    while (position < size) {
      const what = this.#judge(position, this.#next);
      if (what === SOUND) {
        const at = this.#at(position, HEADER_BYTES);
        const bytes = LENGTH_OVERHEAD + batchLengthOf(this.#window, at);
        const baseOffset = baseOffsetOf(this.#window, at);
        if (dense && baseOffset > this.#next) {
          onDamage({ position, length: 0, firstOffset: this.#next, nextOffset: baseOffset, what: 'offsets are missing' });
        }
        this.#next = baseOffset + lastOffsetDeltaOf(this.#window, at) + 1;
        onBatch(this.#window, at, position, bytes);
        position += bytes;
      } else {
        const found = this.#resync(position);
        if (found < 0) return { position, nextOffset: this.#next, rest: this.#rest(position, what) };
        const at = this.#at(found, HEADER_BYTES);
        const nextOffset = baseOffsetOf(this.#window, at);
        onDamage({ position, length: found - position, firstOffset: this.#next, nextOffset, what });
        this.#next = nextOffset;
        position = found;
      }
      if (position - progressAt >= 64 * MiB) {
        progressAt = position;
        yield position;
      }
    }
    return { position, nextOffset: this.#next, rest: null };
  }

  /** What is wrong with the batch at a position; SOUND when nothing is. */
  #judge(position: number, minOffset: number): string {
    const what = this.#judgeAlone(position, minOffset);
    if (what !== SOUND || !this.#setup.dense) return what;
    const at = this.#at(position, HEADER_BYTES);
    const baseOffset = baseOffsetOf(this.#window, at);
    if (baseOffset === minOffset) return SOUND;
    // A gap. The base offset lies outside the CRC: whoever follows tells whether the gap or the field is real.
    const delta = lastOffsetDeltaOf(this.#window, at);
    const after = position + LENGTH_OVERHEAD + batchLengthOf(this.#window, at);
    const following = this.#baseOffsetAt(after);
    return following === baseOffset + delta + 1 ? SOUND : 'the base offset does not continue the log';
  }

  #judgeAlone(position: number, minOffset: number): string {
    const { size, boundOffset } = this.#setup;
    const at = this.#at(position, HEADER_BYTES);
    if (at < 0) return 'the bytes end within a header';
    const window = this.#window;
    if (magicOf(window, at) !== MAGIC) return window[at + MAGIC_AT] === 0 && this.#isZero(position) ? 'zeros' : 'no batch header';
    const length = batchLengthOf(window, at);
    const count = countOf(window, at);
    const delta = lastOffsetDeltaOf(window, at);
    if (length < BATCH_LENGTH_MIN || delta < 0 || count < 0 || count > delta + 1) return 'an impossible batch header';
    if (length > size - position - LENGTH_OVERHEAD) return 'the bytes end within a batch';
    const crc = crcOf(window, at);
    const baseOffset = baseOffsetOf(window, at);
    if (this.#crcOf(position + ATTRIBUTES_AT, position + LENGTH_OVERHEAD + length) !== crc) return 'the checksum does not match';
    if (baseOffset < minOffset || !(baseOffset + delta < boundOffset)) return 'the base offset does not continue the log';
    return SOUND;
  }

  /** The position of the next sound batch after a damage that begins at `position`, or −1. */
  #resync(position: number): number {
    const next = this.#next;
    const jump = this.#jump(position);
    if (jump >= 0) return jump;
    // Something was lost, so the next good batch begins at a later offset. Copies of batches inside of values begin at 0.
    for (let at = position + 1; at + HEADER_BYTES <= this.#setup.size; at++) {
      at = this.#nextMagic(at);
      if (at < 0) return -1;
      if (this.#plausible(at) && this.#judgeAlone(at, next + 1) === SOUND) return at;
    }
    return -1;
  }

  /** Where the damaged batch says that it ends, if a sound batch begins there with the offset that is expected then. */
  #jump(position: number): number {
    const at = this.#at(position, HEADER_BYTES);
    if (at < 0) return -1;
    const length = batchLengthOf(this.#window, at);
    const expected = this.#next + lastOffsetDeltaOf(this.#window, at) + 1;
    const after = position + LENGTH_OVERHEAD + length;
    if (length < BATCH_LENGTH_MIN || expected <= this.#next || this.#baseOffsetAt(after) !== expected) return -1;
    return this.#judgeAlone(after, expected) === SOUND ? after : -1;
  }

  /** The first position at or after `position` that has the magic byte of a header at its place, or −1. */
  #nextMagic(position: number): number {
    const { size } = this.#setup;
    while (position + HEADER_BYTES <= size) {
      const at = this.#at(position, HEADER_BYTES);
      const found = this.#window.indexOf(MAGIC, at + MAGIC_AT);
      const until = this.#to - this.#from;
      if (found >= 0 && found < until) return position + (found - MAGIC_AT - at);
      position += until - MAGIC_AT - at;
    }
    return -1;
  }

  /** Cheap tests that spare most checksums. */
  #plausible(position: number): boolean {
    const at = this.#at(position, HEADER_BYTES);
    if (at < 0) return false;
    const length = this.#window.readInt32BE(at + LENGTH_AT);
    const baseOffset = readInt64(this.#window, at);
    return (
      length >= BATCH_LENGTH_MIN &&
      length <= this.#setup.size - position - LENGTH_OVERHEAD &&
      baseOffset > this.#next &&
      baseOffset < this.#setup.boundOffset
    );
  }

  /** The base offset of the header at a position; −1 when none can be there, the bound at the end of a segment with one. */
  #baseOffsetAt(position: number): number {
    if (position === this.#setup.size && Number.isFinite(this.#setup.boundOffset)) return this.#setup.boundOffset;
    const at = position + HEADER_BYTES <= this.#setup.size ? this.#at(position, HEADER_BYTES) : -1;
    return at >= 0 && magicOf(this.#window, at) === MAGIC ? baseOffsetOf(this.#window, at) : -1;
  }

  #rest(position: number, what: string): { length: number; what: string } {
    const length = this.#setup.size - position;
    return { length, what: this.#isZero(position) ? 'zeros' : what };
  }

  #isZero(position: number): boolean {
    for (let from = position; from < this.#setup.size; from = this.#to) {
      const at = this.#at(from, 1);
      if (at < 0) return true;
      for (let i = at; i < this.#to - this.#from; i++) if (this.#window[i] !== 0) return false;
    }
    return true;
  }

  /** CRC-32C of a range of any length. */
  #crcOf(from: number, to: number): number {
    let crc = 0;
    for (let position = from; position < to; ) {
      const at = this.#at(position, Math.min(to - position, this.#window.length));
      if (at < 0) return -1;
      const take = Math.min(to - position, this.#to - position);
      crc = crc32c(this.#window.subarray(at, at + take), crc);
      position += take;
    }
    return crc;
  }

  /** Where in the window `bytes` from `position` on lie, read in if need be; −1 when the file has not so many. */
  #at(position: number, bytes: number): number {
    if (position < this.#from || position + bytes > this.#to) {
      const { length } = this.#window;
      const want = Math.min(length, this.#setup.size - position);
      if (want < bytes) return -1;
      this.#from = position;
      this.#to = position + this.#setup.file.read(want === length ? this.#window : this.#window.subarray(0, want), position);
      if (this.#to - position < bytes) return -1;
    }
    return position - this.#from;
  }
}
