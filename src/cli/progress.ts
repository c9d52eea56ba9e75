/** How far a long piece of work has come: a bar that is redrawn on a terminal, a line now and then elsewhere. */
import type { Clock } from '../world/clock.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;
const BAR_CHARS = 24;

export interface Amount {
  /** Left out where the work does not count them. */
  records?: number;
  bytes: number;
  /** Where the work is, between 0 and 1, when that is known. */
  share?: number;
}

export class Progress {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #what: string;
  readonly #startMs: number;
  #lastMs: number;

  /** `what` names the work: `orders ← flights.csv`. */
  constructor(terminal: Terminal, clock: Clock, what: string) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#what = what;
    this.#startMs = clock.monotonicMs();
    this.#lastMs = this.#startMs;
  }

  /** Cheap: call it once per piece of work. */
  update(amount: Amount): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs < (this.#terminal.isInteractive ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return;
    this.#lastMs = nowMs;
    const line = progressLine(this.#what, amount, nowMs - this.#startMs);
    if (this.#terminal.isInteractive) this.#terminal.draw(line);
    else this.#terminal.say(line);
  }

  /** Takes the bar away and says what was done, and how fast. */
  end(done: string, amount: Amount): void {
    this.#terminal.draw('');
    const elapsedMs = this.#clock.monotonicMs() - this.#startMs;
    this.#terminal.say(
      `${done}: ${countOf(amount.records ?? 0)}, ${sizeOf(amount.bytes)} in ${durationOf(elapsedMs)}${rateOf(amount, elapsedMs)}`,
    );
  }
}

export function progressLine(what: string, amount: Amount, elapsedMs: number): string {
  const parts = amount.records === undefined ? [sizeOf(amount.bytes)] : [countOf(amount.records), sizeOf(amount.bytes)];
  if (elapsedMs > 0) parts.push(`${sizeOf((amount.bytes * 1000) / elapsedMs)}/s`);
  if (amount.share === undefined) return `${what}  ${parts.join(' · ')}`;
  const share = Math.min(1, Math.max(0, amount.share));
  if (share > 0.01 && share < 1) parts.push(`${durationOf((elapsedMs * (1 - share)) / share)} left`);
  const filled = Math.round(share * BAR_CHARS);
  return `${what}  ${'█'.repeat(filled)}${'░'.repeat(BAR_CHARS - filled)} ${Math.floor(share * 100)}%  ${parts.join(' · ')}`;
}

/** 'a rate' where the time was long enough to tell one. */
function rateOf({ records = 0, bytes }: Amount, elapsedMs: number): string {
  if (elapsedMs < 100 || records === 0) return '';
  return ` (${numberOf(Math.round((records * 1000) / elapsedMs))}/s, ${sizeOf((bytes * 1000) / elapsedMs)}/s)`;
}

/** 1234567 → '1,234,567'. */
export function numberOf(count: number): string {
  return count.toLocaleString('en-US');
}

export function countOf(records: number): string {
  return `${numberOf(records)} record${records === 1 ? '' : 's'}`;
}

/** Bytes with a unit: 1536 → '1.5 KiB'. */
export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  let size = bytes;
  for (const unit of ['KiB', 'MiB', 'GiB']) {
    size /= 1024;
    if (size < 1023.95) return `${size.toFixed(1)} ${unit}`;
  }
  return `${(size / 1024).toFixed(1)} TiB`;
}

/** 83_000 → '1m 23s'. */
export function durationOf(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${seconds % 60}s`;
}
