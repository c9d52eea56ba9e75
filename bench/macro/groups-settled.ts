/** When a group has come to rest, in its members' own eyes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TopicPartition } from '../../src/index.ts';

const PATIENCE_MS = 60_000;

export interface Assigned {
  assignment(): TopicPartition[];
}

/** Each partition is somebody's, nobody has more than one more than another. */
export function allHave(members: readonly Assigned[], partitions: number): boolean {
  const each = members.map((member) => member.assignment());
  const most = Math.ceil(partitions / members.length);
  const least = Math.floor(partitions / members.length);
  if (!each.every(({ length }) => length >= least && length <= most)) return false;
  return new Set(each.flatMap((some) => some.map(({ topic, partition }) => `${topic} ${partition}`))).size === partitions;
}

export async function until(condition: () => boolean, everyMs = 1): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`the group has not come to rest within ${PATIENCE_MS} ms`);
    await sleep(everyMs);
  }
}
