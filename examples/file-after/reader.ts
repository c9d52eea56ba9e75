/** node reader.ts PORT: goes on where the group stands, and waits for more until nothing has come for a second. */
import { connect, serdes } from '../../src/index.ts'; // in a program of yours: from 'spillway'

const [port = '9092'] = process.argv.slice(2);
await using bus = await connect({ brokers: [`127.0.0.1:${port}`] });
const consumer = bus.consumer({ groupId: 'reader', topics: 'feed', value: serdes.string, autoOffsetReset: 'earliest' });
let count = 0;
for (let waitMs = 10_000; ; waitMs = 1000) {
  const records = await consumer.poll({ timeoutMs: waitMs });
  if (records.length === 0) break;
  count += records.length;
}
await consumer.commit();
console.log(`read ${count}`);
