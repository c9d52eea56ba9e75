/**
 * node sender.ts PORT FOLDER: the same 5,000 messages, the first 1,000 while nobody is connected. The bus lives in this process, and listens for
 * the other one; where neither is to carry it, `spillway run` does, and both connect.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Bus, serdes } from '../../src/index.ts'; // in a program of yours: from 'spillway'

const [port = '9092', dir = 'spillway-data'] = process.argv.slice(2);
await using bus = await Bus.open({ dir });
const listening = await bus.listen({ port: Number(port) });
await bus.admin().createTopics([{ name: 'messages' }]);
const producer = bus.producer({ value: serdes.string });
let n = 0;
for (; n < 1000; n++) while (!producer.push('messages', { value: `message ${n}` })) await producer.drained();
await producer.flush();
console.log(`listening on ${listening.port}`);
for (; n < 5000; n++) {
  while (!producer.push('messages', { value: `message ${n}` })) await producer.drained();
  if (n % 50 === 0) await sleep(10);
}
await producer.send('messages', { value: 'end' });
console.log(`sent ${n}`);
// The receiver may be behind, or away. Nothing is lost if this process ends now; it stays to serve.
await new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve);
  process.once('SIGINT', resolve);
});
