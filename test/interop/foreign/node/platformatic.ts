/** @platformatic/kafka: its producer, its consumers of both group protocols, its admin client. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  compatibilityPartitioner,
  type Message,
  type MessagesStream,
  type MessageToProduce,
  Producer,
} from '@platformatic/kafka';
import type { Header, Offsets, Sent } from '../witness.ts';
import { bytesOf, entriesOf, type Handlers, Notes, Progress, serve, textOf } from './serve.ts';

const bootstrapBrokers = [process.argv[2]];
const base = { bootstrapBrokers, metadataMaxAge: 1_000 };
const admin = new Admin({ ...base, clientId: 'witness-platformatic' });

interface Member {
  notes: Notes;
  consumer: Consumer;
  stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>;
  ended: Promise<void>;
}
const members = new Map<string, Member>();

function memberOf(name: string): Member {
  const member = members.get(name);
  if (member === undefined) throw new Error(`no member ${name}`);
  return member;
}

function messageOf(topic: string, { key, value, headers, partition, timestamp }: Sent): MessageToProduce {
  const message: Record<string, unknown> = {
    topic,
    key: bytesOf(key),
    value: bytesOf(value),
    // A map, with buffers for keys: so one name may come several times.
    headers: new Map(headers.map((header) => [Buffer.from(header.key), bytesOf(header.value)])),
  };
  if (partition !== undefined) message.partition = partition;
  if (timestamp !== undefined) message.timestamp = BigInt(timestamp);
  return message as unknown as MessageToProduce;
}

function headersFrom({ headerEntries }: Message): Header[] {
  return headerEntries.map(([key, value]) => ({ key: key.toString(), value: textOf(value) }));
}

/** Of lists by partition, as the client has them. */
function byPartition(list: readonly bigint[] | undefined): Offsets {
  return Object.fromEntries((list ?? []).map((offset, partition) => [partition, Number(offset)]));
}

const handlers: Handlers = {
  async produce({ topic, codec, idempotent, records }) {
    const producer = new Producer({
      ...base,
      clientId: 'witness-platformatic',
      idempotent,
      acks: -1,
      compression: codec,
      partitioner: compatibilityPartitioner,
    });
    try {
      const { offsets = [] } = await producer.send({ messages: records.map((record) => messageOf(topic, record)) });
      return { bases: offsets.map(({ partition, offset }) => ({ partition, offset: Number(offset) })) };
    } finally {
      await producer.close();
    }
  },

  async read({ topic, from, until, withinMs }) {
    const consumer = new Consumer({ ...base, clientId: 'witness-platformatic', groupId: randomUUID(), maxWaitTime: 100 });
    const progress = new Progress({ from, until, withinMs });
    try {
      const offsets = entriesOf(from).map(({ partition, offset }) => ({ topic, partition, offset: BigInt(offset) }));
      const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets, autocommit: false });
      stream.on('data', (message) => {
        const { partition, offset, timestamp, key, value } = message;
        progress.add({
          partition,
          offset: Number(offset),
          timestamp: Number(timestamp),
          key: textOf(key),
          value: textOf(value),
          headers: headersFrom(message),
        });
      });
      return { records: await progress.records() };
    } finally {
      await consumer.close(true);
    }
  },

  async offsetsAt({ topic, timestamp }) {
    const consumer = new Consumer({ ...base, clientId: 'witness-platformatic', groupId: randomUUID() });
    try {
      const told = await consumer.listOffsets({ topics: [topic], timestamp: BigInt(timestamp) });
      return { offsets: byPartition(told.get(topic)) };
    } finally {
      await consumer.close(true);
    }
  },

  async join({ member: name, group, topics, assignor, instance }) {
    const consumer = new Consumer({
      ...base,
      clientId: name,
      groupId: group,
      // After four failures it gives up for good unless told.
      retries: 200,
      maxWaitTime: 100,
      ...(instance === undefined ? {} : { groupInstanceId: instance }),
      ...(assignor === 'consumer'
        ? { groupProtocol: 'consumer' as const }
        : { sessionTimeout: 10_000, heartbeatInterval: 200, rebalanceTimeout: 10_000 }),
    });
    const notes = new Notes();
    const stream = await consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest', autocommit: false });
    const work = async (): Promise<void> => {
      for await (const message of stream) {
        const { topic, partition, offset, value } = message;
        notes.take({ topic, partition, offset: Number(offset), value: textOf(value) });
        await message.commit();
      }
    };
    members.set(name, { notes, consumer, stream, ended: work().catch((error) => notes.fail(error)) });
    return {};
  },

  async poll({ member: name }) {
    const { notes, consumer } = memberOf(name);
    return notes.poll(Object.fromEntries((consumer.assignments ?? []).map(({ topic, partitions }) => [topic, partitions])));
  },

  async leave({ member: name }) {
    const { notes, consumer, stream, ended } = memberOf(name);
    members.delete(name);
    await stream.close();
    await ended;
    await consumer.close(true);
    return notes.poll({});
  },

  async createTopic({ topic, partitions, configs = {} }) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries });
    return {};
  },

  async describeTopic({ topic }) {
    const consumer = new Consumer({ ...base, clientId: 'witness-platformatic', groupId: randomUUID() });
    try {
      const told = await consumer.listOffsets({ topics: [topic] });
      return { partitions: told.get(topic)?.length ?? 0 };
    } finally {
      await consumer.close(true);
    }
  },

  async listTopics() {
    return { topics: await admin.listTopics() };
  },

  async describeConfigs({ topic }) {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }];
    const [{ configs }] = await admin.describeConfigs({ resources });
    return { configs: Object.fromEntries(configs.map(({ name, value }) => [name, value ?? null])) };
  },

  async alterConfigs({ topic, configs }) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: 0 as const }));
    await admin.incrementalAlterConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: entries }],
    });
    return {};
  },

  async addPartitions({ topic, partitions }) {
    await admin.createPartitions({ topics: [{ name: topic, count: partitions }] });
    return {};
  },

  async deleteRecords({ topic, offsets }) {
    await admin.deleteRecords({ topics: [{ name: topic, partitions: bigOffsets(offsets) }] });
    return {};
  },

  async deleteTopic({ topic }) {
    await admin.deleteTopics({ topics: [topic] });
    return {};
  },

  async describeCluster() {
    const { brokers } = await admin.metadata({});
    return { brokers: [...brokers.values()].map(({ host, port }) => `${host}:${port}`) };
  },

  async listGroups() {
    return { groups: [...(await admin.listGroups()).keys()] };
  },

  async describeGroup({ group }) {
    const told = (await admin.describeGroups({ groups: [group] })).get(group);
    if (told === undefined) throw new Error(`nothing told of ${group}`);
    const members = [...told.members.values()].map(({ clientId, assignments }) => ({
      clientId,
      partitions: Object.fromEntries([...(assignments ?? new Map())].map(([topic, { partitions }]) => [topic, partitions])),
    }));
    return { state: told.state, members };
  },

  async groupOffsets({ group, topic }) {
    const [told] = await admin.listConsumerGroupOffsets({ groups: [group] });
    const partitions = told.topics.find(({ name }) => name === topic)?.partitions ?? [];
    return { offsets: Object.fromEntries(partitions.map((one) => [one.partitionIndex, Number(one.committedOffset)])) };
  },

  async setGroupOffsets({ group, topic, offsets }) {
    await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: bigOffsets(offsets) }] });
    return {};
  },

  async deleteGroupOffsets({ group, topic, offsets }) {
    const partitionIndexes = entriesOf(offsets).map(({ partition }) => partition);
    await admin.deleteConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionIndexes }] });
    return {};
  },

  async deleteGroup({ group }) {
    await admin.deleteGroups({ groups: [group] });
    return {};
  },
};

function bigOffsets(offsets: Offsets): { partition: number; offset: bigint }[] {
  return entriesOf(offsets).map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }));
}

/** Errors lie in errors, a level per layer of the client. Which records a broker refused it tells first, as errors −1 of their own. */
function codeOf(error: unknown): number | null {
  const codes = codesOf(error);
  return codes.find((code) => code >= 0) ?? codes[0] ?? null;
}

function codesOf(error: unknown): number[] {
  const { apiCode, errors = [], cause } = error as { apiCode?: number; errors?: unknown[]; cause?: unknown };
  return [...(typeof apiCode === 'number' ? [apiCode] : []), ...[...errors, ...(cause === undefined ? [] : [cause])].flatMap(codesOf)];
}

const packageJson = new URL('../package.json', import.meta.resolve('@platformatic/kafka'));
const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string };
await serve({ client: '@platformatic/kafka', version, handlers, codeOf });
