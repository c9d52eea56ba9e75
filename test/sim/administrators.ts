/** Those who change topics while a simulation runs: configurations, partitions, deletions of records; and the topics that come and go. */
import type { Durability } from '../../src/log/config.ts';
import type { GroupPlan } from './group-plan.ts';
import type { Groups } from './groups.ts';
import { passingNames, type TopicPlan } from './plan.ts';
import { chance, codeOf, type ProducerHabits, pick, produce, type ReaderHabits, type Reading, readOn, sleep, type User } from './users.ts';

type Work = (user: User, topic: TopicPlan) => Promise<void>;

const works: Work[] = [
  async ({ client, random, auditor }, topic) => {
    const total = topic.partitions + 1 + random.below(2);
    if (total > 6) return;
    auditor.partitionsAsked(topic.name, total);
    await client.admin().createPartitions(topic.name, total);
    topic.partitions = total;
  },
  async ({ client, random, auditor }, { name, partitions }) => {
    const partition = random.below(partitions);
    const before = await client.admin().listOffsets(name, pick(random, ['latest', 'earliest'] as const));
    const offset = before[partition]?.offset ?? 0;
    const beforeOffset = chance(random, 20) ? -1 : random.below(offset + 1);
    auditor.deletionAsked(name, partition, beforeOffset);
    const starts = await client.admin().deleteRecords(name, { [partition]: beforeOffset });
    if (beforeOffset < 0) auditor.deletedAll(name, partition, starts[partition]);
  },
  async ({ client, random }, { name }) => {
    const key = pick(random, ['segment.bytes', 'index.interval.bytes', 'segment.ms']);
    await client.admin().alterConfigs(name, [{ key, op: 'set', value: 1024 + random.below(20_000) }]);
  },
  async ({ client, random, auditor }, { name, durability }) => {
    // A bus without a folder knows only one.
    if (durability === 'memory' && !(await isConfigurable(client, name))) return;
    const value: Durability = pick(random, ['memory', 'written', 'synced']);
    auditor.durabilityAsked(name, value);
    await client.admin().alterConfigs(name, [{ key: 'durability', op: 'set', value }]);
  },
  async ({ client, random, auditor }, { name }) => {
    const ms = 1000 + random.below(10_000);
    auditor.retentionAsked(name, { ms, bytes: -1 });
    await client.admin().alterConfigs(name, [{ key: 'retention.ms', op: 'set', value: ms }]);
  },
  async ({ client }, { name }) => {
    await client.admin().describeTopics([name]);
    await client.admin().listTopics();
  },
];

async function isConfigurable(client: User['client'], name: string): Promise<boolean> {
  const [{ entries }] = await client.admin().describeConfigs([name]);
  return entries.find(({ key }) => key === 'durability')?.readOnly === false;
}

/** Now and then changes something of a topic. */
export async function administer(user: User, topics: readonly TopicPlan[]): Promise<void> {
  while (!user.stopping()) {
    await sleep(user, 50 + user.random.below(500));
    try {
      await pick(user.random, works)(user, pick(user.random, topics));
    } catch (error) {
      codeOf(user, error);
    }
  }
}

/** Makes a topic, uses it, deletes it, again and again: slots and folders are used anew. */
export async function comeAndGo(user: User, name: string): Promise<void> {
  const { client, random, auditor } = user;
  const readings: Reading[] = [];
  while (!user.stopping()) {
    const partitions = 1 + random.below(3);
    try {
      auditor.topicMade(name, { durability: 'memory', partitions, passing: true });
      // Who uses it before it is there makes it, with the bus's own count.
      auditor.partitionsAsked(name, 1);
      const durability = (await isConfigurable(client, 'topic-0')) ? pick(random, ['memory', 'written', 'synced']) : 'memory';
      await client.admin().createTopics([{ name, partitions, configs: { durability, 'segment.bytes': 4096, 'retention.ms': 10_000 } }]);
    } catch (error) {
      if (codeOf(user, error) !== 'TOPIC_ALREADY_EXISTS') await sleep(user, 50);
    }
    const within = { ...user, stopping: () => left || user.stopping() };
    let left = false;
    const untilClosed = (error: unknown): void => {
      if (codeOf(user, error) !== 'CLOSED') throw error;
    };
    const producing = produce(within, passingProducer(user, name), () => {}).catch(untilClosed);
    // It reads on until it is told that its topic is gone.
    readOn(within, passingReader(user, name), (reading) => readings.push(reading)).catch(untilClosed);
    await sleep(user, random.below(300));
    try {
      await client.admin().deleteTopics([name]);
    } catch (error) {
      codeOf(user, error);
    }
    left = true;
    await producing;
    await sleep(user, random.below(100));
  }
  for (const { consumer } of readings) await consumer.close();
}

function passingProducer({ random }: User, name: string): ProducerHabits {
  return {
    topics: [name],
    partitions: 0,
    style: pick(random, ['one', 'burst'] as const),
    options: {
      acks: 'all',
      lingerMs: 0,
      batchSize: 4096,
      bufferMemory: 16_384,
      maxBlockMs: 500,
      deliveryTimeoutMs: 1000,
      retryBackoffMs: 10,
    },
    burst: 5,
    pauseMs: random.below(10),
    valueBytesMax: 500,
    records: random.below(50),
  };
}

function passingReader({ random }: User, name: string): ReaderHabits {
  const options = {
    fetchBytesMax: 65_536,
    partitionBytesMax: 65_536,
    fetchBytesMin: 1,
    fetchWaitMs: 100,
    queuedBytesMax: pick(random, [1, 65_536]),
  };
  return { topic: name, style: 'poll', seeks: 0, pauses: 0, delayMs: random.below(20), recordsMax: 50, options };
}

/** Has the members of a group go now and then, moves its offsets or deletes it, and lets them come back. */
export async function moveOffsets(user: User, { groupId, topics }: GroupPlan, groups: Groups): Promise<void> {
  const { random } = user;
  while (!user.stopping()) {
    await sleep(user, 100 + random.below(1500));
    if (user.stopping()) return;
    groups.recess(groupId);
    try {
      // Who is static, or was killed, is waited for.
      for (let i = 0; i < 60 && !user.stopping() && !(await moveOnce(user, groupId, topics)); i++) await sleep(user, 50);
    } finally {
      // A bus that is closed gives no administrator any more; members who wait would wait for ever.
      groups.endRecess(groupId);
    }
  }
}

/** False: it was refused, and is worth trying again. */
async function moveOnce(user: User, groupId: string, topics: readonly string[]): Promise<boolean> {
  const { client, random } = user;
  const admin = client.admin();
  try {
    if (chance(random, 15)) await admin.deleteGroups([groupId]);
    else {
      const agoMs = random.below(3000);
      const to = pick(random, [
        'earliest',
        'latest',
        random.below(100),
        { agoMs },
        { shiftBy: random.below(60) - 30 },
        { fromEnd: 5 },
      ] as const);
      await admin.resetOffsets(groupId, { to, topics: chance(random, 50) ? [pick(random, topics)] : topics });
    }
    return true;
  } catch (error) {
    // A shift needs something committed; a group may not be there yet.
    return ['CLOSED', 'INVALID_ARGUMENT', 'GROUP_ID_NOT_FOUND'].includes(codeOf(user, error));
  }
}

export { passingNames, type Reading };
