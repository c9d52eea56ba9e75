/** Fetch: batches out of partitions. Version 7 brings sessions that hold only what changed (KIP-227), version 13 topic ids. */
import { errors } from '../../base/errors.ts';
import { times } from '../../partition/protocol.ts';
import { batchBytes, compressionOf } from '../../record/batch-layout.ts';
import { compressions } from '../../record/compression.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import { type FetchSession, type Followed, keyOf } from '../fetch-sessions.ts';
import { type Fetched, fetchSession, freeFetched } from '../fetching.ts';
import type { Call, CallConnection, Reply } from '../handler.ts';
import { gateOf, mute, whenKnown } from '../quotas.ts';
import {
  api,
  array,
  INT64_MAX,
  int8,
  int16,
  int32,
  int64,
  type RequestOf,
  type ResponseOf,
  records,
  string,
  struct,
  uuid,
  ZERO_UUID,
} from '../schema.ts';

export const fetch = api({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexible: 12,
  request: {
    clusterId: string({ since: 12, nullable: true, default: null, tag: 0 }),
    replicaId: int32({ until: 14, default: -1 }),
    replicaState: struct(
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1 }),
      },
      { since: 15, tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 2_147_483_647 }),
    isolationLevel: int8({ default: 0 }),
    sessionId: int32({ since: 7, default: 0 }),
    sessionEpoch: int32({ since: 7, default: -1 }),
    topics: array(
      struct({
        topic: string({ until: 12 }),
        topicId: uuid({ since: 13 }),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: int32({ since: 9, default: -1 }),
            fetchOffset: int64(),
            lastFetchedEpoch: int32({ since: 12, default: -1 }),
            logStartOffset: int64({ since: 5, default: -1 }),
            partitionMaxBytes: int32(),
            replicaDirectoryId: uuid({ since: 17, tag: 0 }),
            highWatermark: int64({ since: 18, default: INT64_MAX, tag: 1 }),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string({ until: 12 }),
        topicId: uuid({ since: 13 }),
        partitions: array(int32()),
      }),
      { since: 7 },
    ),
    rackId: string({ since: 11, default: '' }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 7, default: 0 }),
    sessionId: int32({ since: 7, default: 0 }),
    responses: array(
      struct({
        topic: string({ until: 12 }),
        topicId: uuid({ since: 13 }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
            highWatermark: int64(),
            lastStableOffset: int64({ default: -1 }),
            logStartOffset: int64({ since: 5, default: -1 }),
            divergingEpoch: struct(
              {
                epoch: int32({ default: -1 }),
                endOffset: int64({ default: -1 }),
              },
              { since: 12, tag: 0 },
            ),
            currentLeader: struct(
              {
                leaderId: int32({ default: -1 }),
                leaderEpoch: int32({ default: -1 }),
              },
              { since: 12, tag: 1 },
            ),
            snapshotId: struct(
              {
                endOffset: int64({ default: -1 }),
                epoch: int32({ default: -1 }),
              },
              { since: 12, tag: 2 },
            ),
            abortedTransactions: array(
              struct({
                producerId: int64(),
                firstOffset: int64(),
              }),
              { nullable: true },
            ),
            preferredReadReplica: int32({ since: 11, default: -1 }),
            records: records({ nullable: true }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      }),
      { since: 16, tag: 0 },
    ),
  },
});

type Request = RequestOf<typeof fetch>;
type Response = ResponseOf<typeof fetch>;
type TopicRow = Response['responses'][number];
type PartitionRow = TopicRow['partitions'][number];

/** What stands behind the fetches of a connection that have no session. */
const ofConnections = new WeakMap<CallConnection, FetchSession>();

/**
 * No further request of the connection begins until it is answered: it goes on where this one ends. One that comes while its client id
 * has to wait is answered with nothing but how long (KIP-219).
 */
export function handleFetch(request: Request, call: Call, reply: Reply<typeof fetch.response>): void {
  const { broker } = call;
  const gate = gateOf('fetch', call);
  const release = call.hold();
  const refused = (errorCode: number): void => {
    reply({ errorCode, responses: [] });
    release();
  };
  whenKnown(broker.dispatcher, gate, (throttleTimeMs) => {
    const { sessionId, sessionEpoch } = request;
    // A session that is not there yet is not made for an answer without partitions.
    const isThrottled = throttleTimeMs > 0;
    const opened = isThrottled && sessionEpoch <= 0 ? null : broker.sessions.open({ sessionId, sessionEpoch, usesIds: usesIds(request) });
    if (typeof opened === 'number') return refused(opened);
    if (!isThrottled) return read(request, call, opened ?? ofConnection(request, call), reply, release);
    if (opened !== null) follow(opened, request, false);
    reply({ throttleTimeMs, sessionId: opened?.id ?? 0, responses: [] });
    mute(call, gate, throttleTimeMs, release);
  });
}

function read(request: Request, call: Call, session: FetchSession, reply: Reply<typeof fetch.response>, release: () => void): void {
  const { broker } = call;
  const gate = gateOf('fetch', call);
  const isFull = request.sessionEpoch <= 0;
  follow(session, request, isFull);
  if (!isFull && session.id !== 0 && session.partitions.size === 0) {
    // As in Kafka, a session ends with its last partition.
    broker.sessions.drop(session);
    reply({ responses: [] });
    return release();
  }
  // What is fetched at once is paid for within a second.
  const bytesMax = Math.min(request.maxBytes, gate?.rate ?? request.maxBytes);
  const wanted = {
    bytesMin: Math.min(request.minBytes, bytesMax),
    bytesMax,
    waitMs: broker.sessions.waits ? Math.max(0, request.maxWaitMs) : 0,
  };
  broker.topics.learn(unplaced(session), false, () => {
    fetchSession(broker, session, wanted, (fetched) => {
      const rows = isFull ? allOf(session, fetched) : fetched;
      gate?.pass(fetched.reduce((sum, { records: bytes }) => sum + (bytes?.length ?? 0), 0));
      findStarts(broker, rows, () => {
        whenKnown(broker.dispatcher, gate, (throttleTimeMs) => {
          const responses = rowsOf(rows, request.isolationLevel, call.version);
          reply({ throttleTimeMs, sessionId: session.id, responses }, () => freeFetched(broker, fetched));
          mute(call, gate, throttleTimeMs, release);
        });
      });
    });
  });
}

/** Null when it names no topic. */
function usesIds({ topics, forgottenTopicsData }: Request): boolean | null {
  const named = topics[0] ?? forgottenTopicsData[0];
  return named === undefined ? null : named.topicId !== ZERO_UUID;
}

function ofConnection(request: Request, { broker, connection }: Call): FetchSession {
  const known = ofConnections.get(connection);
  if (known !== undefined) return known;
  const made = broker.sessions.ofConnection(usesIds(request) === true);
  ofConnections.set(connection, made);
  connection.whenClosed(() => broker.sessions.drop(made));
  return made;
}

function follow(session: FetchSession, request: Request, isFull: boolean): void {
  const kept = new Set<string>();
  for (const { topic, topicId, partitions } of request.topics) {
    for (const { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch } of partitions) {
      // −1 says that a host follows no such partition: what lies before all offsets is told as something else.
      const offset = fetchOffset < 0 ? BEFORE_ALL : fetchOffset;
      session.follow(topic, topicId, partition, { offset, bytesMax: partitionMaxBytes, leaderEpoch: currentLeaderEpoch });
      if (isFull) kept.add(keyOf(topic, topicId, partition));
    }
  }
  if (isFull) return session.retain(kept);
  for (const { topic, topicId, partitions } of request.forgottenTopicsData)
    for (const partition of partitions) session.forget(topic, topicId, partition);
}

/** Partitions whose place is to be looked up. */
function unplaced(session: FetchSession): Followed[] {
  return session.topicsVersion === -1 || session.stale.size > 0 ? [...session.stale].filter(({ slot }) => slot === -1) : [];
}

/** A full answer names every partition, also those that have nothing new. */
function allOf(session: FetchSession, fetched: readonly Fetched[]): Fetched[] {
  const known = new Map(fetched.map((one) => [one.followed, one]));
  return [...session.partitions.values()].map(
    (followed) =>
      known.get(followed) ?? {
        followed,
        error: 0,
        // Nothing is committed beyond where the reader stands.
        highWatermark: Math.max(followed.highWatermark, followed.offset),
        startOffset: followed.startOffset,
        records: null,
      },
  );
}

/** Of a partition that is quiet its host says nothing, not even where it starts: that is asked for, once in a session. */
function findStarts({ dispatcher }: Broker, rows: readonly Fetched[], done: () => void): void {
  let left = 1;
  const found = (): void => {
    if (--left === 0) done();
  };
  for (const row of rows) {
    const { followed } = row;
    if (row.error !== 0 || row.startOffset !== -1 || followed.slot === -1) continue;
    left++;
    dispatcher.askHost(followed.host, 'listOffsets', { slot: followed.slot, timestampMs: times.earliest }, (error, answer) => {
      if (error === 0 && answer !== null) {
        row.startOffset = answer.offset;
        if (followed.startOffset === -1) followed.startOffset = answer.offset;
      }
      found();
    });
  }
  found();
}

function rowsOf(fetched: readonly Fetched[], isolationLevel: number, version: number): TopicRow[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionRow[] }>();
  for (const one of fetched) {
    const { topic, topicId, partition } = one.followed;
    const key = topicId === ZERO_UUID ? topic : topicId;
    let row = topics.get(key);
    if (row === undefined) {
      row = { topic, topicId, partitions: [] };
      topics.set(key, row);
    }
    const asked = version >= IDS_SINCE && topicId === ZERO_UUID && one.error === UNKNOWN ? errors.UNKNOWN_TOPIC_ID.code : one.error;
    const error = one.error === 0 && one.records !== null && version < ZSTD_SINCE && hasZstd(one.records) ? NO_CODEC : kafkaCode(asked);
    row.partitions.push({
      partitionIndex: partition,
      errorCode: error,
      highWatermark: error === 0 ? one.highWatermark : -1,
      // Without transactions everything that is committed is stable.
      lastStableOffset: error === 0 ? one.highWatermark : -1,
      logStartOffset: error === 0 ? one.startOffset : -1,
      abortedTransactions: (error === 0 && isolationLevel === READ_COMMITTED) || nowhere.has(error) ? [] : null,
      records: error === 0 && one.records !== null ? one.records : NO_RECORDS,
    });
  }
  return [...topics.values()];
}

/** A client that old does not know the codec. */
function hasZstd(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) if (compressionOf(bytes, at) === compressions.zstd) return true;
  return false;
}

/** Errors of what is not there at all, or cannot be told: Kafka leaves such rows as they are made. */
const nowhere = new Set<number>([
  errors.UNKNOWN_TOPIC_OR_PARTITION.code,
  errors.UNKNOWN_TOPIC_ID.code,
  errors.UNSUPPORTED_COMPRESSION_TYPE.code,
]);
const READ_COMMITTED = 1;
const BEFORE_ALL = -2;
const ZSTD_SINCE = 10;
const IDS_SINCE = 13;
const UNKNOWN = errors.UNKNOWN_TOPIC_OR_PARTITION.code;
const NO_CODEC = errors.UNSUPPORTED_COMPRESSION_TYPE.code;
const NO_RECORDS = Buffer.alloc(0);
