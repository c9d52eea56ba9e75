/** The listener as a client on the wire sees it: produce, fetch and administration, in the oldest and the newest versions. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { Bus, type Listening } from '../../src/index.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { listOffsets } from '../../src/kafka/api/02-list-offsets.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { findCoordinator } from '../../src/kafka/api/10-find-coordinator.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { deleteTopics } from '../../src/kafka/api/20-delete-topics.ts';
import { deleteRecords } from '../../src/kafka/api/21-delete-records.ts';
import { initProducerId } from '../../src/kafka/api/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../../src/kafka/api/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../../src/kafka/api/32-describe-configs.ts';
import { alterConfigs } from '../../src/kafka/api/33-alter-configs.ts';
import { describeLogDirs } from '../../src/kafka/api/35-describe-log-dirs.ts';
import { createPartitions } from '../../src/kafka/api/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../../src/kafka/api/44-incremental-alter-configs.ts';
import { describeProducers } from '../../src/kafka/api/61-describe-producers.ts';
import { describeTopicPartitions } from '../../src/kafka/api/75-describe-topic-partitions.ts';
import { handlers } from '../../src/kafka/handlers.ts';
import type { Api, Decoded, Encodable } from '../../src/kafka/schema.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { batchOf, WireClient } from './wire-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-wire-'));
let bus: Bus;
let listening: Listening;
let client: WireClient;

beforeAll(async () => {
  bus = await Bus.open({ dir: folder, configs: { 'log.durability': 'written' }, logLevel: 'silent' });
  listening = await bus.listen({ port: 0 });
  client = await WireClient.open(listening);
});
afterAll(async () => {
  client.close();
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

type FetchRequest = Encodable<typeof fetch.request>;
type FetchResponse = Decoded<typeof fetch.response>;

async function topicOf(name: string, partitions = 1, configs: Record<string, string> = {}): Promise<{ name: string; topicId: string }> {
  const made = await client.ask(createTopics, 7, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: -1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  });
  expect(made.topics[0]).toMatchObject({ errorCode: 0, numPartitions: partitions, replicationFactor: 1 });
  return { name, topicId: made.topics[0].topicId };
}

async function send(
  name: string,
  values: readonly string[],
  version = 9,
  options = {},
  index = 0,
): Promise<{ errorCode: number; baseOffset: number }> {
  const response = await client.ask(produce, version, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name, topicId: ZERO_UUID, partitionData: [{ index, records: batchOf(values, options) }] }],
  });
  return response.responses[0].partitionResponses[0];
}

function fetchOf(
  topic: Partial<FetchRequest['topics'][number]>,
  offsets: readonly number[],
  more: Partial<FetchRequest> = {},
): FetchRequest {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    rackId: '',
    forgottenTopicsData: [],
    topics: [
      {
        topic: '',
        topicId: ZERO_UUID,
        partitions: offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, partitionMaxBytes: 1 << 20 })),
        ...topic,
      },
    ],
    ...more,
  };
}

function valuesOf(response: FetchResponse): string[] {
  return response.responses.flatMap(({ partitions }) =>
    partitions.flatMap(({ records }) => {
      const bytes = Buffer.from(records ?? []);
      return readRecords(bytes, 0, bytes.length).map(({ value }) => String(Buffer.from(value ?? [])));
    }),
  );
}

const versionsOf = ({ versions: [first, last] }: Api): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const ofName = (names: readonly string[]) => names.map((name) => ({ name, topicId: ZERO_UUID }));

describe('ApiVersions', () => {
  test.each(versionsOf(apiVersions))('version %d tells what is spoken', async (version) => {
    const { errorCode, apiKeys } = await client.ask(apiVersions, version, { clientSoftwareName: 'test', clientSoftwareVersion: '1' });
    expect(errorCode).toBe(0);
    expect(apiKeys).toHaveLength(handlers.length);
    expect(apiKeys).toContainEqual({ apiKey: 1, minVersion: 4, maxVersion: 18 });
    // Kafka says so too: KAFKA-18659.
    expect(apiKeys).toContainEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
  });

  test('of an unknown version is answered in version 0, with what is spoken', async () => {
    const one = await WireClient.open(listening);
    const answer = one.next();
    one.send(Buffer.from('00000011001200630000000700047465737400aabb', 'hex'));
    const frame = (await answer) as Buffer;
    expect(frame.readInt32BE(0)).toBe(7);
    expect(frame.readInt16BE(4)).toBe(errors.UNSUPPORTED_VERSION.code);
    expect(frame.readInt32BE(6)).toBe(handlers.length);
    expect(frame.length).toBe(10 + 6 * handlers.length);
    one.close();
  });

  test('a client that cannot be named is refused', async () => {
    const answer = await client.ask(apiVersions, 3, { clientSoftwareName: '-', clientSoftwareVersion: '' });
    expect(answer.errorCode).toBe(errors.INVALID_REQUEST.code);
  });
});

describe('Metadata', () => {
  test.each(versionsOf(metadata))('version %d names the broker and a topic', async (version) => {
    await topicOf(`metadata-${version}`, 2);
    const answer = await client.ask(metadata, version, {
      topics: ofName([`metadata-${version}`]),
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: true,
    });
    expect(answer.brokers).toMatchObject([{ nodeId: 1, host: '127.0.0.1', port: listening.port }]);
    expect(answer.topics).toMatchObject([{ errorCode: 0, name: `metadata-${version}` }]);
    expect(answer.topics[0].partitions).toMatchObject([
      { partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] },
      { partitionIndex: 1, leaderId: 1 },
    ]);
    if (version >= 2) expect(answer.clusterId).toMatch(/^[\w-]{22}$/);
  });

  const asked = { allowAutoTopicCreation: false, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };

  test('null means all, and so does an empty list of version 0; an empty list of later ones none', async () => {
    const all = (await client.ask(metadata, 12, { ...asked, topics: null })).topics.length;
    expect(all).toBeGreaterThan(1);
    expect((await client.ask(metadata, 0, { ...asked, topics: [] })).topics).toHaveLength(all);
    expect((await client.ask(metadata, 1, { ...asked, topics: [] })).topics).toHaveLength(0);
  });

  test('topics are asked for by id; one that was made anew has another', async () => {
    const { topicId } = await topicOf('by-id');
    const byId = async (id: string) => (await client.ask(metadata, 12, { ...asked, topics: [{ name: null, topicId: id }] })).topics[0];
    expect(await byId(topicId)).toMatchObject({ errorCode: 0, name: 'by-id', topicId });
    expect(await byId('1'.repeat(32))).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_ID.code, name: null });
    await client.ask(deleteTopics, 6, { topics: [{ name: null, topicId }], topicNames: [], timeoutMs: 1000 });
    expect(await byId(topicId)).toMatchObject({ errorCode: errors.UNKNOWN_TOPIC_ID.code });
  });

  test('a topic is made when the client wants it, and refused when its name is none', async () => {
    const of = async (name: string, allowAutoTopicCreation: boolean) =>
      (await client.ask(metadata, 9, { ...asked, allowAutoTopicCreation, topics: ofName([name]) })).topics[0].errorCode;
    expect(await of('made-by-metadata', false)).toBe(errors.UNKNOWN_TOPIC_OR_PARTITION.code);
    expect(await of('made-by-metadata', true)).toBe(0);
    expect(await of('no name!', true)).toBe(errors.INVALID_TOPIC_EXCEPTION.code);
  });
});

describe('Produce and Fetch', () => {
  test.each(versionsOf(produce))('what Produce %d brought is fetched, byte for byte but for offset and epoch', async (version) => {
    const { name, topicId } = await topicOf(`produce-${version}`);
    await send(name, ['before']);
    const batch = batchOf(['a', 'b']);
    const response = await client.ask(produce, version, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name, topicId, partitionData: [{ index: 0, records: batch }] }],
    });
    expect(response.responses[0].partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 1, logAppendTimeMs: -1 });
    const fetched = await client.ask(fetch, 12, fetchOf({ topic: name }, [1]));
    const records = Buffer.from(fetched.responses[0].partitions[0].records ?? []);
    expect(records.readBigInt64BE(0)).toBe(1n);
    expect(records.subarray(16)).toEqual(batch.subarray(16));
  });

  test.each(versionsOf(fetch))('Fetch %d', async (version) => {
    const { name, topicId } = await topicOf(`fetch-${version}`, 2);
    for (const values of [['a', 'b'], ['c']]) await send(name, values);
    const fetched = await client.ask(fetch, version, fetchOf({ topic: name, topicId }, [1, 0]));
    expect(valuesOf(fetched)).toEqual(['a', 'b', 'c']);
    expect(fetched.responses[0].partitions).toMatchObject([
      { partitionIndex: 0, errorCode: 0, highWatermark: 3, lastStableOffset: 3 },
      { partitionIndex: 1, errorCode: 0, highWatermark: 0, records: Buffer.alloc(0) },
    ]);
  });

  test('a fetch waits for records, no longer than its time', async () => {
    const { name } = await topicOf('parked');
    const other = await WireClient.open(listening);
    const waiting = other.ask(fetch, 12, fetchOf({ topic: name }, [0], { maxWaitMs: 20_000 }));
    await send(name, ['x']);
    expect(valuesOf(await waiting)).toEqual(['x']);
    expect(valuesOf(await other.ask(fetch, 12, fetchOf({ topic: name }, [1], { maxWaitMs: 20 })))).toEqual([]);
    other.close();
  });

  test('responses come in the order of the requests', async () => {
    const { name } = await topicOf('in-order');
    const parked = client.ask(fetch, 12, fetchOf({ topic: name }, [0], { maxWaitMs: 50 }));
    const behind = client.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    // The client itself fails when a response carries another's number.
    expect((await parked).errorCode).toBe(0);
    expect((await behind).errorCode).toBe(0);
  });

  test('unknown topics, partitions, offsets and epochs have their own errors', async () => {
    const { name, topicId } = await topicOf('refusals');
    const codeOf = async (version: number, request: FetchRequest) =>
      (await client.ask(fetch, version, request)).responses[0].partitions.map(({ errorCode }) => errorCode);
    expect(await codeOf(12, fetchOf({ topic: 'nowhere' }, [0]))).toEqual([errors.UNKNOWN_TOPIC_OR_PARTITION.code]);
    expect(await codeOf(13, fetchOf({ topicId: '2'.repeat(32) }, [0]))).toEqual([errors.UNKNOWN_TOPIC_ID.code]);
    for (const before of [-1, -2, -3])
      expect(await codeOf(12, fetchOf({ topic: name }, [before]))).toEqual([errors.OFFSET_OUT_OF_RANGE.code]);
    expect(await codeOf(13, fetchOf({ topicId }, [5, 0]))).toEqual([
      errors.OFFSET_OUT_OF_RANGE.code,
      errors.UNKNOWN_TOPIC_OR_PARTITION.code,
    ]);
    const epochs = [0, 3].map((currentLeaderEpoch) => ({ partition: 0, fetchOffset: 0, partitionMaxBytes: 100, currentLeaderEpoch }));
    expect(await codeOf(12, fetchOf({ topic: name, partitions: [epochs[1]] }, []))).toEqual([errors.UNKNOWN_LEADER_EPOCH.code]);
    expect(await codeOf(12, fetchOf({ topic: name, partitions: [epochs[0]] }, []))).toEqual([0]);
  });

  test('batches that are damaged, too large or none are refused, each by its own error', async () => {
    const { name } = await topicOf('bad-batches', 1, { 'max.message.bytes': '500' });
    const codeOf = async (records: Buffer | null, acks = -1, index = 0): Promise<number> => {
      const topicData = [{ name, topicId: ZERO_UUID, partitionData: [{ index, records }] }];
      const answer = await client.ask(produce, 9, { transactionalId: null, acks, timeoutMs: 1000, topicData });
      return answer.responses[0].partitionResponses[0].errorCode;
    };
    const damaged = batchOf(['damaged']);
    damaged[damaged.length - 1] ^= 1;
    expect(await codeOf(damaged)).toBe(errors.CORRUPT_MESSAGE.code);
    expect(await codeOf(batchOf(['x'.repeat(600)]))).toBe(errors.MESSAGE_TOO_LARGE.code);
    expect(await codeOf(Buffer.concat([batchOf(['one']), batchOf(['two'])]))).toBe(errors.INVALID_RECORD.code);
    expect(await codeOf(null)).toBe(errors.INVALID_RECORD.code);
    expect(await codeOf(Buffer.alloc(0))).toBe(errors.INVALID_RECORD.code);
    expect(await codeOf(batchOf(['a']), 2)).toBe(errors.INVALID_REQUIRED_ACKS.code);
    expect(await codeOf(batchOf(['a']), -1, 7)).toBe(errors.UNKNOWN_TOPIC_OR_PARTITION.code);
    expect(await codeOf(batchOf(['a']))).toBe(0);
  });

  test('sequences: a duplicate is answered with its first offset, a gap is refused', async () => {
    const { name } = await topicOf('sequences');
    const { producerId, producerEpoch } = await client.ask(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    const at = (baseSequence: number) => send(name, ['a', 'b'], 9, { producerId, producerEpoch, baseSequence });
    expect(await at(0)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await at(2)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await at(2)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await at(8)).toMatchObject({ errorCode: errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code });
    const described = await client.ask(describeProducers, 0, { topics: [{ name, partitionIndexes: [0, 7] }] });
    expect(described.topics[0].partitions).toMatchObject([
      { errorCode: 0, activeProducers: [{ producerId, producerEpoch, lastSequence: 3, currentTxnStartOffset: -1 }] },
      { errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION.code, activeProducers: [] },
    ]);
  });

  test('acks 0 has no response; what is refused closes the connection', async () => {
    const { name } = await topicOf('no-acks');
    const one = await WireClient.open(listening);
    const write = (topic: string) =>
      one
        .ask(produce, 9, {
          transactionalId: null,
          acks: 0,
          timeoutMs: 1000,
          topicData: [{ name: topic, topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
        })
        .catch(() => 'closed');
    void write(name);
    expect(valuesOf(await client.ask(fetch, 12, fetchOf({ topic: name }, [0], { maxWaitMs: 5000 })))).toEqual(['x']);
    expect(await write('nowhere')).toBe('closed');
  });
});

describe('ListOffsets', () => {
  test.each(versionsOf(listOffsets))('version %d knows the special times that it may', async (version) => {
    const { name } = await topicOf(`times-${version}`);
    await send(name, ['a', 'b', 'c']);
    const at = async (timestamp: number) => {
      const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1 }] }];
      const [{ errorCode, offset }] = (await client.ask(listOffsets, version, { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 0 }))
        .topics[0].partitions;
      return errorCode === 0 ? offset : `error ${errorCode}`;
    };
    expect(await at(-1)).toBe(3);
    expect(await at(-2)).toBe(0);
    expect(await at(1)).toBe(0);
    expect(await at(Date.now() + 60_000)).toBe(-1);
    expect(await at(-3)).toBe(version >= 7 ? 0 : 'error 35');
    expect(await at(-4)).toBe(version >= 8 ? 0 : 'error 35');
    expect(await at(-5)).toBe(version >= 9 ? -1 : 'error 35');
  });

  test('an epoch ends where the log ends', async () => {
    const { name } = await topicOf('epochs');
    await send(name, ['a', 'b']);
    const ask = (leaderEpoch: number) =>
      client.ask(offsetForLeaderEpoch, 4, {
        topics: [{ topic: name, partitions: [{ partition: 0, currentLeaderEpoch: 0, leaderEpoch }] }],
      });
    expect((await ask(0)).topics[0].partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 2 });
    expect((await ask(4)).topics[0].partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 });
  });
});

describe('administration', () => {
  const row = (name: string, more = {}) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more });

  test.each(versionsOf(createTopics))('CreateTopics %d', async (version) => {
    const name = `made-${version}`;
    const assigned = row(`${name}-assigned`, {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [0, 1].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] })),
    });
    const elsewhere = row(`${name}-elsewhere`, {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
    });
    const topics = [row(name), row('metadata-0'), row('x', { replicationFactor: 3 }), assigned, elsewhere];
    const made = await client.ask(createTopics, version, { topics });
    expect(made.topics.map(({ errorCode }) => errorCode)).toEqual([
      0,
      errors.TOPIC_ALREADY_EXISTS.code,
      errors.INVALID_REPLICATION_FACTOR.code,
      0,
      errors.INVALID_REPLICA_ASSIGNMENT.code,
    ]);
    const again = await client.ask(createTopics, version, {
      topics: [row(`${name}-only-checked`, { configs: [{ name: 'retention.ms', value: '5000' }] })],
      validateOnly: true,
    });
    expect(again.topics[0].errorCode).toBe(0);
    // All of them, as they would be.
    if (version >= 5) {
      const values = new Map(again.topics[0].configs?.map((config) => [config.name, config.value]));
      expect([values.get('retention.ms'), values.get('segment.ms')]).toEqual(['5000', '604800000']);
    }
    const gone = await client.ask(deleteTopics, 5, { topicNames: [name, `${name}-only-checked`], topics: [], timeoutMs: 1000 });
    expect(gone.responses.map(({ errorCode }) => errorCode)).toEqual([0, errors.UNKNOWN_TOPIC_OR_PARTITION.code]);
  });

  test('the folder is told with its disk, and with what partitions take there', async () => {
    const { name } = await topicOf('takes-room', 2);
    await send(name, ['some', 'records']);
    const { results } = await client.ask(describeLogDirs, 4, { topics: [{ topic: name, partitions: [0, 1, 7] }] });
    expect(results).toMatchObject([
      { errorCode: 0, logDir: folder, topics: [{ name, partitions: [{ partitionIndex: 0 }, { partitionSize: 0 }] }] },
    ]);
    expect(results[0].topics[0].partitions[0].partitionSize).toBe(batchOf(['some', 'records']).length);
    expect(results[0].usableBytes).toBeGreaterThan(0);
    expect(results[0].totalBytes).toBeGreaterThanOrEqual(results[0].usableBytes);
  });

  test('partitions are added, never taken', async () => {
    const { name } = await topicOf('grows');
    const grow = async (count: number, validateOnly = false) =>
      (await client.ask(createPartitions, 3, { topics: [{ name, count, assignments: null }], timeoutMs: 1000, validateOnly })).results[0]
        .errorCode;
    expect(await grow(3, true)).toBe(0);
    expect(await grow(3)).toBe(0);
    expect(await grow(3)).toBe(errors.INVALID_PARTITIONS.code);
    expect(await send(name, ['x'], 9, {}, 2)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test('who says where new partitions lie says it of each', async () => {
    const { name } = await topicOf('placed', 2);
    const grow = async (count: number, brokers: readonly number[], validateOnly: boolean) =>
      (
        await client.ask(createPartitions, 3, {
          topics: [{ name, count, assignments: brokers.map((broker) => ({ brokerIds: [broker] })) }],
          timeoutMs: 1000,
          validateOnly,
        })
      ).results[0].errorCode;
    for (const validateOnly of [true, false]) {
      for (const brokers of [[], [1], [1, 1, 1], [1, 2]]) {
        expect(await grow(4, brokers, validateOnly)).toBe(errors.INVALID_REPLICA_ASSIGNMENT.code);
      }
      expect(await grow(2, [], validateOnly)).toBe(errors.INVALID_PARTITIONS.code);
      expect(await grow(4, [1, 1], validateOnly)).toBe(0);
    }
  });

  test('records are deleted before an offset, and the log begins there', async () => {
    const { name } = await topicOf('deletes');
    await send(name, ['a']);
    await send(name, ['b']);
    const deletedUpTo = async (offset: number) =>
      (await client.ask(deleteRecords, 2, { topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: 1000 })).topics[0]
        .partitions[0];
    expect(await deletedUpTo(1)).toEqual({ partitionIndex: 0, lowWatermark: 1, errorCode: 0 });
    expect(await deletedUpTo(9)).toMatchObject({ errorCode: errors.OFFSET_OUT_OF_RANGE.code });
    expect(await deletedUpTo(-1)).toMatchObject({ lowWatermark: 2 });
    const fetched = await client.ask(fetch, 12, fetchOf({ topic: name }, [0]));
    expect(fetched.responses[0].partitions[0]).toMatchObject({ errorCode: errors.OFFSET_OUT_OF_RANGE.code, logStartOffset: -1 });
  });

  const describeOne = async (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) =>
    (
      await client.ask(describeConfigs, 4, {
        resources: [{ resourceType, resourceName, configurationKeys }],
        includeSynonyms: true,
        includeDocumentation: true,
      })
    ).results[0];

  test('configs are shown with their source, and altered singly or as a whole', async () => {
    const { name } = await topicOf('configs', 1, { 'retention.ms': '5000', 'cleanup.policy': 'compact' });
    const value = async (key: string) => {
      const { configs } = await describeOne(2, name, [key]);
      return configs.map((config) => `${config.value} ${config.configSource}`);
    };
    expect(await value('retention.ms')).toEqual(['5000 1']);
    expect((await describeOne(2, name, [])).configs).toEqual((await describeOne(2, name)).configs);
    expect(await value('segment.bytes')).toEqual(['1073741824 5']);
    const [durability] = (await describeOne(2, name, ['durability'])).configs;
    expect(durability.synonyms).toEqual([
      { name: 'log.durability', value: 'written', source: 4 },
      { name: 'log.durability', value: 'synced', source: 5 },
    ]);
    const [retention] = (await describeOne(2, name, ['retention.ms'])).configs;
    expect(retention.synonyms).toEqual([
      { name: 'retention.ms', value: '5000', source: 1 },
      { name: 'log.retention.ms', value: '604800000', source: 5 },
    ]);
    const alter = async (configs: { name: string; configOperation: number; value: string | null }[]) =>
      (await client.ask(incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: name, configs }], validateOnly: false }))
        .responses[0].errorCode;
    expect(await alter([{ name: 'cleanup.policy', configOperation: 2, value: 'delete' }])).toBe(0);
    expect(await value('cleanup.policy')).toEqual(['compact,delete 1']);
    expect(await alter([{ name: 'retention.ms', configOperation: 1, value: null }])).toBe(0);
    expect(await value('retention.ms')).toEqual(['604800000 5']);
    expect(await alter([{ name: 'retention.ms', configOperation: 7, value: '1' }])).toBe(errors.INVALID_REQUEST.code);
    expect(await alter([{ name: 'no.such.config', configOperation: 0, value: '1' }])).toBe(errors.INVALID_CONFIG.code);
    const whole = { resourceType: 2, resourceName: name, configs: [{ name: 'segment.bytes', value: '20000000' }] };
    expect((await client.ask(alterConfigs, 2, { resources: [whole], validateOnly: false })).responses[0].errorCode).toBe(0);
    expect(await value('segment.bytes')).toEqual(['20000000 1']);
    expect(await value('cleanup.policy')).toEqual(['delete 5']);
  });

  test('the broker shows what the bus was opened with', async () => {
    const broker = await describeOne(4, '1');
    expect(broker.configs.find(({ name }) => name === 'log.durability')).toMatchObject({
      value: 'written',
      configSource: 4,
      readOnly: true,
    });
    expect((await describeOne(4, '2')).errorCode).toBe(errors.INVALID_REQUEST.code);
    expect((await describeOne(2, 'nowhere')).errorCode).toBe(errors.UNKNOWN_TOPIC_OR_PARTITION.code);
  });

  test('topics are described page by page', async () => {
    await topicOf('paged', 5);
    const seen: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    do {
      const page: Decoded<typeof describeTopicPartitions.response> = await client.ask(describeTopicPartitions, 0, {
        topics: [{ name: 'paged' }, { name: 'grows' }],
        responsePartitionLimit: 2,
        cursor,
      });
      for (const { name, partitions } of page.topics) for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(['grows-0', 'grows-1', 'grows-2', 'paged-0', 'paged-1', 'paged-2', 'paged-3', 'paged-4']);
  });

  test.each(versionsOf(findCoordinator))('FindCoordinator %d names the one broker', async (version) => {
    const answer = await client.ask(findCoordinator, version, { key: 'g', coordinatorKeys: ['g', ''] });
    const place = { host: '127.0.0.1', port: listening.port, nodeId: 1, errorCode: 0 };
    if (version < 4) expect(answer).toMatchObject(place);
    // The group without a name too: clients of before 2.2 ask for it.
    else expect(answer.coordinators).toMatchObject([place, place]);
  });
});
