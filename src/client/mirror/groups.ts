/**
 * Offsets of groups, brought to the target in its own offsets. A group that has moved there, whose members commit on the target, is left
 * alone from then on.
 */
import { BusError } from '../../base/errors.ts';
import type { Admin } from '../admin.ts';
import type { GroupOffset } from '../group-admin.ts';
import { keyOf } from '../places.ts';

interface Setup {
  from: Admin;
  to: Admin;
  isGroup(groupId: string): boolean;
  /** What the offset of a group is on the target; null: that partition is not mirrored. */
  translate(topic: string, partition: number, offset: number): number | null;
  onNotice(text: string): void;
}

export class MirroredGroups {
  readonly #setup: Setup;
  /** What was committed on the target last, by group and place. */
  readonly #committed = new Map<string, Map<string, number>>();
  readonly #leftAlone = new Set<string>();

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  get count(): number {
    return this.#committed.size;
  }

  async bring(): Promise<void> {
    const { from, isGroup } = this.#setup;
    for (const { groupId } of await from.listGroups()) if (isGroup(groupId)) await this.#bringOne(groupId);
  }

  async #bringOne(groupId: string): Promise<void> {
    const { from, to, translate, onNotice } = this.#setup;
    const known = this.#committed.get(groupId) ?? new Map<string, number>();
    const wanted: GroupOffset[] = [];
    for (const row of await from.groupOffsets(groupId)) {
      const offset = translate(row.topic, row.partition, row.offset);
      if (offset !== null && known.get(keyOf(row)) !== offset) wanted.push({ ...row, offset, leaderEpoch: -1 });
    }
    if (wanted.length === 0) return;
    const current = new Map((await to.groupOffsets(groupId)).map((row) => [keyOf(row), row.offset]));
    const moved = wanted.filter((row) => mayMove(row.offset, current.get(keyOf(row)), known.get(keyOf(row))));
    for (const row of wanted) if (current.get(keyOf(row)) === row.offset) known.set(keyOf(row), row.offset);
    try {
      if (moved.length > 0) await to.importOffsets({ format: 'spillway-offsets', version: 1, groups: [{ groupId, offsets: moved }] });
    } catch (error) {
      if (!isInUse(error)) throw error;
      if (!this.#leftAlone.has(groupId)) onNotice(`group ${groupId} has members on the target: its offsets there are its own`);
      this.#leftAlone.add(groupId);
      return;
    }
    for (const row of moved) known.set(keyOf(row), row.offset);
    if (known.size > 0) this.#committed.set(groupId, known);
  }
}

/** Forward always; back only what was committed by us. */
function mayMove(offset: number, current: number | undefined, ours: number | undefined): boolean {
  if (current === undefined || current < offset) return true;
  return current > offset && current === ours;
}

function isInUse(error: unknown): boolean {
  return (
    error instanceof BusError &&
    ['NON_EMPTY_GROUP', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'GROUP_ID_NOT_FOUND', 'STALE_MEMBER_EPOCH'].includes(error.code)
  );
}
