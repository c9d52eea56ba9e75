/**
 * The process that is killed: opens the folder, produces to three topics of two partitions each, and prints what was acknowledged, one
 * line per receipt, by a blocking write, so that a line that was read was acknowledged before the kill.
 *
 *   ack TOPIC PARTITION OFFSET NUMBER
 */
import { writeSync } from 'node:fs';
import { Bus, serdes } from '../../src/index.ts';

/** A pipe that is full refuses a write for a moment; the acknowledgement must be told before anything else happens. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

const [dir, firstNumber] = process.argv.slice(2);
const bus = await Bus.open({ dir, memoryBytesMax: 16 * 1024 * 1024, retentionCheckMs: 50, logLevel: 'silent' });
const known = new Set((await bus.admin().listTopics()).map(({ name }) => name));
for (const durability of ['memory', 'written', 'synced']) {
  if (known.has(durability)) continue;
  await bus.admin().createTopics([{ name: durability, partitions: 2, configs: { durability, 'segment.bytes': 65536 } }]);
}
tell('ready\n');
const producer = bus.producer<number, string>({ key: serdes.raw as never, value: serdes.string, lingerMs: 1 });
let number = Number(firstNumber);
// A window of records in flight, so that the kill finds batches in every state.
const inFlight = new Set<Promise<void>>();
for (;;) {
  const topic = ['memory', 'written', 'synced'][number % 3];
  const mine = number++;
  const sent: Promise<void> = producer
    .send(topic, { value: `${mine}:${'x'.repeat((mine * 37) % 900)}`, partition: mine % 2 })
    .then(({ partition, offset }) => {
      tell(`ack ${topic} ${partition} ${offset} ${mine}\n`);
      inFlight.delete(sent);
    });
  inFlight.add(sent);
  if (inFlight.size > 200) await Promise.race(inFlight);
}
