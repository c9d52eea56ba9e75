/** Topics in Kafka's words: making and deleting them, adding partitions. Pure. */
import type { CoordinatorVerbs, TopicResult } from '../../coordinator/protocol.ts';
import type { createTopics } from '../api/19-create-topics.ts';
import type { deleteTopics } from '../api/20-delete-topics.ts';
import type { createPartitions } from '../api/37-create-partitions.ts';
import { ZERO_UUID } from '../schema.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

type CreateAsk = CoordinatorVerbs['createTopics']['ask'];

/** How long the cluster's controller may take over it. */
const CONTROLLER_MS = 30_000;

export function createRequest({ topics, validateOnly }: CreateAsk): RequestTo<typeof createTopics> {
  return {
    topics: topics.map(({ name, partitions, replicationFactor, configs }) => ({
      name,
      numPartitions: partitions,
      replicationFactor,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })),
    timeoutMs: CONTROLLER_MS,
    validateOnly,
  };
}

/** Rows in the order of the ask. */
export function createReply({ topics }: CreateAsk, response: ResponseFrom<typeof createTopics>): TopicResult[] {
  const rows = new Map(response.topics.map((row) => [row.name, row]));
  return topics.map(({ name, partitions }) => {
    const row = rows.get(name);
    if (row === undefined) return refusedTopic(name, -1, 'the broker said nothing of it');
    if (row.errorCode !== 0) return refusedTopic(name, busCode(row.errorCode), row.errorMessage ?? '');
    // Versions before 5 do not tell, and the metadata does.
    const known = row.numPartitions < 0 ? partitions : row.numPartitions;
    return { name, topicId: idOf(row.topicId), error: 0, message: '', partitions: known };
  });
}

export function deleteRequest(names: readonly string[]): RequestTo<typeof deleteTopics> {
  return { topics: names.map((name) => ({ name, topicId: ZERO_UUID })), topicNames: names, timeoutMs: CONTROLLER_MS };
}

export function deleteReply(names: readonly string[], response: ResponseFrom<typeof deleteTopics>): TopicResult[] {
  const rows = new Map(response.responses.map((row) => [row.name, row]));
  return names.map((name) => {
    const row = rows.get(name);
    if (row === undefined) return refusedTopic(name, -1, 'the broker said nothing of it');
    if (row.errorCode !== 0) return refusedTopic(name, busCode(row.errorCode), '');
    return { name, topicId: idOf(row.topicId), error: 0, message: '', partitions: 0 };
  });
}

export function partitionsRequest({ name, total }: CoordinatorVerbs['createPartitions']['ask']): RequestTo<typeof createPartitions> {
  return { topics: [{ name, count: total, assignments: null }], timeoutMs: CONTROLLER_MS, validateOnly: false };
}

export function partitionsReply(response: ResponseFrom<typeof createPartitions>): Answer<'createPartitions'> {
  const { errorCode = -1, errorMessage = null } = response.results[0] ?? {};
  return { error: busCode(errorCode), message: errorMessage ?? '' };
}

export function refusedTopic(name: string, error: number, message: string): TopicResult {
  return { name, topicId: '', error, message, partitions: 0 };
}

/** Versions without ids say so by zeros. */
function idOf(topicId: string): string {
  return topicId === ZERO_UUID ? '' : topicId;
}
