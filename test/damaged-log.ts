/** A log with one damaged batch, for whoever reads it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bus, serdes } from '../src/index.ts';

/** Ten records, each a batch of its own; then a byte of the fifth is changed on the disk. */
export async function makeDamagedLog(dir: string): Promise<void> {
  await using bus = await Bus.open({ dir, logLevel: 'silent' });
  await bus.admin().createTopics([{ name: 't', partitions: 1, configs: { durability: 'written' } }]);
  await using producer = bus.producer({ value: serdes.string });
  for (let i = 0; i < 10; i++) await producer.send('t', { value: `v${i}` });
  await bus.close();
  const path = join(dir, 't-0', '00000000000000000000.log');
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length / 10) * 4 + 65] ^= 0xff;
  writeFileSync(path, bytes);
}
