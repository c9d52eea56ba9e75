/** The campaigns: images at every storage call, faults at every storage call. Each failure names what replays it. */
import { createHash } from 'node:crypto';
import type { CrashKind, StorageFault } from '../../src/world/memory-disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { seededRandom } from '../../src/world/random.ts';
import type { Notes } from './actor.ts';
import { auditImage, auditLive, notesOf } from './audit.ts';
import { ManualClock } from './clock.ts';
import { type Hooks, type Lived, live } from './workload.ts';

export interface ImageCampaign {
  seed: number;
  /** Images of the kinds torn and reordered per storage call. */
  variants: number;
  /** Only every so many changing calls. */
  every: number;
  /** Crash a second time, while the first crash is recovered from, for one image of this many; 0: never. */
  twiceEvery: number;
}

export interface ImageCounts {
  calls: number;
  images: number;
  /** Images that differ by content, over all campaigns that share `seen`. */
  distinct: number;
  crashedTwice: number;
  failures: string[];
}

interface Taken {
  name: string;
  kind: CrashKind;
  disk: MemoryDisk;
  notes: Notes[];
  cleanMarker: boolean;
}

const FAILURES_MAX = 20;

/** Takes images before every changing storage call of a workload, and audits each. */
export function crashEverywhere({ seed, variants, every, twiceEvery }: ImageCampaign, seen: Set<string>): ImageCounts {
  const counts: ImageCounts = { calls: 0, images: 0, distinct: 0, crashedTwice: 0, failures: [] };
  // A first run tells where retention will let the logs begin.
  const first = new MemoryDisk({ clock: new ManualClock() });
  const { starts } = run(first, seed, {});
  const disk = new MemoryDisk({ clock: new ManualClock() });
  const random = seededRandom(seed);
  // Within a call the log is not to be entered again, so images wait for the end of the step.
  let waiting: Taken[] = [];
  const between = (): void => {
    const taken = waiting;
    waiting = [];
    for (const one of taken) {
      const isTwice = twiceEvery > 0 && random.below(twiceEvery) === 0;
      const again = isTwice ? { ...one, disk: one.disk.image('kill', 0, new ManualClock()) } : null;
      audit(one, counts, seen);
      if (again === null) continue;
      counts.crashedTwice++;
      crashTwice(again, counts, seen, random.below(60));
    }
  };
  let changes = 0;
  run(disk, seed, { starts, between }, (lived) => {
    disk.onCall = (call) => {
      if (!call.changes || changes++ % every !== 0) return null;
      const notes = notesOf(lived.actors);
      const take = (kind: CrashKind, variant: number): void => {
        const name = `seed ${seed}, before call ${call.number} (${call.operation} ${call.path}), ${kind} ${variant}`;
        const image = disk.image(kind, variant * 7919 + call.number, new ManualClock());
        waiting.push({ name, kind, disk: image, notes, cleanMarker: lived.cleanMarker });
      };
      take('kill', 0);
      take('dropped', 0);
      for (let variant = 0; variant < variants; variant++) {
        take('torn', variant);
        take('reordered', variant);
      }
      return null;
    };
  });
  between();
  if (disk.calls !== first.calls) counts.failures.push(`seed ${seed}: ${disk.calls} calls where there were ${first.calls}`);
  counts.calls = disk.calls;
  return counts;
}

/** The recovery from a crash crashes too, at its n-th storage call. */
function crashTwice(taken: Taken, counts: ImageCounts, seen: Set<string>, calls: number): void {
  const { disk, notes, kind, cleanMarker } = taken;
  disk.failAt(disk.calls + calls, 'crash');
  try {
    auditImage(disk, notes, kind, cleanMarker);
  } catch {
    // What it did by then may have been anything up to a clean close; what was required still is.
  }
  if (!disk.crashed) return;
  for (const second of ['kill', 'dropped', 'torn', 'reordered'] as const) {
    // Once the machine has lost power, only what was on its disk is promised.
    const promise = kind === 'kill' && second === 'kill' ? 'kill' : 'dropped';
    const image = disk.image(second, calls, new ManualClock());
    audit(
      {
        name: `${taken.name}, then at call ${calls} ${second}`,
        kind: promise,
        disk: image,
        notes: withAfterwards(notes),
        cleanMarker: false,
      },
      counts,
      seen,
    );
  }
}

/** The first recovery may have appended its own record at the end of each log. */
function withAfterwards(notes: readonly Notes[]): Notes[] {
  return notes.map((one) => {
    const values = new Map(one.values);
    const most = Math.max(one.startAtMost, ...values.keys(), 0) + 2;
    for (let offset = 0; offset <= most; offset++) {
      const known = values.get(offset) ?? [];
      values.set(offset, ['afterwards', ...known]);
    }
    return { ...one, values };
  });
}

function audit({ name, kind, disk, notes, cleanMarker }: Taken, counts: ImageCounts, seen: Set<string>): void {
  const hash = hashOf(disk);
  counts.images++;
  if (!seen.has(hash)) {
    seen.add(hash);
    counts.distinct++;
  }
  try {
    auditImage(disk, notes, kind, cleanMarker);
  } catch (error) {
    if (counts.failures.length < FAILURES_MAX) counts.failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
  }
}

export interface FaultCounts {
  calls: number;
  runs: number;
  failures: string[];
}

/** Runs a workload once per storage call and fault, the fault raised at that call; it must go on, and keep what it promised. */
export function failEverywhere(seed: number, every: number, faults: readonly StorageFault[], lasting: number): FaultCounts {
  const counts: FaultCounts = { calls: 0, runs: 0, failures: [] };
  const whole = new MemoryDisk({ clock: new ManualClock() });
  run(whole, seed, {});
  counts.calls = whole.calls;
  for (const fault of faults) {
    for (let at = 1; at <= whole.calls; at += every) {
      counts.runs++;
      const name = `seed ${seed}, ${fault} at call ${at}${lasting > 1 ? ` to ${at + lasting - 1}` : ''}`;
      try {
        failAt(seed, at, fault, lasting);
      } catch (error) {
        if (counts.failures.length < FAILURES_MAX) counts.failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return counts;
}

function failAt(seed: number, at: number, fault: StorageFault, lasting: number): void {
  const disk = new MemoryDisk({ clock: new ManualClock() });
  const between: Hooks['between'] = (actors) => {
    const { onCall } = disk;
    disk.onCall = null;
    auditLive(disk, actors);
    disk.onCall = onCall;
  };
  const lived = run(disk, seed, { between }, () => {
    disk.onCall = ({ number }) => (number >= at && number < at + lasting ? fault : null);
  });
  const notes = notesOf(lived.actors);
  for (const kind of ['dropped', 'torn', 'kill'] as const)
    auditImage(disk.image(kind, at, new ManualClock()), notes, kind, lived.cleanMarker);
}

function run(disk: MemoryDisk, seed: number, hooks: Hooks, begin: (lived: Lived) => void = () => {}): Lived {
  const lived: Lived = { actors: [], cleanMarker: true, starts: [] };
  begin(lived);
  live(disk, disk.clock as ManualClock, lived, seed, hooks);
  disk.onCall = null;
  return lived;
}

export function hashOf(disk: MemoryDisk): string {
  const hash = createHash('sha1');
  for (const [path, bytes] of disk.files()) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest('base64');
}
