/** A group: it reads from the beginning, shares with a second member, takes over from it, commits, and goes on where it ended. */
import { expect } from 'vitest';
import type { Assignor, Offsets, Taken } from '../witness.ts';
import { ask, base64, eventually, expectEachOnce, makeTopic, sum, type Trial, Watch, wordOf } from './trial.ts';

const PARTITIONS = 4;

export async function shareAndResume(trial: Trial, assignor: Assignor): Promise<void> {
  const { client, witness } = trial;
  const topic = `group-${assignor}-${wordOf(trial)}`;
  const group = `${topic}-readers`;
  const [first, second, third] = ['first', 'second', 'third'].map((name) => `${topic}-${name}`);
  await makeTopic(trial, topic, PARTITIONS);
  let ends: Offsets = {};
  const send = async (): Promise<void> => {
    const records = Array.from({ length: 40 }, (_, i) => ({ key: base64(`key-${i}`), value: base64(`${i}`), headers: [] }));
    await witness.ask('produce', { topic, codec: 'none', idempotent: true, records });
    ends = (await ask(trial, 'offsetsAt', { topic, timestamp: -1 })).offsets;
  };
  const join = async (member: string): Promise<void> => {
    await witness.ask('join', { member, group, topics: [topic], assignor });
    watch.add(member);
  };
  const leave = async (member: string): Promise<void> => {
    watch.take(member, await witness.ask('leave', { member }));
    left.push(...watch.of(member).taken);
    watch.members.delete(member);
  };
  const watch = new Watch(witness, topic);
  const left: Taken[] = [];
  const all = Array.from({ length: PARTITIONS }, (_, i) => i);
  const ownsAll = () => watch.owned().join() === all.join();
  const countRead = () => new Set([...left, ...watch.taken()].map(({ partition, offset }) => `${partition} ${offset}`)).size;
  const isRead = () => countRead() >= sum(ends);

  await send();
  await join(first);
  await watch.until('a single member reads all', () => ownsAll() && isRead());

  await join(second);
  await watch.until(
    'two members share',
    () => ownsAll() && [first, second].every((name) => watch.of(name).owned.length === PARTITIONS / 2),
  );
  if (client.lacks.describeGroup === undefined && (assignor !== 'consumer' || client.describesConsumerGroups)) {
    const { state, members } = await witness.ask('describeGroup', { group, assignor });
    expect(state).toBe('Stable');
    const assigned = Object.fromEntries(members.map(({ clientId, partitions }) => [clientId, partitions[topic].toSorted()]));
    expect(assigned).toEqual({ [first]: watch.of(first).owned, [second]: watch.of(second).owned });
  }
  await send();
  await watch.until('both read what comes', isRead);
  for (const name of [first, second]) {
    const { taken, owned } = watch.of(name);
    const late = taken.filter(({ offset }) => offset >= 40);
    expect(late.every(({ partition }) => owned.includes(partition))).toBe(true);
  }
  await eventually(async () => sameOffsets(await committed(trial, group, topic), ends));

  await leave(second);
  await watch.until('who stays takes over', ownsAll);
  await send();
  await watch.until('and reads on', isRead);
  await leave(first);
  await eventually(async () => sameOffsets(await committed(trial, group, topic), ends));
  expectEachOnce(client, left, {}, ends);

  // Somebody new goes on where the group ended.
  const before = ends;
  await send();
  left.length = 0;
  await join(third);
  await watch.until('the group is resumed', () => countRead() >= sum(ends) - sum(before));
  await leave(third);
  expectEachOnce(client, left, before, ends);
}

async function committed(trial: Trial, group: string, topic: string): Promise<Offsets> {
  return (await ask(trial, 'groupOffsets', { group, topic })).offsets;
}

function sameOffsets(a: Offsets, b: Offsets): boolean {
  return Object.entries(b).every(
    ([partition, offset]) => a[Number(partition)] === offset || (offset === 0 && a[Number(partition)] === undefined),
  );
}
