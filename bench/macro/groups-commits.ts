/**
 * Commits per second that are taken in, into the database of a folder: of one consumer that commits after each record without waiting
 * (its commits are merged while one is under way), and of many that each wait for the answer (the coordinator stores what comes in a turn
 * in one transaction), one partition at a time or all of theirs.
 */
import { type Bus, type Consumer, serdes } from '../../src/index.ts';
import { makeTopic, withBus } from '../bus.ts';
import { type Bench, expectCheck, measureSides, rounded, type Sample, secondsOf } from '../harness.ts';

const TOPIC = 'committed';
const PARTITIONS = 64;
/** Commits of one consumer that wait at once. */
const WINDOW = 10_000;

type Committer = Consumer<Uint8Array, Uint8Array>;

export async function measureCommits(bench: Bench): Promise<void> {
  const committers = bench.pick(20, 1000, 1000);
  const few = bench.pick(5, 100, 100);
  const names = [
    'commits, one consumer, after each record',
    'commits, one consumer, after each record, synced',
    `commits, ${committers.toLocaleString('en')} consumers that wait for each answer`,
    `commits, ${few} consumers that wait for each answer, ${PARTITIONS} partitions at once`,
  ];
  if (!names.some((name) => bench.wants(name))) return;
  const commits = bench.pick(20_000, 200_000, 1_000_000);
  const folder = bench.makeFolder();
  await withBus({ dir: folder }, async (bus) => {
    await makeTopic(bus, TOPIC, 'memory', { partitions: PARTITIONS });
    let groups = 0;
    const sides = [
      { name: names[0], run: () => commitMerged(bus, `merged ${groups++}`, commits, false) },
      { name: names[1], run: () => commitMerged(bus, `merged ${groups++}`, commits, true) },
      { name: names[2], run: () => commitWaiting(bus, `waiting ${groups++}`, committers, Math.ceil(commits / committers / 4), 1) },
      {
        name: names[3],
        run: () => commitWaiting(bus, `waiting ${groups++}`, few, Math.ceil(commits / few / PARTITIONS), PARTITIONS),
      },
    ];
    for (const side of await measureSides(sides, bench.pick(1, 3, 7), bench.pick(0, 1, 2)))
      bench.emit({ case: side.name, value: rounded(side.value), unit: 'commits/s', check: side.check });
  });
  bench.drop(folder);
}

const makeCommitter = (bus: Bus, groupId: string, commitSynced: boolean): Committer =>
  bus.consumer({ key: serdes.raw, value: serdes.raw, groupId, autoCommit: false, commitSynced });

async function commitMerged(bus: Bus, groupId: string, commits: number, synced: boolean): Promise<Sample> {
  const consumer = makeCommitter(bus, groupId, synced);
  const seconds = await secondsOf(async () => {
    for (let i = 0; i < commits; ) {
      let failure: unknown = null;
      const end = Math.min(commits, i + WINDOW);
      for (; i < end - 1; i++) {
        consumer.commitAsync([{ topic: TOPIC, partition: i % PARTITIONS, offset: i + 1 }], (error) => {
          failure ??= error;
        });
      }
      await consumer.commit([{ topic: TOPIC, partition: i % PARTITIONS, offset: ++i }]);
      if (failure !== null) throw failure;
    }
  });
  await consumer.close();
  const offsets = await bus.admin().groupOffsets(groupId);
  const last = Math.max(...offsets.map(({ offset }) => offset));
  expectCheck(`${offsets.length} ${last}`, `${PARTITIONS} ${commits}`, groupId);
  return { value: commits / seconds, check: `${commits}` };
}

/** Each of these committers stores `each` times how far it is with so many partitions. Every partition counts as a commit. */
async function commitWaiting(bus: Bus, name: string, committers: number, each: number, partitions: number): Promise<Sample> {
  const all = Array.from({ length: committers }, (_, i) => makeCommitter(bus, `${name}, ${i}`, false));
  const seconds = await secondsOf(async () => {
    await Promise.all(
      all.map(async (consumer, i) => {
        for (let offset = 1; offset <= each; offset++) {
          const places = Array.from({ length: partitions }, (_, at) => ({ topic: TOPIC, partition: (i + at) % PARTITIONS, offset }));
          await consumer.commit(places);
        }
      }),
    );
  });
  await Promise.all(all.map((consumer) => consumer.close()));
  const offsets = await bus.admin().groupOffsets(`${name}, ${committers - 1}`);
  expectCheck(offsets.map(({ offset }) => offset).join(' '), Array.from({ length: partitions }, () => each).join(' '), name);
  const commits = committers * each * partitions;
  return { value: commits / seconds, check: `${commits}` };
}
