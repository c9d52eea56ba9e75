/** Produce: batches into partitions, stored as they came. Version 13 names topics by id (KIP-516); the records are a view of the frame. */
import { api, array, int16, int32, int64, records, string, struct, uuid } from '../schema.ts';

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
