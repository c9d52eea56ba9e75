/**
 * @platformatic/kafka: a stream without commits of its own, bytes as they are. One request under way: with several it is no faster (its
 * own work bounds it), and being idempotent it stores some batches twice.
 */
import { Consumer, Producer } from '@platformatic/kafka';
import { Tally } from '../records.ts';
import { inRequests, PARTITIONS, type WireClient } from './client.ts';

export async function platformaticTo(broker: string): Promise<WireClient> {
  const base = { clientId: 'bench', bootstrapBrokers: [broker], timeout: 60_000, requestTimeout: 60_000 };
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, idempotent: true, strict: false });
  let groups = 0;
  return {
    async open(topic) {
      await producer.metadata({ topics: [topic], forceUpdate: true });
    },
    async produce(topic, records) {
      await inRequests(records.length, 1, (from, to) => {
        const messages: { topic: string; key: Buffer; value: Buffer; partition: number }[] = [];
        for (let i = from; i < to; i++) messages.push({ topic, key: records[i].key, value: records[i].value, partition: i % PARTITIONS });
        return producer.send({ messages, acks: -1 });
      });
    },
    async consume(topic, count) {
      const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
        ...base,
        groupId: `platformatic-${topic}-${groups++}`,
        autocommit: false,
        maxBytes: 16 << 20,
        maxWaitTime: 100,
        highWaterMark: 16_384,
      });
      const tally = new Tally();
      let startMs = 0;
      let before = 0;
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest' });
      await new Promise<void>((resolve, reject) => {
        stream.on('error', reject);
        stream.on('data', ({ key, value }) => {
          tally.take(key, value);
          if (startMs === 0) {
            startMs = performance.now();
            before = tally.count;
          }
          if (tally.count === count) resolve();
        });
      });
      const seconds = (performance.now() - startMs) / 1000;
      await stream.close();
      await consumer.close(true);
      return { check: tally.check, seconds, records: tally.count - before };
    },
    close: () => producer.close(),
  };
}
