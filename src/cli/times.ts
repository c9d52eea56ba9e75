/** Times as a command line names them: a date, a time of day, an age. Without a zone of their own they are read in the one that was asked for. */
import type { OptionTable } from './options.ts';

export const zones = ['utc', 'local'] as const;
/** 'local' is the zone of the process (the variable TZ, else the machine's). */
export type Zone = (typeof zones)[number];

/** Of every verb that takes times. */
export const zoneOptions = {
  zone: { type: 'text', value: 'ZONE', choices: zones, about: 'of dates and times that name none (default utc; local follows TZ)' },
} as const satisfies OptionTable;

export const timeForms = 'a time (2026-01-31, 2026-01-31T09:30, today, yesterday, now, @MILLISECONDS) or an age (90s, 15m, 1h, 7d)';

/** A time in milliseconds since the epoch, or null when the text is none. `nowMs` is what ages count back from. */
export function parseTime(text: string, nowMs: number, zone: Zone = 'utc'): number | null {
  if (text === 'now') return nowMs;
  if (/^@\d{1,16}$/.test(text)) return Number(text.slice(1));
  const age = parseAge(text);
  if (age !== null) return nowMs - age;
  const day = parseDay(text, nowMs, zone);
  if (day !== null) return day.fromMs;
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i.test(text)) return null;
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(text.slice(10));
  const parsed = Date.parse(`${text.replace(' ', 'T').replace(',', '.')}${hasZone || zone === 'local' ? '' : 'Z'}`);
  return Number.isNaN(parsed) ? null : parsed;
}

/** A day as the milliseconds from its first on and until the next day's; null when the text is none. A day of a local zone may have 23 or 25 hours. */
export function parseDay(text: string, nowMs: number, zone: Zone = 'utc'): { fromMs: number; untilMs: number } | null {
  const days = { today: 0, yesterday: -1 }[text];
  if (days !== undefined) {
    const now = new Date(nowMs);
    const [year, month, date] =
      zone === 'utc' ? [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()] : [now.getFullYear(), now.getMonth(), now.getDate()];
    return { fromMs: startOfDay(year, month, date + days, zone), untilMs: startOfDay(year, month, date + days + 1, zone) };
  }
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return null;
  const [year, month, date] = match.slice(1).map(Number);
  // 2026-02-31 would be a day of March.
  if (new Date(Date.UTC(year, month - 1, date)).toISOString().slice(0, 10) !== text) return null;
  return { fromMs: startOfDay(year, month - 1, date, zone), untilMs: startOfDay(year, month - 1, date + 1, zone) };
}

/** The day that a file's name speaks of (feed-2026-01-31.bin, feed_20260131.bin), at its start; null when it speaks of none. */
export function dayOfName(name: string, zone: Zone = 'utc'): number | null {
  for (const [, year, month, date] of name.matchAll(/(?<!\d)(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)/g)) {
    const day = parseDay(`${year}-${month}-${date}`, 0, zone);
    if (day !== null) return day.fromMs;
  }
  return null;
}

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** '90s' → 90000; '1h30m' → 5400000; null when the text is no length of time. */
export function parseAge(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d|w)/g)) total += Number(amount) * unitMs[unit];
  return Math.round(total);
}

function startOfDay(year: number, month: number, date: number, zone: Zone): number {
  return zone === 'utc' ? Date.UTC(year, month, date) : new Date(year, month, date).getTime();
}
