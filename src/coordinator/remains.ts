/** What may be left of a deleted partition when its host has dropped it, or has died before: files in the folder, frames in the arena. */
import { errors } from '../base/errors.ts';
import { type Arena, SLOT_WORDS } from '../world/arena.ts';
import type { Disk } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import { removePartition } from './folder.ts';
import type { State } from './state.ts';

export interface Remnant {
  slot: number;
  error: number;
  message: string;
}

/**
 * Sees that nothing is left of these slots, whoever should have removed it, durably: only then may a topic be forgotten. Answers
 * what could not be removed.
 */
export function removeRemains(
  { arena, disk, folder, log }: { arena: Arena; disk: Disk; folder: string | null; log: Logger },
  state: State,
  slots: readonly number[],
  hostDied: boolean,
): Remnant[] {
  const remnants: Remnant[] = [];
  const attempt = (slot: number, call: () => void): void => {
    try {
      call();
    } catch (error) {
      log.error({ slot, error: String(error) }, 'files of a deleted topic could not be removed');
      remnants.push({ slot, error: errors.KAFKA_STORAGE_ERROR.code, message: `${error}; the next start tries again` });
    }
  };
  for (const slot of slots) {
    if (hostDied) forgetSlot(arena, slot);
    const owner = state.owners.get(slot);
    if (folder === null || owner === undefined) continue;
    const { name, topicId } = owner.topic;
    attempt(slot, () => removePartition(disk, folder, { topic: name, partition: owner.partition, topicId }));
  }
  if (folder !== null) attempt(slots[0], () => disk.syncFolder(folder));
  return remnants;
}

/** The next partition with this slot must not find the frames and words of a dead host. */
function forgetSlot(arena: Arena, slot: number): void {
  const place = arena.placeOf(slot);
  for (const frame of arena.framesOf(place).values()) arena.give(frame);
  for (let word = 0; word < SLOT_WORDS; word++) arena.writeWord(place, word, 0);
}
