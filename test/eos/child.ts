/**
 * The process that is killed: fills topic `in` and moves it on. Says by a blocking write when something was moved, so that the kill comes in the
 * midst of it.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { Bus } from '../../src/index.ts';
import { amounts, IN_PARTITIONS, OUT_PARTITIONS, startTransfer } from './transfer.ts';

const [dir, firstNumber] = process.argv.slice(2);
const bus = await Bus.open({ dir: join(dir, 'bus'), memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
const known = new Set((await bus.admin().listTopics()).map(({ name }) => name));
const configs = { durability: 'written', 'segment.bytes': 65536 };
for (const [name, partitions] of [
  ['in', IN_PARTITIONS],
  ['out', OUT_PARTITIONS],
] as const) {
  if (!known.has(name)) await bus.admin().createTopics([{ name, partitions, configs }]);
}
let moved = 0;
startTransfer(bus, join(dir, 'user.sqlite'), (records) => {
  moved += records;
  try {
    writeSync(1, `moved ${records}\n`);
  } catch {
    // The pipe is full: whoever reads it knows enough by now.
  }
});
/** Records that are produced ahead of those that were moved: few, so that each life begins where the one before was killed. */
const AHEAD = 400;
const producer = bus.producer({ value: amounts });
for (let number = Number(firstNumber); ; number += 20) {
  while (number - Number(firstNumber) - moved > AHEAD) await new Promise((resolve) => setTimeout(resolve, 1));
  const records = Array.from({ length: 20 }, (_, i) => ({ value: { number: number + i, amount: 1 + ((number + i) % 1000) } }));
  await Promise.all(records.map((record) => producer.send('in', { ...record, partition: record.value.number % IN_PARTITIONS })));
}
