/** kafkajs: whole batches, without its own commits, all partitions at once. One request under way, as its documentation asks of idempotent producers. */
import { type IHeaders, Kafka, logLevel } from 'kafkajs';
import { Tally } from '../records.ts';
import { inRequests, PARTITIONS, type WireClient } from './client.ts';

export async function kafkajsTo(broker: string): Promise<WireClient> {
  const kafka = new Kafka({ clientId: 'bench', brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let groups = 0;
  return {
    async open() {},
    async produce(topic, records) {
      await inRequests(records.length, 1, (from, to) => {
        const messages: { key: Buffer; value: Buffer; partition: number; headers?: IHeaders }[] = [];
        for (let i = from; i < to; i++) messages.push({ ...records[i], partition: i % PARTITIONS });
        return producer.send({ topic, messages, acks: -1 });
      });
    },
    async consume(topic, count) {
      const groupId = `kafkajs-${topic}-${groups++}`;
      const consumer = kafka.consumer({ groupId, maxBytes: 16 << 20, maxBytesPerPartition: 1 << 20, maxWaitTimeInMs: 100 });
      const tally = new Tally();
      let startMs = 0;
      let endMs = 0;
      let before = 0;
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        consumer.on('consumer.crash', ({ payload }) => reject(payload.error));
        consumer
          .run({
            autoCommit: false,
            partitionsConsumedConcurrently: PARTITIONS,
            eachBatch: async ({ batch: { messages } }) => {
              for (const { key, value } of messages) tally.take(key as Buffer, value as Buffer);
              if (startMs === 0) {
                startMs = performance.now();
                before = tally.count;
              }
              endMs = performance.now();
              if (tally.count >= count) resolve();
            },
          })
          .catch(reject);
      });
      await consumer.disconnect();
      return { check: tally.check, seconds: (endMs - startMs) / 1000, records: tally.count - before };
    },
    close: () => producer.disconnect(),
  };
}
