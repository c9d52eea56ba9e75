/** DescribeTopicPartitions: what Metadata says, page by page (KIP-966). */
import { errors } from '../../base/errors.ts';
import { checkTopicName } from '../../coordinator/names.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { topicOperations } from '../operations.ts';
import { api, array, bool, int16, int32, type RequestOf, type ResponseOf, string, struct, uuid, ZERO_UUID } from '../schema.ts';

export const describeTopicPartitions = api({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: array(
      struct({
        name: string(),
      }),
    ),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullable: true, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        errorCode: int16({ default: 0 }),
        name: string({ nullable: true }),
        topicId: uuid(),
        isInternal: bool({ default: false }),
        partitions: array(
          struct({
            errorCode: int16({ default: 0 }),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: int32({ default: -1 }),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            eligibleLeaderReplicas: array(int32(), { nullable: true, default: null }),
            lastKnownElr: array(int32(), { nullable: true, default: null }),
            offlineReplicas: array(int32()),
          }),
        ),
        topicAuthorizedOperations: int32({ default: -2_147_483_648 }),
      }),
    ),
    nextCursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullable: true, default: null },
    ),
  },
});

type Request = RequestOf<typeof describeTopicPartitions>;
type Response = ResponseOf<typeof describeTopicPartitions>;
type TopicRow = Response['topics'][number];

/** Pages go by topic name and partition; a page is full at `responsePartitionLimit` partitions, of which Kafka allows 2000. */
const PAGE_MAX = 2000;

export function handleDescribeTopicPartitions(
  request: Request,
  { broker }: Call,
  reply: Reply<typeof describeTopicPartitions.response>,
): void {
  const asked = request.topics.length === 0 ? null : request.topics.map(({ name }) => name);
  if (asked !== null && isLost(request.cursor, asked)) return reply({ topics: [...new Set(asked)].map(lost) });
  broker.dispatcher.askCoordinator('metadata', { topics: asked, autoCreate: false }, (_error, all) => {
    const { cursor } = request;
    const from = cursor?.topicName ?? '';
    const known = (all?.topics ?? []).filter(({ name }) => name >= from).sort((a, b) => (a.name < b.name ? -1 : 1));
    let room = Math.min(PAGE_MAX, Math.max(1, request.responsePartitionLimit));
    const topics: TopicRow[] = [];
    let nextCursor: Response['nextCursor'] = null;
    for (const { name, topicId, error, partitions } of known) {
      const first = name === cursor?.topicName ? Math.max(0, cursor.partitionIndex) : 0;
      if (room === 0) {
        nextCursor = { topicName: name, partitionIndex: first };
        break;
      }
      const shown = partitions.slice(first, first + room);
      room -= shown.length;
      topics.push({
        name,
        topicId: error === 0 ? topicId : ZERO_UUID,
        errorCode: error !== 0 && checkTopicName(name) !== null ? errors.INVALID_TOPIC_EXCEPTION.code : kafkaCode(error),
        isInternal: false,
        topicAuthorizedOperations: topicOperations,
        partitions: shown.map(({ partition, leaderEpoch }) => ({
          partitionIndex: partition,
          leaderId: NODE_ID,
          leaderEpoch,
          replicaNodes: [NODE_ID],
          isrNodes: [NODE_ID],
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
          offlineReplicas: [],
        })),
      });
      if (first + shown.length < partitions.length) {
        nextCursor = { topicName: name, partitionIndex: first + shown.length };
        break;
      }
    }
    reply({ topics, nextCursor });
  });
}

/** Whether a cursor points to where none that was given for these topics can. */
function isLost(cursor: Request['cursor'], asked: readonly string[]): boolean {
  return cursor !== null && (cursor.partitionIndex < 0 || !asked.includes(cursor.topicName));
}

function lost(name: string): TopicRow {
  return { name, topicId: ZERO_UUID, errorCode: errors.INVALID_REQUEST.code, partitions: [] };
}
