/**
 * The resident end of a log's byte stream: a run of frames of the arena that holds [start, end). It copies bytes in and out and
 * keeps the words by which another thread can adopt the frames; batches are only lengths to it.
 *
 * A thread can die between any two instructions. So bytes are in place before `residentEnd` says so, and a frame is out of the
 * range before it is given back: whatever lies outside the words is nobody's.
 */
import { assert } from '../base/assert.ts';
import { HEADER_BYTES } from '../record/batch-layout.ts';
import { type Arena, slotWords } from '../world/arena.ts';

export class Tail {
  readonly frameBytes: number;
  readonly #arena: Arena;
  readonly #slot: number;
  /** Ids of the frames held, as a ring; the frame of stream position p is number floor(p / frameBytes). */
  #ids = new Int32Array(8);
  #head = 0;
  #count = 0;
  #firstNumber = 0;
  #start = 0;
  #end = 0;
  /** Where a header lies after seek(): a frame, or a copy when it crosses two. */
  bytes: Buffer = Buffer.alloc(0);
  readonly #scratch = Buffer.alloc(HEADER_BYTES);

  constructor(arena: Arena, slot: number) {
    this.#arena = arena;
    this.#slot = slot;
    this.frameBytes = arena.frameBytes;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Frames held. */
  get frames(): number {
    return this.#count;
  }

  /** Begins an empty stream at a position. */
  reset(position: number): void {
    this.#giveAll();
    this.#start = position;
    this.#end = position;
    this.#firstNumber = Math.floor(position / this.frameBytes);
  }

  /** Takes up [start, end) of frames that another thread filled. */
  adopt(frames: ReadonlyMap<number, number>, start: number, end: number): void {
    this.reset(start);
    for (let number = this.#firstNumber; number * this.frameBytes < end; number++) {
      const id = frames.get(number);
      assert(id !== undefined, 'every frame of the resident range is there');
      this.#push(id);
    }
    this.#end = end;
  }

  /** Takes the frames that `bytes` more need. False, and nothing taken, when the arena has not enough. */
  reserve(bytes: number): boolean {
    const last = Math.floor((this.#end + bytes - 1) / this.frameBytes);
    const had = this.#count;
    for (let number = this.#firstNumber + this.#count; number <= last; number++) {
      const id = this.#arena.take(this.#slot, number);
      if (id < 0) {
        while (this.#count > had) this.#arena.give(this.#ids[(this.#head + --this.#count) & (this.#ids.length - 1)]);
        return false;
      }
      this.#push(id);
    }
    return true;
  }

  /** Copies a batch behind the end, into frames that were reserved. */
  push(batch: Buffer): void {
    const { frameBytes } = this;
    const length = batch.length;
    let at = this.#end - Math.floor(this.#end / frameBytes) * frameBytes;
    let index = Math.floor(this.#end / frameBytes) - this.#firstNumber;
    let done = 0;
    while (done < length) {
      const take = Math.min(frameBytes - at, length - done);
      batch.copy(this.#frameAt(index++), at, done, done + take);
      done += take;
      at = 0;
    }
    this.#end += length;
  }

  /** Publishes the end for whoever adopts: the bytes up to it are in place. */
  publishEnd(endOffset: number): void {
    this.#arena.writeWord(this.#slot, slotWords.residentEnd, this.#end);
    this.#arena.writeWord(this.#slot, slotWords.endOffset, endOffset);
  }

  /** Publishes that nothing is resident; between any two of these words the range is empty too. */
  publishEmpty(startOffset: number, endOffset: number): void {
    this.#arena.writeWord(this.#slot, slotWords.residentEnd, 0);
    this.#arena.writeWord(this.#slot, slotWords.endOffset, endOffset);
    this.publishStart(startOffset);
    this.#arena.writeWord(this.#slot, slotWords.residentEnd, this.#start);
  }

  publishStart(startOffset: number): void {
    this.#arena.writeWord(this.#slot, slotWords.startOffset, startOffset);
    this.#arena.writeWord(this.#slot, slotWords.residentStart, this.#start);
  }

  publishWritten(writtenEnd: number): void {
    this.#arena.writeWord(this.#slot, slotWords.writtenEnd, writtenEnd);
  }

  /** Lets the bytes below `position`, a batch's start, leave memory. Their frames are given back once that is published. */
  advance(position: number): void {
    assert(position >= this.#start && position <= this.#end, 'the resident range only shrinks within itself');
    this.#start = position;
  }

  /** Gives back the frames below the start; returns their count. */
  giveBelowStart(): number {
    const first = Math.floor(this.#start / this.frameBytes);
    // An empty range keeps no frame, so that an idle partition costs none.
    const empty = this.#start === this.#end;
    let given = 0;
    while (this.#count > 0 && (empty || this.#firstNumber < first)) {
      this.#arena.give(this.#ids[this.#head]);
      this.#head = (this.#head + 1) & (this.#ids.length - 1);
      this.#count--;
      this.#firstNumber++;
      given++;
    }
    if (this.#count === 0) this.#firstNumber = first;
    return given;
  }

  /** Takes back the bytes from `position` on. */
  cut(position: number): void {
    assert(position >= this.#start && position <= this.#end, 'a cut lies within the resident range');
    this.#end = position;
  }

  /** Gives back the frames beyond the end, after a cut was published. */
  giveAboveEnd(): void {
    const keep = this.#start === this.#end ? 0 : Math.ceil(this.#end / this.frameBytes) - this.#firstNumber;
    while (this.#count > keep) this.#arena.give(this.#ids[(this.#head + --this.#count) & (this.#ids.length - 1)]);
  }

  /** Where the header of the batch at a stream position lies within `bytes`; −1 beyond the end. */
  seek(position: number): number {
    if (position >= this.#end) return -1;
    const number = Math.floor(position / this.frameBytes);
    const at = position - number * this.frameBytes;
    const index = number - this.#firstNumber;
    if (at + HEADER_BYTES <= this.frameBytes) {
      this.bytes = this.#frameAt(index);
      return at;
    }
    this.#frameAt(index).copy(this.#scratch, 0, at);
    const had = this.frameBytes - at;
    if (index + 1 < this.#count) this.#frameAt(index + 1).copy(this.#scratch, had, 0, HEADER_BYTES - had);
    this.bytes = this.#scratch;
    return 0;
  }

  copy(from: number, to: number, into: Buffer, at: number): void {
    assert(from >= this.#start && to <= this.#end, 'what is copied is resident');
    const { frameBytes } = this;
    let position = from;
    while (position < to) {
      const number = Math.floor(position / frameBytes);
      const within = position - number * frameBytes;
      const take = Math.min(frameBytes - within, to - position);
      this.#frameAt(number - this.#firstNumber).copy(into, at, within, within + take);
      position += take;
      at += take;
    }
  }

  /** The pieces of frames that make up [from, to), at most `piecesMax` of them, into `pieces`; returns the bytes they hold. */
  slices(from: number, to: number, pieces: Buffer[], piecesMax: number): number {
    const { frameBytes } = this;
    pieces.length = 0;
    let position = from;
    while (position < to && pieces.length < piecesMax) {
      const number = Math.floor(position / frameBytes);
      const within = position - number * frameBytes;
      const take = Math.min(frameBytes - within, to - position);
      const frame = this.#frameAt(number - this.#firstNumber);
      pieces.push(take === frameBytes ? frame : frame.subarray(within, within + take));
      position += take;
    }
    return position - from;
  }

  /** Gives every frame back and clears the words, so that a later partition of this slot is not taken for this one. */
  close(): void {
    this.#arena.writeWord(this.#slot, slotWords.residentEnd, 0);
    for (const word of Object.values(slotWords)) this.#arena.writeWord(this.#slot, word, 0);
    this.#start = 0;
    this.#end = 0;
    this.#giveAll();
  }

  #giveAll(): void {
    while (this.#count > 0) this.#arena.give(this.#ids[(this.#head + --this.#count) & (this.#ids.length - 1)]);
  }

  #push(id: number): void {
    if (this.#count === this.#ids.length) {
      const grown = new Int32Array(this.#count * 2);
      for (let i = 0; i < this.#count; i++) grown[i] = this.#ids[(this.#head + i) & (this.#ids.length - 1)];
      this.#ids = grown;
      this.#head = 0;
    }
    this.#ids[(this.#head + this.#count++) & (this.#ids.length - 1)] = id;
  }

  #frameAt(index: number): Buffer {
    return this.#arena.frame(this.#ids[(this.#head + index) & (this.#ids.length - 1)]);
  }
}
