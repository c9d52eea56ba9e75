/** node writer.ts PORT: the same records to a topic. A record is there for readers when it is whole and safe, never before. */
import { connect, serdes } from '../../src/index.ts'; // in a program of yours: from 'spillway'

const [port = '9092', day = new Date().toISOString().slice(0, 10), count = '2000'] = process.argv.slice(2);
await using bus = await connect({ brokers: [`127.0.0.1:${port}`] });
const producer = bus.producer({ value: serdes.string });
for (let n = 0; n < Number(count); n++) {
  const record = { value: `${day} record ${n} ${'x'.repeat(n % 40)}`, timestamp: Date.parse(day) };
  while (!producer.push('feed', record)) await producer.drained();
}
await producer.flush();
console.log(`wrote ${count}`);
