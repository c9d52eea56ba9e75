/**
 * Which offset of the target a record of the source has: runs in which both rise together, one after the other. Pure, and bounded: of many
 * runs the old ones are made coarser, and what is told of them then lies before the record, never behind it.
 *
 *   source   100 101 102     105 106          a gap: compaction, markers of transactions, retention
 *   target     0   1   2       3   4
 *   runs     (100 → 0)       (105 → 3)
 */
import { assert } from '../../base/assert.ts';
import { limits } from '../../base/limits.ts';

export interface Run {
  source: number;
  target: number;
  /** Several runs made one: how many records it has is known, not which offsets they have. */
  coarse: boolean;
}

export class OffsetMap {
  readonly #runs: Run[];
  /** What of the source comes next. */
  nextSource: number;
  /** The target's offset of the next record. */
  nextTarget: number;

  constructor(nextSource: number, nextTarget: number, runs: readonly Run[] = []) {
    this.nextSource = nextSource;
    this.nextTarget = nextTarget;
    this.#runs = runs.length > 0 ? runs.map((run) => ({ ...run })) : [{ source: nextSource, target: nextTarget, coarse: false }];
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Whether every offset is the same on both sides. */
  get isSame(): boolean {
    return this.#runs.every(({ source, target, coarse }) => source === target && !coarse) && this.nextSource === this.nextTarget;
  }

  /** The record at `source` has got the next offset of the target. */
  append(source: number): void {
    assert(source >= this.nextSource, 'records of the source come in order');
    const last = this.#runs[this.#runs.length - 1];
    const isOn = !last.coarse && source - last.source === this.nextTarget - last.target;
    if (!isOn) {
      // A run that never had a record says nothing.
      if (last.target === this.nextTarget) this.#runs.pop();
      this.#runs.push({ source, target: this.nextTarget, coarse: false });
      if (this.#runs.length > limits.mirrorRunsMax) this.#coarsen();
    }
    this.nextSource = source + 1;
    this.nextTarget++;
  }

  /** The target has so many more records, of offsets of the source before `source`; which, is not known any more. */
  lost(records: number, source: number): void {
    if (records > 0) this.#runs[this.#runs.length - 1].coarse = true;
    this.nextTarget += records;
    this.nextSource = Math.max(this.nextSource, source);
  }

  /** The source has nothing more before this offset. */
  passed(source: number): void {
    this.nextSource = Math.max(this.nextSource, source);
  }

  /**
   * What a group that stands at `source` has to read next in the target: the first record that it has not read, or one before it. What is
   * not mirrored yet lies at the target's end.
   */
  translate(source: number): number {
    const runs = this.#runs;
    if (source >= this.nextSource) return this.nextTarget;
    let i = runs.length - 1;
    while (i > 0 && runs[i].source > source) i--;
    const run = runs[i];
    if (source <= run.source) return run.target;
    const next = runs[i + 1] ?? { source: this.nextSource, target: this.nextTarget };
    // Of a coarse run: no more records lie between an offset and its end than there are offsets.
    if (run.coarse) return Math.max(run.target, next.target - (next.source - source));
    return Math.min(run.target + (source - run.source), next.target);
  }

  /** The older half: every second run goes into the one before it. */
  #coarsen(): void {
    const half = this.#runs.length >> 1;
    const kept: Run[] = [];
    for (let i = 0; i < half; i += 2) kept.push({ ...this.#runs[i], coarse: true });
    this.#runs.splice(0, half, ...kept);
  }
}
