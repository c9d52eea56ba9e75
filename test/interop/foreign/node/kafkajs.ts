/** kafkajs: its producer, its consumer with groups of the classic protocol, its admin client. Codecs but gzip it takes from its user. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs, { type IHeaders, type Message } from 'kafkajs';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import type { Header, Sent } from '../witness.ts';
import { bytesOf, entriesOf, type Handlers, Notes, Progress, serve, textOf } from './serve.ts';

const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel, Partitioners } = kafkajs;

const types = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
interface Encoder {
  buffer: Buffer;
}
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: ({ buffer }: Encoder) => snappy.compress(buffer),
  decompress: async (bytes: Buffer) => (bytes.subarray(0, 8).equals(xerial) ? unpackXerial(bytes) : await snappy.uncompress(bytes)),
});
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: Encoder) => lz4.compressFrame(buffer),
  decompress: (bytes: Buffer) => lz4.decompressFrame(bytes),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: Encoder) => promisify(zstdCompress)(buffer),
  decompress: (bytes: Buffer) => promisify(zstdDecompress)(bytes),
});

/** As Java writes snappy: a header of 16 bytes, then pieces with their lengths before them. */
function unpackXerial(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 16; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    pieces.push(snappy.uncompressSync(bytes.subarray(at + 4, at + 4 + length)) as Buffer);
    at += 4 + length;
  }
  return Buffer.concat(pieces);
}

// It tries again what will not change, an unknown topic for one; so let it be quick.
const base = { brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 6 } };
// A coordinator may take its time to be there.
const retry = { initialRetryTime: 100, retries: 8 };
const kafka = new Kafka({ ...base, clientId: 'witness-kafkajs' });
const admin = kafka.admin();
await admin.connect();

interface Member {
  notes: Notes;
  owned: Record<string, number[]>;
  leave(): Promise<void>;
}
const members = new Map<string, Member>();

function memberOf(name: string): Member {
  const member = members.get(name);
  if (member === undefined) throw new Error(`no member ${name}`);
  return member;
}

/** kafkajs keeps headers in an object: one name with several values is an array there. */
function headersTo(headers: readonly Header[]): IHeaders {
  const byName = Object.groupBy(headers, ({ key }) => key);
  return Object.fromEntries(
    Object.entries(byName).map(([key, list = []]) => {
      const values = list.map(({ value }) => bytesOf(value) as Buffer);
      return [key, values.length === 1 ? values[0] : values];
    }),
  );
}

function headersFrom(headers: IHeaders | undefined): Header[] {
  return Object.entries(headers ?? {}).flatMap(([key, value]) =>
    [value].flat().map((one) => ({ key, value: textOf(one as Buffer | null) })),
  );
}

function messageOf({ key, value, headers, partition, timestamp }: Sent): Message {
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headersTo(headers),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
  };
}

const handlers: Handlers = {
  async produce({ topic, codec, idempotent, records }) {
    const producer = kafka.producer({ idempotent, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    try {
      const told = await producer.send({ topic, acks: -1, compression: types[codec], messages: records.map(messageOf) });
      return { bases: told.map(({ partition, baseOffset }) => ({ partition, offset: Number(baseOffset) })) };
    } finally {
      await producer.disconnect();
    }
  },

  async read({ topic, from, until, withinMs }) {
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100, retry });
    const progress = new Progress({ from, until, withinMs });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          const { offset, timestamp, key, value, headers } = message;
          progress.add({
            partition,
            offset: Number(offset),
            timestamp: Number(timestamp),
            key: textOf(key),
            value: textOf(value),
            headers: headersFrom(headers),
          });
        },
      });
      for (const { partition, offset } of entriesOf(from)) consumer.seek({ topic, partition, offset: String(offset) });
      return { records: await progress.records() };
    } finally {
      await consumer.disconnect();
    }
  },

  async offsetsAt({ topic, timestamp }) {
    if (timestamp < 0) {
      const told = await admin.fetchTopicOffsets(topic);
      return { offsets: Object.fromEntries(told.map(({ partition, high, low }) => [partition, Number(timestamp === -1 ? high : low)])) };
    }
    const told = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
    return { offsets: Object.fromEntries(told.map(({ partition, offset }) => [partition, Number(offset)])) };
  },

  async join({ member: name, group, topics }) {
    const consumer = new Kafka({ ...base, clientId: name }).consumer({
      groupId: group,
      heartbeatInterval: 200,
      sessionTimeout: 10_000,
      maxWaitTimeInMs: 100,
      retry,
      metadataMaxAge: 1_000,
    });
    const member: Member = { notes: new Notes(), owned: {}, leave: () => consumer.disconnect() };
    consumer.on('consumer.group_join', ({ payload }) => {
      member.owned = payload.memberAssignment;
    });
    consumer.on('consumer.rebalancing', () => {
      member.owned = {};
    });
    consumer.on('consumer.crash', ({ payload }) => member.notes.fail(payload.error));
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { topic, partition, messages } }) => {
        for (const { offset, value } of messages) member.notes.take({ topic, partition, offset: Number(offset), value: textOf(value) });
        const next = Number(messages[messages.length - 1].offset) + 1;
        await consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
      },
    });
    members.set(name, member);
    return {};
  },

  async poll({ member: name }) {
    const member = memberOf(name);
    return member.notes.poll(member.owned);
  },

  async leave({ member: name }) {
    const member = memberOf(name);
    await member.leave();
    members.delete(name);
    return member.notes.poll({});
  },

  async createTopic({ topic, partitions, configs = {} }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const made = await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions, configEntries }] });
    // kafkajs takes TOPIC_ALREADY_EXISTS for a no.
    if (!made) throw Object.assign(new Error(`${topic} exists`), { code: 36 });
    return {};
  },

  async describeTopic({ topic }) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return { partitions: topics[0].partitions.length };
  },

  async listTopics() {
    return { topics: await admin.listTopics() };
  },

  async describeConfigs({ topic }) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }];
    const told = await admin.describeConfigs({ resources, includeSynonyms: false });
    return {
      configs: Object.fromEntries(told.resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue])),
    };
  },

  async alterConfigs({ topic, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
    return {};
  },

  async addPartitions({ topic, partitions }) {
    await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
    return {};
  },

  async deleteRecords({ topic, offsets }) {
    await admin.deleteTopicRecords({ topic, partitions: seeks(offsets) });
    return {};
  },

  async deleteTopic({ topic }) {
    await admin.deleteTopics({ topics: [topic] });
    return {};
  },

  async describeCluster() {
    const { brokers } = await admin.describeCluster();
    return { brokers: brokers.map(({ host, port }) => `${host}:${port}`) };
  },

  async listGroups() {
    return { groups: (await admin.listGroups()).groups.map(({ groupId }) => groupId) };
  },

  async describeGroup({ group }) {
    const { groups } = await admin.describeGroups([group]);
    const { state, members } = groups[0];
    const told = members.map(({ clientId, memberAssignment }) => ({
      clientId,
      partitions: (memberAssignment.length > 0 && AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment) || {},
    }));
    return { state, members: told };
  },

  async groupOffsets({ group, topic }) {
    const told = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return { offsets: Object.fromEntries(told[0].partitions.map(({ partition, offset }) => [partition, Number(offset)])) };
  },

  async setGroupOffsets({ group, topic, offsets }) {
    await admin.setOffsets({ groupId: group, topic, partitions: seeks(offsets) });
    return {};
  },

  async deleteGroup({ group }) {
    await admin.deleteGroups([group]);
    return {};
  },
};

function seeks(offsets: Record<number, number>): { partition: number; offset: string }[] {
  return entriesOf(offsets).map(({ partition, offset }) => ({ partition, offset: String(offset) }));
}

/** The number lies on the error, or on that which it wraps. */
function codeOf(error: unknown): number | null {
  for (let at = error as { code?: unknown; cause?: unknown; errors?: unknown[]; groups?: { errorCode: number }[] } | undefined; at; ) {
    if (typeof at.code === 'number') return at.code;
    if (at.groups?.[0] !== undefined) return at.groups[0].errorCode;
    at = (at.cause ?? at.errors?.[0]) as typeof at;
  }
  return null;
}

const { version } = createRequire(import.meta.url)('kafkajs/package.json') as { version: string };
await serve({ client: 'kafkajs', version, handlers, codeOf });
