/** Produce: batches into partitions, stored as they came. Version 13 names topics by id (KIP-516); the records are a view of the frame. */
import { errors } from '../../base/errors.ts';
import type { PartitionMetadata } from '../../coordinator/protocol.ts';
import type { Acks, HostReplyOf } from '../../partition/protocol.ts';
import { kafkaCode } from '../broker.ts';
import { checkFrame, isTransactional, isZstd } from '../foreign-batch.ts';
import type { Call, Reply } from '../handler.ts';
import { type Append, produceAll } from '../producing.ts';
import { api, array, int16, int32, int64, type RequestOf, type ResponseOf, records, string, struct, uuid, ZERO_UUID } from '../schema.ts';

export const produce = api({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  flexible: 9,
  request: {
    transactionalId: string({ nullable: true, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string({ until: 12 }),
        topicId: uuid({ since: 13 }),
        partitionData: array(
          struct({
            index: int32(),
            records: records({ nullable: true }),
          }),
        ),
      }),
    ),
  },
  response: {
    responses: array(
      struct({
        name: string({ until: 12 }),
        topicId: uuid({ since: 13 }),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16({ default: 0 }),
            baseOffset: int64(),
            logAppendTimeMs: int64({ default: -1 }),
            logStartOffset: int64({ since: 5, default: -1 }),
            recordErrors: array(
              struct({
                batchIndex: int32(),
                batchIndexErrorMessage: string({ nullable: true, default: null }),
              }),
              { since: 8 },
            ),
            errorMessage: string({ since: 8, nullable: true, default: null }),
            currentLeader: struct(
              {
                leaderId: int32({ default: -1 }),
                leaderEpoch: int32({ default: -1 }),
              },
              { since: 10, tag: 0 },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      }),
      { since: 10, tag: 0 },
    ),
  },
});

type Request = RequestOf<typeof produce>;
type PartitionRow = Writable<ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number]>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Batches go into the outbox as they came, in order. */
export function handleProduce(request: Request, call: Call, reply: Reply<typeof produce.response>): void {
  const release = call.hold();
  call.broker.topics.learn(request.topicData.map(named), false, () => {
    append(request, call, reply);
    release();
  });
}

function append(request: Request, call: Call, reply: Reply<typeof produce.response>): void {
  const { broker, connection } = call;
  const appends: Append[] = [];
  const isForbidden = isNameless(request);
  const filled = request.topicData.filter(({ partitionData }) => partitionData.length > 0);
  const responses = filled.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitionResponses: topic.partitionData.map(({ index, records: batch }) => {
      const row: PartitionRow = { index, baseOffset: -1, recordErrors: [], errorMessage: null };
      const place = broker.topics.partition(named(topic), index);
      const refusal = isForbidden ? errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code : refusalOf(request, batch, call, place);
      if (refusal !== 0) {
        row.errorCode = refusal;
        if (refusal === errors.CORRUPT_MESSAGE.code) row.errorMessage = 'these bytes are no batch of records';
      } else if (place === undefined) row.errorCode = unknown(call, topic);
      else if (batch !== null) appends.push({ place, batch, done: (error, answer) => fill(row, error, answer) });
      return row;
    }),
  }));
  const { acks, timeoutMs } = request;
  produceAll(call, { acks: acks as Acks, timeoutMs }, appends, (throttleTimeMs) => {
    if (acks !== 0) return reply({ responses, throttleTimeMs });
    const failed = responses.some(({ partitionResponses }) => partitionResponses.some(({ errorCode = 0 }) => errorCode !== 0));
    // Without a response, its end is all that tells the client.
    if (failed) connection.close('produce-refused');
    reply(null);
  });
}

function fill(row: PartitionRow, error: number, answer: HostReplyOf<'append'> | null): void {
  if (error !== 0 || answer === null) {
    row.errorCode = kafkaCode(error);
    row.errorMessage = answer === null || answer.message === '' ? null : answer.message;
    if (answer?.refused !== undefined)
      row.recordErrors = answer.refused.map(({ batchIndex, message }) => ({ batchIndex, batchIndexErrorMessage: message }));
    // As in Kafka: where the log starts is told by those who have looked into it.
    if (answer !== null && !unlookedAt.has(error)) row.logStartOffset = answer.startOffset;
  } else {
    row.baseOffset = answer.baseOffset;
    row.logAppendTimeMs = answer.logAppendTimeMs;
    row.logStartOffset = answer.startOffset;
  }
}

function refusalOf(
  { acks, transactionalId }: Request,
  batch: Uint8Array | null,
  { broker: { dispatcher }, version }: Call,
  place?: PartitionMetadata,
): number {
  if (acks < -1 || acks > 1) return errors.INVALID_REQUIRED_ACKS.code;
  if (batch === null) return errors.INVALID_RECORD.code;
  const wrong = checkFrame(batch);
  if (wrong !== 0) return wrong;
  // Transactions are not spoken.
  if (transactionalId !== null && isTransactional(batch)) return errors.INVALID_TXN_STATE.code;
  if (version < ZSTD_SINCE && isZstd(batch)) return errors.UNSUPPORTED_COMPRESSION_TYPE.code;
  return place !== undefined && batch.length > dispatcher.outbox.size ? errors.MESSAGE_TOO_LARGE.code : 0;
}

/** Whether the client has no name for a transaction and sends records of one: then nothing of it is taken. */
function isNameless({ transactionalId, topicData }: Request): boolean {
  if (transactionalId !== null) return false;
  return topicData.some(({ partitionData }) => partitionData.some(({ records: batch }) => batch !== null && isTransactional(batch)));
}

function named({ name, topicId }: { name: string; topicId: string }): { topic: string; topicId: string } {
  return { topic: name, topicId };
}

/** The version whose clients know the codec. */
const ZSTD_SINCE = 7;
/** The version that names topics by id. */
const IDS_SINCE = 13;

/** Errors that say that the log was not come to, or is not sound. */
const unlookedAt = new Set<number>([
  errors.CORRUPT_MESSAGE.code,
  errors.UNKNOWN_TOPIC_OR_PARTITION.code,
  errors.NOT_LEADER_OR_FOLLOWER.code,
  errors.MESSAGE_TOO_LARGE.code,
  errors.KAFKA_STORAGE_ERROR.code,
]);

/** The topic, or one of its partitions. */
function unknown({ broker: { topics }, version }: Call, topic: { name: string; topicId: string }): number {
  if (version >= IDS_SINCE && topic.topicId === ZERO_UUID) return errors.UNKNOWN_TOPIC_ID.code;
  return topics.find(named(topic)) === undefined ? topics.refusalOf(named(topic)) : errors.UNKNOWN_TOPIC_OR_PARTITION.code;
}
