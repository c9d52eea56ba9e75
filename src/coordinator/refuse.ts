/** The refusal of any ask: its error, a message where the reply has room for one, and every other field at its zero. */
import { unreachable } from '../base/assert.ts';
import type { CoordinatorReply } from './protocol.ts';
import type { TopicAsk } from './topics.ts';

export function refuse(ask: TopicAsk, error: number, message: string): CoordinatorReply {
  const { id } = ask;
  const row = (name: string) => ({ name, topicId: '', error, message, partitions: 0 });
  switch (ask.verb) {
    case 'metadata':
      return { verb: 'metadata', id, error, epoch: 0, topics: [] };
    case 'createTopics':
      return { verb: 'createTopics', id, error, topics: ask.topics.map(({ name }) => row(name)) };
    case 'deleteTopics':
      return { verb: 'deleteTopics', id, error, topics: ask.names.map(row) };
    case 'createPartitions':
      return { verb: 'createPartitions', id, error, message };
    case 'alterConfigs':
      return { verb: 'alterConfigs', id, error, message };
    case 'describeConfigs':
      return { verb: 'describeConfigs', id, error, topics: [] };
    case 'initProducerId':
      return { verb: 'initProducerId', id, error, producerId: -1, producerEpoch: -1 };
    default:
      return unreachable(ask);
  }
}
