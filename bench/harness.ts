/**
 * How a bench measures and what it says. Sides that are compared run interleaved (A B A B …) in one process, so that the machine's mood
 * hits both; a ratio is the median of the ratios of the rounds, a value the median of the rounds. Every sample carries a check that
 * proves its work, and the check must come out the same in every round.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** One case: one line of JSON. */
export interface BenchLine {
  bench: string;
  case: string;
  /** Whose work it is, where it is not Spillway's. */
  peer?: string;
  value: number;
  unit: string;
  /** value ÷ the value of what `of` names, measured in the same run. */
  ratio?: number;
  of?: string;
  /** A count or hash that proves that the work was done. */
  check: string;
}

/** How much work: within `npm test`, with --quick, or all of it. */
export type Dose = 'smoke' | 'quick' | 'full';

export interface Sample {
  value: number;
  check: string;
}

export interface Side<S extends Sample = Sample> {
  name: string;
  run(round: number): S | Promise<S>;
}

export interface Measured<S extends Sample = Sample> {
  name: string;
  /** Of the rounds that count, in their order. */
  samples: S[];
  value: number;
  check: string;
}

export type BenchMain = (bench: Bench) => Promise<void>;

export interface BenchSetup {
  name: string;
  dose: Dose;
  /** Where scratch folders are made: on the disk that is to be measured. */
  folder: string;
  /** Only cases whose name holds this text; all when empty. */
  only: string;
  emit(line: BenchLine): void;
  note(text: string): void;
}

/** What a bench is given: its dose, scratch folders, and where its lines go. */
export class Bench {
  readonly name: string;
  readonly dose: Dose;
  readonly only: string;
  readonly #setup: BenchSetup;
  #folders = 0;

  constructor(setup: BenchSetup) {
    this.name = setup.name;
    this.dose = setup.dose;
    this.only = setup.only;
    this.#setup = setup;
  }

  /** The value for this dose. */
  pick<T>(smoke: T, quick: T, full: T): T {
    return this.dose === 'smoke' ? smoke : this.dose === 'quick' ? quick : full;
  }

  /** Whether a case is wanted. */
  wants(name: string): boolean {
    return name.includes(this.only);
  }

  emit(line: Omit<BenchLine, 'bench'>): void {
    if (!Number.isFinite(line.value)) throw new Error(`${this.name}: "${line.case}" measured ${line.value}`);
    this.#setup.emit({ bench: this.name, ...line });
  }

  note(text: string): void {
    this.#setup.note(text);
  }

  /** A fresh empty folder, removed by `drop`. */
  makeFolder(): string {
    const folder = join(this.#setup.folder, `${this.name}-${process.pid}-${this.#folders++}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  drop(folder: string): void {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs the sides in turn, `rounds` times after `warmups` rounds that do not count. No garbage is forced out in between: a forced
 * collection also throws away optimised code, and walking a batch went from 35 to 5 million records a second with it.
 */
export async function measureSides<S extends Sample>(sides: readonly Side<S>[], rounds: number, warmups = 0): Promise<Measured<S>[]> {
  const samples: S[][] = sides.map(() => []);
  for (let round = -warmups; round < rounds; round++) {
    for (let i = 0; i < sides.length; i++) {
      const sample = await sides[i].run(round);
      const first = samples[i][0];
      if (first !== undefined && first.check !== sample.check) {
        throw new Error(`${sides[i].name}: the check was ${first.check}, in round ${round} it is ${sample.check}`);
      }
      if (round >= 0) samples[i].push(sample);
    }
  }
  return sides.map(({ name }, i) => ({
    name,
    samples: samples[i],
    value: median(samples[i].map(({ value }) => value)),
    check: samples[i][0].check,
  }));
}

/** The median of the rounds' own ratios: both sides of a round saw the same mood of the machine. */
export function ratioOf(side: Measured, ceiling: Measured): number {
  return median(side.samples.map(({ value }, round) => value / ceiling.samples[round].value));
}

export function median(values: readonly number[]): number {
  return percentile(Float64Array.from(values).sort(), 0.5);
}

/** `sorted` rises. The value below which `share` of them lie, between neighbours where it falls between them. */
export function percentile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/** Refuses a sample whose work was not done. */
export function expectCheck(got: string, expected: string, of: string): string {
  if (got !== expected) throw new Error(`${of}: the work was not done; the check is ${got} and should be ${expected}`);
  return got;
}

/** Seconds that `work` takes. */
export async function secondsOf(work: () => void | Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

/** Four significant digits: more would be noise. */
export function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(4));
}
