/**
 * The memory of the bus that outlives a thread: one SharedArrayBuffer of fixed size, cut into frames that hold resident batches,
 * and a table that says whose each frame is. Pages that were never touched cost nothing; a frame given back is the first to be
 * taken again, so resident memory follows what is in use, without the garbage collector. A host that dies leaves its frames here,
 * and the next host adopts what had not been written to disk (see log/tail.ts).
 *
 *   control words (Int32)   frame owners (Int32 × frames)   partition words (Float64 × 8 × partitions)   frames
 */
import { assert } from '../base/assert.ts';

export interface ArenaSizes {
  framesMax: number;
  frameBytes: number;
  /** Places for the words of partitions: see `placeOf`. */
  slotsMax: number;
}

/** What crosses a thread so that another one can attach. */
export interface ArenaHandle extends ArenaSizes {
  shared: SharedArrayBuffer;
}

/** Control words, shared by all threads. */
const USED = 0;
const LOWEST_FREE = 1;
const LEVEL = 2;
const CONTROL_WORDS = 16;

/** Words of a partition's slot (Float64): what a new host needs to adopt the frames of a dead one. */
export const slotWords = {
  /** Stream position of the first resident byte: the start of a batch. */
  residentStart: 0,
  /** Stream position after the last complete batch. */
  residentEnd: 1,
  /** Log start offset. */
  startOffset: 2,
  /** Offset after the last complete batch. */
  endOffset: 3,
  /** Stream position up to which the bytes are in the segment files. */
  writtenEnd: 4,
  /** High watermark. */
  highWatermark: 5,
} as const;
export const SLOT_WORDS = 8;

export class Arena {
  readonly handle: ArenaHandle;
  readonly frameBytes: number;
  readonly #control: Int32Array;
  /** 0: free; slot + 1: taken by the partition of that slot. */
  readonly #owners: Int32Array;
  /** Which frame of its partition's stream it holds: floor(stream position / frameBytes). */
  readonly #numbers: Float64Array;
  readonly #slots: Float64Array;
  readonly #frames: (Buffer | undefined)[];
  readonly #framesAt: number;

  constructor(handle: ArenaHandle) {
    const { shared, framesMax, slotsMax } = handle;
    this.handle = handle;
    this.frameBytes = handle.frameBytes;
    let at = 0;
    this.#control = new Int32Array(shared, at, CONTROL_WORDS);
    at += CONTROL_WORDS * 4;
    this.#slots = new Float64Array(shared, at, slotsMax * SLOT_WORDS);
    at += slotsMax * SLOT_WORDS * 8;
    this.#numbers = new Float64Array(shared, at, framesMax);
    at += framesMax * 8;
    this.#owners = new Int32Array(shared, at, framesMax);
    at += framesMax * 4;
    this.#framesAt = alignUp(at, 4096);
    this.#frames = new Array(framesMax);
  }

  static create(sizes: ArenaSizes): Arena {
    const table = CONTROL_WORDS * 4 + sizes.slotsMax * SLOT_WORDS * 8 + sizes.framesMax * 12;
    const shared = new SharedArrayBuffer(alignUp(table, 4096) + sizes.framesMax * sizes.frameBytes);
    return new Arena({ ...sizes, shared });
  }

  /** Frames in use, over all partitions. */
  get used(): number {
    return Atomics.load(this.#control, USED);
  }

  get framesMax(): number {
    return this.handle.framesMax;
  }

  get usedBytes(): number {
    return this.used * this.frameBytes;
  }

  /** The pressure level (0 calm … 3 pause), written by the coordinator, read by everyone. */
  get level(): number {
    return Atomics.load(this.#control, LEVEL);
  }

  set level(value: number) {
    Atomics.store(this.#control, LEVEL, value);
  }

  /** Takes a free frame for frame `number` of the stream of `slot`; its id, or −1 when none is free. */
  take(slot: number, number: number): number {
    const max = this.handle.framesMax;
    if (Atomics.add(this.#control, USED, 1) >= max) {
      Atomics.sub(this.#control, USED, 1);
      return -1;
    }
    let id = Atomics.load(this.#control, LOWEST_FREE);
    for (let tries = 0; ; tries++, id++) {
      assert(tries <= 2 * max, 'a frame is free when the count says so');
      if (id >= max) id = 0;
      if (Atomics.load(this.#owners, id) !== 0) continue;
      if (Atomics.compareExchange(this.#owners, id, 0, slot + 1) !== 0) continue;
      Atomics.store(this.#control, LOWEST_FREE, id + 1);
      this.#numbers[id] = number;
      return id;
    }
  }

  /** Gives a frame back. */
  give(id: number): void {
    assert(Atomics.load(this.#owners, id) !== 0, 'a frame is given back by its owner, once');
    // Whoever takes it next may die before it has written its number: then no number must be found.
    this.#numbers[id] = -1;
    Atomics.store(this.#owners, id, 0);
    Atomics.sub(this.#control, USED, 1);
    // A race here costs a longer search, never a wrong frame.
    if (id < Atomics.load(this.#control, LOWEST_FREE)) Atomics.store(this.#control, LOWEST_FREE, id);
  }

  /** The bytes of a frame. */
  frame(id: number): Buffer {
    const known = this.#frames[id];
    if (known !== undefined) return known;
    const made = Buffer.from(this.handle.shared, this.#framesAt + id * this.frameBytes, this.frameBytes);
    this.#frames[id] = made;
    return made;
  }

  /** Where a partition's words and frames are. A partition's slot is its own for good; its place is used again when it is deleted. */
  placeOf(slot: number): number {
    return slot % this.handle.slotsMax;
  }

  /** All frames of a slot as (stream frame number → id): what a dead host left behind. Walks the whole table. */
  framesOf(slot: number): Map<number, number> {
    const found = new Map<number, number>();
    for (let id = 0; id < this.handle.framesMax; id++) {
      if (Atomics.load(this.#owners, id) === slot + 1) found.set(this.#numbers[id], id);
    }
    return found;
  }

  readWord(slot: number, word: number): number {
    return this.#slots[slot * SLOT_WORDS + word];
  }

  writeWord(slot: number, word: number, value: number): void {
    this.#slots[slot * SLOT_WORDS + word] = value;
  }
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
