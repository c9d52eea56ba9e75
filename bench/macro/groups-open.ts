/** Fills a folder with groups that have committed offsets, then opens it again and again, in a process of its own. */
import { Bus, serdes } from '../../src/index.ts';
import { withBus } from '../bus.ts';
import { expectCheck } from '../harness.ts';
import { setupOf, tell } from '../scenario.ts';

const TOPIC = 'read-by-many';
const PARTITIONS = 10;
/** Groups whose commits are under way at once. */
const AT_ONCE = 500;

export interface GroupsOpenSetup {
  folder: string;
  groups: number;
  times: number;
}

export interface GroupsOpened {
  openMs: number[];
  check: string;
}

const { folder, groups, times } = setupOf<GroupsOpenSetup>();

const nameOf = (group: number): string => `group ${group}`;
const offsetOf = (group: number, partition: number): number => group * PARTITIONS + partition;

await withBus({ dir: folder }, async (bus) => {
  await bus.admin().createTopics([{ name: TOPIC, partitions: PARTITIONS }]);
  for (let from = 0; from < groups; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, groups - from) }, (_, i) => from + i);
    await Promise.all(some.map((group) => commitFor(bus, group)));
  }
});

const openMs: number[] = [];
for (let i = 0; i < times; i++) {
  const startMs = performance.now();
  const bus = await Bus.open({ dir: folder, logLevel: 'error' });
  openMs.push(performance.now() - startMs);
  await expectAll(bus);
  await bus.close();
}
tell({ openMs, check: `${groups} groups, ${groups * PARTITIONS} offsets` } satisfies GroupsOpened);

async function commitFor(bus: Bus, group: number): Promise<void> {
  const consumer = bus.consumer({ groupId: nameOf(group), key: serdes.raw, value: serdes.raw, autoCommit: false });
  await consumer.commit(
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition, offset: offsetOf(group, partition) })),
  );
  await consumer.close();
}

/** All groups are there, and the last of them knows where it was. */
async function expectAll(bus: Bus): Promise<void> {
  const admin = bus.admin();
  expectCheck(`${(await admin.listGroups()).length}`, `${groups}`, 'groups after opening');
  const offsets = await admin.groupOffsets(nameOf(groups - 1));
  const expected = Array.from({ length: PARTITIONS }, (_, partition) => offsetOf(groups - 1, partition));
  expectCheck(offsets.map(({ offset }) => offset).join(' '), expected.join(' '), 'offsets after opening');
}
