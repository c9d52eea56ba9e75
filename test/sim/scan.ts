/** Walks over whole topics as a reader does, to compare what is there with what was promised. */
import type { Client } from '../../src/client/client.ts';
import type { Scan, SeenRecord } from './auditor.ts';
import type { Reading } from './users.ts';

const rawSerde = {
  name: 'raw',
  serialize: (value: Uint8Array) => value,
  deserialize: (bytes: Buffer): Uint8Array => bytes,
};

export class Scanner {
  #consumer: Reading['consumer'] | null = null;

  /** Where it is now. */
  tell(): string[] {
    return (this.#consumer?.assignment() ?? []).map(({ topic, partition, position }) => `the scan is at ${topic}-${partition}@${position}`);
  }

  /** Every partition of a topic up to its end as it is now, and the durability that the topic has. */
  async scan(client: Client, topic: string): Promise<{ scans: Scan[]; durability: string }> {
    const consumer: Reading['consumer'] = client.consumer({
      autoOffsetReset: 'earliest',
      key: rawSerde,
      value: rawSerde,
      onDamage: 'skip',
    });
    this.#consumer = consumer;
    const records = new Map<number, SeenRecord[]>();
    await consumer.assign(topic);
    const ends = await client.admin().listOffsets(topic, 'latest');
    while (consumer.assignment().some(({ partition, position }) => position < ends[partition].offset)) {
      for (const { topic, partition, offset, timestamp, rawKey, rawValue } of await consumer.poll({ timeoutMs: 1000, recordsMax: 1000 })) {
        const list = records.get(partition) ?? [];
        list.push({ topic, partition, offset, timestamp, rawKey, rawValue });
        records.set(partition, list);
      }
    }
    this.#consumer = null;
    await consumer.close();
    const [{ partitions, durability }] = await client.admin().describeTopics([topic]);
    const scans = partitions.map(({ partition, startOffset, quarantined }) => {
      const endOffset = ends[partition].offset;
      return { topic, partition, startOffset, endOffset, records: records.get(partition) ?? [], quarantined };
    });
    return { scans, durability };
  }
}
