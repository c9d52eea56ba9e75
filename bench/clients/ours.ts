/** `connect` of this package. */
import { connect, RecordCursor, serdes } from '../../src/index.ts';
import { Tally } from '../records.ts';
import { BATCH_BYTES, PARTITIONS, type WireClient } from './client.ts';

export async function oursTo(broker: string): Promise<WireClient> {
  const remote = await connect({ brokers: [broker] });
  const producer = remote.producer({ key: serdes.raw, value: serdes.raw, batchSize: BATCH_BYTES });
  return {
    async open(topic) {
      await remote.admin().createTopics([{ name: topic, partitions: PARTITIONS }]);
      // Learns where it lies, as the others do: a round measures records alone.
      const consumer = await remote.consumer().assign(topic);
      await consumer.close();
    },
    async produce(topic, records) {
      for (let i = 0; i < records.length; i++) {
        const { key, value } = records[i];
        while (!producer.push(topic, { key, value, partition: i % PARTITIONS })) await producer.drained();
      }
      await producer.flush();
    },
    async consume(topic, count) {
      const consumer = await remote.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' }).assign(topic);
      const tally = new Tally();
      const cursor = new RecordCursor();
      let startMs = 0;
      let before = 0;
      for await (const batch of consumer.batches()) {
        const records = batch.cursor(cursor);
        while (records.next()) tally.add(records.bytes, records.keyAt, records.valueAt);
        batch.release();
        if (startMs === 0) {
          startMs = performance.now();
          before = tally.count;
        }
        if (tally.count >= count) break;
      }
      const seconds = (performance.now() - startMs) / 1000;
      await consumer.close();
      return { check: tally.check, seconds, records: tally.count - before };
    },
    async close() {
      await remote.close();
    },
  };
}
