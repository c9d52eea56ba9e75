/**
 * The reference workload: four partitions of the three durabilities live through everything that a log does, some of it several
 * times: appends, rolls, group commits that overlap appends, retention by time and by bytes, deletion before an offset, spill and
 * eviction, clean and unclean stops, a host that dies, and a topic that is deleted and made again under its name.
 */
import { Arena } from '../../src/world/arena.ts';
import type { MemoryDisk } from '../../src/world/memory-disk.ts';
import { seededRandom } from '../../src/world/random.ts';
import { Actor } from './actor.ts';
import type { ManualClock } from './clock.ts';

export interface Hooks {
  /** Where retention let a log begin, in order, from a run that saw no fault: so that the notes can say it beforehand. */
  starts?: readonly number[];
  /** Called between steps. */
  between?(actors: readonly Actor[], state: { cleanMarker: boolean; step: string }): void;
}

export interface Lived {
  actors: Actor[];
  /** The data folder's marker: all logs were closed cleanly, and nobody opened them since. */
  cleanMarker: boolean;
  starts: number[];
}

const ROUNDS = 12;

/** Runs the workload to its end. The same seed makes the same storage calls. */
export function live(disk: MemoryDisk, clock: ManualClock, lived: Lived, seed: number, hooks: Hooks = {}): void {
  const random = seededRandom(seed);
  const below = (bound: number): number => random.below(bound);
  const arena = Arena.create({ framesMax: 48, frameBytes: 512, slotsMax: 4 });
  const { actors } = lived;
  actors.push(
    new Actor(disk, arena, 0, 'orders', 'synced', {}),
    new Actor(disk, arena, 1, 'clicks', 'written', {}),
    new Actor(disk, arena, 2, 'ticks', 'memory', {}),
    new Actor(disk, arena, 3, 'drafts', 'synced', { segmentBytes: 500 }),
  );
  const [orders, clicks, ticks, drafts] = actors;
  const step = (name: string): void => hooks.between?.(actors, { cleanMarker: lived.cleanMarker, step: name });
  const retain = (actor: Actor, changes: Parameters<Actor['retain']>[1]): void => {
    lived.starts.push(actor.retain(clock.nowMs(), changes, hooks.starts?.[lived.starts.length]));
    step('retain');
  };
  const openAll = (how: { clean: boolean; adopt: boolean }): void => {
    lived.cleanMarker = false;
    for (const actor of actors) actor.open(how);
    step(`open ${JSON.stringify(how)}`);
  };

  while (!attempt(() => disk.makeFolder('/data'))) {}
  while (!attempt(() => disk.syncFolder('/'))) {}
  openAll({ clean: true, adopt: false });
  for (let round = 0; round < ROUNDS; round++) {
    for (const actor of actors) {
      actor.append(1 + below(4), below, clock.nowMs());
      if (actor !== ticks || below(3) === 0) actor.flush();
      actor.sync();
      clock.advance(100);
    }
    step('append');
    clock.turn();
    step('turn');
    if (below(2) === 0) clock.turn();
    if (below(3) === 0) actors[below(4)].evict(below(20_000));
    switch (round) {
      case 2:
        orders.deleteBefore(Math.min(below(5) + 1, orders.log?.committedOffset ?? 0));
        step('deleteBefore');
        break;
      case 3:
        retain(clicks, { retentionBytes: 1500 });
        break;
      case 4:
        retain(ticks, { retentionMs: 900 });
        ticks.flush();
        break;
      case 5: {
        const clean = actors.map((actor) => actor.close(true));
        lived.cleanMarker = clean.every(Boolean);
        step('closed');
        openAll({ clean: lived.cleanMarker, adopt: false });
        break;
      }
      case 6:
        orders.rollIfDue(clock.nowMs() + 1e12);
        drafts.verify();
        break;
      case 7:
        // The process dies, the kernel lives: what was not written is gone.
        for (const actor of actors) actor.close(false);
        clock.forget();
        step('killed');
        openAll({ clean: false, adopt: false });
        break;
      case 8:
        for (const actor of actors) actor.abandon();
        clock.forget();
        step('host died');
        openAll({ clean: false, adopt: true });
        retain(orders, { retentionMs: 0 });
        break;
      case 9:
        drafts.destroy();
        step('destroyed');
        drafts.open({ clean: false, adopt: false });
        step('made again');
        break;
      case 10:
        ticks.flush();
        clicks.deleteBefore(clicks.log?.writtenOffset ?? 0);
        step('deleteBefore the end');
        break;
    }
  }
  clock.turn();
  clock.turn();
  const clean = actors.map((actor) => actor.close(true));
  lived.cleanMarker = clean.every(Boolean);
  step('end');
}

function attempt(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}
