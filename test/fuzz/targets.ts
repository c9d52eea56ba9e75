/** What the campaign throws, at what, and how much of it; and a process that does a part of one. */
import { openLoopbackBed, openSocketBed } from './beds.ts';
import { fuzzFrames } from './frames.ts';
import { type FuzzResult, fuzzRecords } from './records.ts';
import { fuzzSequences, SEQUENCE_CASES } from './sequences.ts';
import { BLOCK_CASES, fuzzWire } from './wire.ts';

/** A part of a target's cases. */
export interface Slice {
  target: string;
  from: number;
  to: number;
}

/** What a process tells of its part. */
export type Said = { rssMb: number } & (
  | { said: 'going' }
  | { said: 'done'; seconds: number; reasons: Record<string, number> }
  | { said: 'failed'; problem: string }
);

interface Target {
  /** Of all cases, in percent. */
  share: number;
  /** Cases that belong together. */
  block: number;
  run(seed: number, from: number, to: number, progress: () => void): FuzzResult | Promise<FuzzResult>;
}

export const targets = {
  records: { share: 1, block: 5000, run: inParts(fuzzRecords) },
  frames: { share: 19, block: 5000, run: inParts(fuzzFrames) },
  wire: { share: 78, block: BLOCK_CASES, run: (seed, from, to, progress) => fuzzWire(openLoopbackBed, seed, from, to, progress) },
  sequences: { share: 1, block: SEQUENCE_CASES, run: fuzzSequences },
  sockets: { share: 1, block: BLOCK_CASES, run: (seed, from, to, progress) => fuzzWire(openSocketBed, seed, from, to, progress) },
} satisfies Record<string, Target>;

export const targetNames = Object.keys(targets);

export function isTarget(name: string): name is keyof typeof targets {
  return Object.hasOwn(targets, name);
}

/** Says now and then that it is alive. */
function inParts(run: (seed: number, from: number, to: number) => FuzzResult): Target['run'] {
  return (seed, from, to, progress) => {
    const reasons: Record<string, number> = {};
    for (let at = from; at < to; at += PART_CASES) {
      const part = run(seed, at, Math.min(to, at + PART_CASES));
      for (const [reason, count] of Object.entries(part.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
      progress();
    }
    return { cases: to - from, reasons };
  };
}

const PART_CASES = 5000;

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  const [target, seed, from, to] = process.argv.slice(2);
  const begunMs = performance.now();
  const say = (
    said:
      | Omit<Extract<Said, { said: 'going' }>, 'rssMb'>
      | { said: 'done'; seconds: number; reasons: Record<string, number> }
      | { said: 'failed'; problem: string },
  ): void => void process.send?.({ ...said, rssMb: Math.round(process.memoryUsage().rss / 1e6) });
  try {
    if (!isTarget(target)) throw new Error(`there is no target ${target}`);
    const { reasons } = await targets[target].run(Number(seed), Number(from), Number(to), () => say({ said: 'going' }));
    say({ said: 'done', seconds: (performance.now() - begunMs) / 1000, reasons });
  } catch (error) {
    say({ said: 'failed', problem: `${target}: ${(error as Error).stack}` });
  }
  process.disconnect?.();
  // A bus that failed may keep its process.
  setTimeout(() => process.exit(), 1000).unref();
}
