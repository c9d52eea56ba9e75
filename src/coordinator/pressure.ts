/**
 * The governor: a pure function from gauges to one level (calm, spill, throttle, pause) and the reasons for it. It moves no bytes
 * and waits for nobody; what a level means is up to hosts and dispatchers.
 *
 * Two things keep it from flapping. Each gauge enters a level at one threshold and leaves it at a lower one. And the level rises
 * at once, but falls only after `dwellMs` without a reading that would keep it, and for as long again after a fall it rises no
 * higher-or-equal to where it came from: so under noise around a threshold it changes at most once per dwell, while something
 * worse than anything seen lately is never waited for.
 */
import { GiB, MiB } from '../base/bytes.ts';
import { type PressureLevel, type PressureReason, type PressureReport, pressureLevels } from './protocol.ts';

export interface Gauges {
  /** Bytes of the arena in use. */
  residentBytes: number;
  /** Of these, bytes that are in no file yet. */
  unwrittenBytes: number;
  /** Bytes that dispatchers have posted and not seen answered. */
  inFlightBytes: number;
  /** The largest heap of any thread that reports one, with what it holds outside of it. Shown only. */
  heapBytes: number;
  /** What V8 manages of the user's thread that is nearest to its own limit, which thread that is, and the limit. */
  threadHeapBytes: number;
  threadHeapWhere: string;
  /** Infinity: no thread has told one. */
  threadHeapBytesMax: number;
  /** The largest heap of a partition host, and which host it is. */
  hostHeapBytes: number;
  hostHeapWhere: string;
  rssBytes: number;
  /** Free bytes of the data folder's file system; Infinity without a folder. */
  diskFreeBytes: number;
  /** The host that reported a full disk, or ''. */
  diskFullWhere: string;
}

/** What the gauges are measured against. Infinity: no such fence. */
export interface Fences {
  folder: boolean;
  /** What the arena can hold. */
  arenaBytesMax: number;
  /** The whole budget of the bus, of which the arena is a part. */
  memoryBytesMax: number;
  /** Heap of one partition host. */
  heapBytesMax: number;
  /** Resident set of the process; it holds the user's own memory too, so it is a fence only where one was set. */
  rssBytesMax: number;
}

export interface Threshold {
  gauge: PressureReason['gauge'];
  level: Exclude<PressureLevel, 'calm'>;
  /** With a folder resident bytes can be written out and dropped; without one they can only be waited for. */
  on: 'folder' | 'no folder' | 'any';
  /** A share of this fence, or plain bytes of which less is worse. */
  of: 'arenaBytesMax' | 'memoryBytesMax' | 'heapBytesMax' | 'threadHeapBytesMax' | 'rssBytesMax' | 'bytes left';
  enter: number;
  leave: number;
  why: string;
}

export const dwellMs = 250;

/**
 * Every threshold, once; docs/configuration.md prints this table. A host drops what is written from 90 % of the arena down to 80 %
 * by itself: full of what could be dropped is how an arena should be, so the governor begins above that.
 */
export const thresholds: readonly Threshold[] = [
  t('resident-bytes', 'spill', 'folder', 'arenaBytesMax', 0.92, 0.85, 'cold batches are written out and dropped'),
  t('resident-bytes', 'throttle', 'folder', 'arenaBytesMax', 0.96, 0.92, 'dropping cannot keep up'),
  t('resident-bytes', 'pause', 'folder', 'arenaBytesMax', 0.985, 0.96, 'hardly a frame is free'),
  t('resident-bytes', 'throttle', 'no folder', 'arenaBytesMax', 0.8, 0.7, 'nothing can be spilled: retention must free memory'),
  t('resident-bytes', 'pause', 'no folder', 'arenaBytesMax', 0.95, 0.88, 'hardly a frame is free'),
  t('unwritten-bytes', 'spill', 'folder', 'arenaBytesMax', 0.75, 0.65, 'memory alone holds much: "memory" topics are written out'),
  t('unwritten-bytes', 'throttle', 'folder', 'arenaBytesMax', 0.88, 0.82, 'the disk is slower than the producers'),
  t('unwritten-bytes', 'pause', 'folder', 'arenaBytesMax', 0.96, 0.9, 'the disk is much slower than the producers'),
  t('in-flight-bytes', 'throttle', 'any', 'memoryBytesMax', 1, 0.7, 'hosts are slower than the producers'),
  t('in-flight-bytes', 'pause', 'any', 'memoryBytesMax', 2, 1.5, 'hosts are much slower than the producers'),
  t('heap', 'throttle', 'any', 'heapBytesMax', 0.85, 0.75, 'a partition host is near the bound of its heap'),
  t('heap', 'pause', 'any', 'heapBytesMax', 0.95, 0.88, 'a partition host is about to run out of heap'),
  // Its readers take less by themselves meanwhile (dispatch/strain.ts).
  t('thread-heap', 'spill', 'any', 'threadHeapBytesMax', 0.75, 0.68, 'a thread of the user’s fills up: it holds more than it lets go'),
  t('thread-heap', 'throttle', 'any', 'threadHeapBytesMax', 0.85, 0.78, 'a thread of the user’s is near the limit of its heap'),
  t('thread-heap', 'pause', 'any', 'threadHeapBytesMax', 0.93, 0.87, 'a thread of the user’s is about to run out of heap'),
  t('rss', 'spill', 'any', 'rssBytesMax', 0.85, 0.8, 'the process nears the memory that it may have'),
  t('rss', 'throttle', 'any', 'rssBytesMax', 0.92, 0.87, 'the process nears the memory that it may have'),
  t('rss', 'pause', 'any', 'rssBytesMax', 0.97, 0.93, 'the process is about to pass the memory that it may have'),
  // A full disk is refused with DISK_FULL where it happens: pausing everybody would hide that error and stop what needs no disk.
  t('disk-free', 'throttle', 'folder', 'bytes left', 64 * MiB, 96 * MiB, 'the file system is nearly full'),
];

function t(
  gauge: Threshold['gauge'],
  level: Threshold['level'],
  on: Threshold['on'],
  of: Threshold['of'],
  enter: number,
  leave: number,
  why: string,
): Threshold {
  return { gauge, level, on, of, enter, leave, why };
}

export interface Governor {
  /** Index into pressureLevels. */
  readonly level: number;
  /** Wall-clock time of the last change. */
  readonly sinceMs: number;
  readonly reasons: readonly PressureReason[];
  /** Level of each gauge by itself, with its hysteresis. */
  readonly held: Readonly<Partial<Record<Threshold['gauge'], number>>>;
  /** When a reading last asked for this level or more, and the most that was asked for since; monotonic. */
  readonly wantedAtMs: number;
  readonly wantedSince: number;
  /** Until then the level does not rise to `peak` again, from which it fell. */
  readonly peak: number;
  readonly peakUntilMs: number;
}

export function calmGovernor(nowMs: number): Governor {
  return { level: 0, sinceMs: nowMs, reasons: [], held: {}, wantedAtMs: 0, wantedSince: 0, peak: 0, peakUntilMs: 0 };
}

/** The governor after these readings. */
export function govern(before: Governor, gauges: Gauges, fences: Fences, now: { nowMs: number; monotonicMs: number }): Governor {
  const held: Partial<Record<Threshold['gauge'], number>> = {};
  const reasons: PressureReason[] = [];
  let wanted = 0;
  for (const gauge of gaugeNames) {
    const found = readGauge(gauge, before.held[gauge] ?? 0, gauges, fences);
    if (found === null) continue;
    held[gauge] = found.rank;
    reasons.push(found.reason);
    wanted = Math.max(wanted, found.rank);
  }
  const at = now.monotonicMs;
  if (wanted >= before.level) {
    const barred = at < before.peakUntilMs ? before.peak : before.level;
    if (wanted > barred) return { ...before, level: wanted, sinceMs: now.nowMs, reasons, held, wantedAtMs: at, wantedSince: 0 };
    // Held back below the peak, or just where it was.
    return { ...before, reasons: reasons.length > 0 ? reasons : before.reasons, held, wantedAtMs: at, wantedSince: 0 };
  }
  const wantedSince = Math.max(before.wantedSince, wanted);
  if (at - before.wantedAtMs < dwellMs) return { ...before, held, wantedSince };
  return {
    level: wantedSince,
    sinceMs: now.nowMs,
    reasons,
    held,
    wantedAtMs: at,
    wantedSince: 0,
    peak: before.level,
    peakUntilMs: at + dwellMs,
  };
}

export function toReport(governor: Governor, gauges: Gauges): PressureReport {
  const { residentBytes, unwrittenBytes, inFlightBytes, heapBytes, rssBytes } = gauges;
  // Infinity would not survive JSON.
  const diskFreeBytes = Math.min(gauges.diskFreeBytes, 1024 * 1024 * GiB);
  return {
    level: pressureLevels[governor.level],
    sinceMs: governor.sinceMs,
    reasons: [...governor.reasons],
    gauges: { residentBytes, unwrittenBytes, inFlightBytes, heapBytes, rssBytes, diskFreeBytes },
  };
}

const gaugeNames = [...new Set(thresholds.map(({ gauge }) => gauge))];
const thresholdsOf = new Map(gaugeNames.map((name) => [name, thresholds.filter(({ gauge }) => gauge === name)]));

/** The level that one gauge asks for: the highest that it enters now, or that it holds and has not left. */
function readGauge(
  gauge: Threshold['gauge'],
  held: number,
  gauges: Gauges,
  fences: Fences,
): { rank: number; reason: PressureReason } | null {
  const { value, where } = readingOf(gauge, gauges);
  let found: { rank: number; reason: PressureReason } | null = null;
  for (const row of thresholdsOf.get(gauge) ?? []) {
    if (row.on !== 'any' && (row.on === 'folder') !== fences.folder) continue;
    const rank = pressureLevels.indexOf(row.level);
    const share = rank <= held ? row.leave : row.enter;
    const fence = fenceOf(row.of, gauges, fences);
    const passed = row.of === 'bytes left' ? value <= share : value >= share * fence;
    if (!passed || (found !== null && found.rank > rank)) continue;
    const threshold = Math.round(row.enter * fence);
    found = { rank, reason: { gauge, level: row.level, value, threshold, where } };
  }
  return found;
}

function fenceOf(of: Threshold['of'], gauges: Gauges, fences: Fences): number {
  if (of === 'bytes left') return 1;
  return of === 'threadHeapBytesMax' ? gauges.threadHeapBytesMax : fences[of];
}

function readingOf(gauge: Threshold['gauge'], gauges: Gauges): { value: number; where: string } {
  switch (gauge) {
    case 'resident-bytes':
      return { value: gauges.residentBytes, where: 'arena' };
    case 'unwritten-bytes':
      return { value: gauges.unwrittenBytes, where: 'arena' };
    case 'in-flight-bytes':
      return { value: gauges.inFlightBytes, where: 'dispatchers' };
    case 'heap':
      return { value: gauges.hostHeapBytes, where: gauges.hostHeapWhere };
    case 'thread-heap':
      return { value: gauges.threadHeapBytes, where: gauges.threadHeapWhere };
    case 'rss':
      return { value: gauges.rssBytes, where: 'process' };
    case 'disk-free':
      return { value: gauges.diskFullWhere === '' ? gauges.diskFreeBytes : 0, where: gauges.diskFullWhere || 'data folder' };
  }
}
