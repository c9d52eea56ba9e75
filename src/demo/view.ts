/** What the demonstration shows while it runs: a small board that is redrawn on a terminal, a line now and then elsewhere. */
import { numberOf, sizeOf } from '../cli/progress.ts';
import type { PressureReport } from '../coordinator/protocol.ts';

export interface Lane {
  name: string;
  records: number;
  bytes: number;
}

export interface Moment {
  elapsedMs: number;
  /** Records that each lane has before it. */
  total: number;
  lanes: Lane[];
  partitions: { partition: number; endOffset: number; logBytes: number }[];
  pressure: PressureReport;
  memoryBytesMax: number;
}

const BAR_CHARS = 20;

/** The board as lines; rates are those since `before`. */
export function boardOf(title: string, now: Moment, before: Moment | null): string[] {
  const lines = [title, ''];
  for (const [i, lane] of now.lanes.entries()) {
    const share = Math.min(1, lane.records / now.total);
    const filled = Math.round(share * BAR_CHARS);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CHARS - filled)}`;
    const rate = rateOf(lane, before?.lanes[i], now.elapsedMs - (before?.elapsedMs ?? 0));
    lines.push(`  ${lane.name.padEnd(11)} ${bar} ${numberOf(lane.records).padStart(11)} records  ${rate}`);
  }
  const parts = now.partitions.map(({ partition, endOffset }) => `${partition}: ${numberOf(endOffset)}`);
  const logBytes = now.partitions.reduce((sum, one) => sum + one.logBytes, 0);
  lines.push('', `  partitions  ${parts.join('   ')}   ${sizeOf(logBytes)} in all`);
  lines.push(`  memory      ${memoryOf(now)}`);
  lines.push(`  pressure    ${pressureOf(now.pressure)}`);
  return lines;
}

/** The same on one line. */
export function lineOf(now: Moment, before: Moment | null): string {
  const lanes = now.lanes.map((lane, i) => {
    const percent = Math.floor((100 * lane.records) / now.total);
    return `${lane.name} ${percent}% ${rateOf(lane, before?.lanes[i], now.elapsedMs - (before?.elapsedMs ?? 0)).trim()}`;
  });
  return `${(now.elapsedMs / 1000).toFixed(1)} s  ${lanes.join(' · ')} · ${memoryOf(now)} · ${pressureOf(now.pressure)}`;
}

function rateOf(lane: Lane, before: Lane | undefined, ms: number): string {
  if (ms <= 0) return '';
  const perSecond = Math.round(((lane.records - (before?.records ?? 0)) * 1000) / ms);
  const bytesPerSecond = ((lane.bytes - (before?.bytes ?? 0)) * 1000) / ms;
  return `${numberOf(perSecond).padStart(9)}/s  ${sizeOf(bytesPerSecond)}/s`;
}

function memoryOf({ pressure: { gauges }, memoryBytesMax }: Moment): string {
  const { residentBytes, unwrittenBytes, inFlightBytes, rssBytes } = gauges;
  const bus = `${sizeOf(residentBytes + inFlightBytes)} of ${sizeOf(memoryBytesMax)}`;
  return `${bus}, ${sizeOf(unwrittenBytes)} not yet in files; process ${sizeOf(rssBytes)}`;
}

function pressureOf({ level, reasons }: PressureReport): string {
  return reasons.length === 0 ? level : `${level} (${reasons.map(({ gauge }) => gauge).join(', ')})`;
}

/** Draws boards over each other on a terminal. */
export class Board {
  readonly #write: (text: string) => void;
  #lines = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  draw(lines: readonly string[], columns: number): void {
    const up = this.#lines === 0 ? '' : `\u001b[${this.#lines}A`;
    this.#write(`${up}${lines.map((line) => `\r${line.slice(0, columns - 1)}\u001b[K\n`).join('')}`);
    this.#lines = lines.length;
  }
}
