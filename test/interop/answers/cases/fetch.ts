/** Fetch: ranges, bounds, epochs, sessions, and one that waits while another produces. */
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { fetch } from '../../../../src/kafka/api/01-fetch.ts';
import { deleteRecords } from '../../../../src/kafka/api/21-delete-records.ts';
import { type OutgoingRequestOf, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';

type Request = OutgoingRequestOf<typeof fetch>;
type Partition = Request['topics'][number]['partitions'][number];
type Case = [Partial<Partition>, Partial<Request>?];

const MiB = 1 << 20;

/** Partition 0 has records from offset 1 on, partition 1 none. */
const cases: Readonly<Record<string, Case>> = {
  'from the start': [{ fetchOffset: 1 }],
  'from the middle of a batch': [{ fetchOffset: 2 }],
  'before the start': [{ fetchOffset: 0 }],
  'at the end': [{ fetchOffset: 5 }, { maxWaitMs: 0 }],
  'beyond the end': [{ fetchOffset: 9999 }],
  'offset -1': [{ fetchOffset: -1 }],
  'offset -5': [{ fetchOffset: -5 }],
  'unknown partition': [{ partition: 9 }],
  'negative partition': [{ partition: -1 }],
  'epoch to come': [{ currentLeaderEpoch: 9 }],
  'epoch of now': [{ fetchOffset: 1, currentLeaderEpoch: 0 }],
  'partition bytes 0': [{ fetchOffset: 1, partitionMaxBytes: 0 }],
  'partition bytes -1': [{ fetchOffset: 1, partitionMaxBytes: -1 }],
  'partition bytes 1': [{ fetchOffset: 1, partitionMaxBytes: 1 }],
  'bytes 0': [{ fetchOffset: 1 }, { maxBytes: 0 }],
  'bytes -1': [{ fetchOffset: 1 }, { maxBytes: -1 }],
  'at least 0': [{ partition: 1 }, { minBytes: 0 }],
  'at least -1': [{ partition: 1 }, { minBytes: -1 }],
  'no wait': [{ partition: 1 }, { maxWaitMs: 0 }],
  'wait -1': [{ partition: 1 }, { maxWaitMs: -1 }],
  'committed only': [{ fetchOffset: 1 }, { isolationLevel: 1 }],
  'committed only, none': [{ partition: 1 }, { isolationLevel: 1, maxWaitMs: 0 }],
  'committed only, out of range': [{ fetchOffset: 99 }, { isolationLevel: 1 }],
  'isolation 7': [{ fetchOffset: 1 }, { isolationLevel: 7 }],
  'last epoch 3': [{ fetchOffset: 1, lastFetchedEpoch: 3, currentLeaderEpoch: 0 }],
  'last epoch 0': [{ fetchOffset: 1, lastFetchedEpoch: 0, currentLeaderEpoch: 0 }],
  'last epoch 0 beyond the end': [{ fetchOffset: 99, lastFetchedEpoch: 0, currentLeaderEpoch: 0 }],
  'session unknown': [{}, { sessionId: 12345, sessionEpoch: 1 }],
  'session 0 epoch 5': [{}, { sessionId: 0, sessionEpoch: 5 }],
  'session unknown closed': [{ fetchOffset: 1 }, { sessionId: 12345, sessionEpoch: -1 }],
  'as a replica': [{ fetchOffset: 1 }, { replicaId: 2 }],
  'from a rack': [{ fetchOffset: 1 }, { rackId: 'elsewhere' }],
  nothing: [{}, { topics: [] }],
};

export async function fetchCases(asker: Asker): Promise<void> {
  const { fetched: topicId } = await asker.makeTopics({ fetched: 2 });
  const put = (index: number, records: Uint8Array) =>
    asker.prepare(produce, { acks: -1, timeoutMs: 2000, topicData: [{ name: 'fetched', topicId, partitionData: [{ index, records }] }] });
  for (const values of [['a'], ['b', 'c'], ['d'], ['e']]) await put(0, batchOf(values));
  await asker.prepare(deleteRecords, { topics: [{ name: 'fetched', partitions: [{ partitionIndex: 0, offset: 1 }] }], timeoutMs: 2000 });
  const request = (partition: Partial<Partition>, more: Partial<Request> = {}): Request => {
    const row = { partition: 0, fetchOffset: 0, partitionMaxBytes: MiB, ...partition };
    const topics = [{ topic: 'fetched', topicId, partitions: [row] }];
    return { maxWaitMs: 20, minBytes: 1, maxBytes: MiB, topics, forgottenTopicsData: [], ...more };
  };
  const ask = (label: string, partition: Partial<Partition>, more: Partial<Request> = {}, version = 12) =>
    asker.ask(label, fetch, request(partition, more), version);
  for (const [label, [partition, more]] of Object.entries(cases)) await ask(label, partition, more);
  const named = (topic: string, id: string) => ({ topics: [{ ...request({}).topics[0], topic, topicId: id }] });
  await ask('unknown topic', {}, named('absent', NO_TOPIC_ID));
  await ask('bad name', {}, named('bad name', NO_TOPIC_ID));
  await ask('unknown id', {}, named('', NO_TOPIC_ID), 13);
  await ask('no id', {}, named('fetched', ZERO_UUID), 13);
  const two = [0, 1].map((partition) => ({ partition, fetchOffset: 1 - partition, partitionMaxBytes: MiB }));
  await ask('two partitions', {}, { topics: [{ topic: 'fetched', topicId, partitions: two }] });
  await ask('before the start', { fetchOffset: 0 }, {}, 18);
  await sessionCases(asker, request);
  await waitingCases(asker, request, put);
}

async function sessionCases(asker: Asker, request: (partition: Partial<Partition>, more?: Partial<Request>) => Request): Promise<void> {
  const { topicId } = request({}).topics[0];
  const opened = await asker.ask('opens a session', fetch, request({ partition: 1 }, { sessionId: 0, sessionEpoch: 0 }), 12);
  const sessionId = opened?.sessionId ?? 0;
  const next = (label: string, sessionEpoch: number, more: Partial<Request> = {}) =>
    asker.ask(label, fetch, request({}, { sessionId, sessionEpoch, topics: [], ...more }), 12);
  await next('session goes on', 1);
  await next('session epoch again', 1);
  await next('session epoch far ahead', 99);
  await next('session changes its offset', 2, request({ partition: 1, fetchOffset: 99 }));
  await next('session still out of range', 3);
  await next('session takes another up', 4, request({ fetchOffset: 1 }));
  await next('session forgets one', 5, { forgottenTopicsData: [{ topic: 'fetched', topicId, partitions: [1] }] });
  await next('session forgets a stranger', 6, { forgottenTopicsData: [{ topic: 'absent', topicId: NO_TOPIC_ID, partitions: [1] }] });
  await next('session takes an unknown one up', 7, {
    topics: [{ topic: 'absent', topicId: NO_TOPIC_ID, partitions: request({}).topics[0].partitions }],
  });
  await next('session forgets all', 8, {
    forgottenTopicsData: [
      { topic: 'fetched', topicId, partitions: [0] },
      { topic: 'absent', topicId: NO_TOPIC_ID, partitions: [0] },
    ],
  });
  await next('session of none', 9);
  const again = await asker.ask('opens a session of the unknown', fetch, request({ partition: 9 }, { sessionId: 0, sessionEpoch: 0 }), 12);
  const closing = request({ fetchOffset: 1 }, { sessionId: again?.sessionId ?? 0, sessionEpoch: -1 });
  await asker.ask('closes a session', fetch, closing, 12);
  await asker.ask('session that was closed', fetch, { ...closing, sessionEpoch: 1 }, 12);
}

/** One waits for records, another brings them. */
async function waitingCases(
  asker: Asker,
  request: (partition: Partial<Partition>, more?: Partial<Request>) => Request,
  put: (index: number, records: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const other = await asker.another();
  const waiting = other.ask('waits for records', fetch, request({ partition: 1 }, { maxWaitMs: 4000 }), 12);
  await put(1, batchOf(['came late']));
  await waiting;
  const forMore = other.ask('waits for more', fetch, request({ partition: 1 }, { maxWaitMs: 4000, minBytes: 140 }), 12);
  await put(1, batchOf(['and another']));
  await forMore;
  await other.ask('waits in vain', fetch, request({ partition: 1 }, { maxWaitMs: 50, minBytes: 1 << 19 }), 12);
  other.close();
}
