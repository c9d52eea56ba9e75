/** Requests that ask one thing of each of many partitions: looked up, asked of their hosts all at once, answered when all have. */
import { errors } from '../base/errors.ts';
import type { PartitionMetadata } from '../coordinator/protocol.ts';
import type { Broker } from './broker.ts';
import type { TopicName } from './topics.ts';

interface Wanted<P> extends TopicName {
  readonly partitions: readonly P[];
}

/** `ask` gives its row once; `refuse` makes the row of a partition that is not there. Rows come back in the order of the request. */
export function forPartitions<P, Row>(
  broker: Broker,
  wanted: readonly Wanted<P>[],
  ask: (place: PartitionMetadata, partition: P, done: (row: Row) => void) => void,
  refuse: (partition: P, code: number, named: TopicName) => Row,
  indexOf: (partition: P) => number,
  done: (topics: { named: TopicName; rows: Row[] }[]) => void,
): void {
  const { topics } = broker;
  topics.learn(wanted, false, () => {
    let left = 1;
    const answered = (): void => {
      if (--left === 0) done(answers);
    };
    const answers = wanted.map((named) => {
      const rows: Row[] = [];
      const isKnown = topics.find(named) !== undefined;
      named.partitions.forEach((partition, i) => {
        const place = topics.partition(named, indexOf(partition));
        if (place === undefined) {
          rows[i] = refuse(partition, isKnown ? errors.UNKNOWN_TOPIC_OR_PARTITION.code : topics.refusalOf(named), named);
          return;
        }
        left++;
        ask(place, partition, (row) => {
          rows[i] = row;
          answered();
        });
      });
      return { named, rows };
    });
    answered();
  });
}
