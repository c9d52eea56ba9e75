/** node receiver.ts PORT FILE: notes each message in a file, which stands for its work. Killed and started again, it goes on where it was. */
import { appendFileSync } from 'node:fs';
import { connect, serdes } from '../../src/index.ts'; // in a program of yours: from 'spillway'

const [port = '9092', file = 'received.txt'] = process.argv.slice(2);
await using bus = await connect({ brokers: [`127.0.0.1:${port}`] });
const consumer = bus.consumer({
  groupId: 'receiver',
  topics: 'messages',
  value: serdes.string,
  autoOffsetReset: 'earliest',
  // Who comes back under this name is who was there before: it goes on at once, not when the session of the killed one has ended.
  groupProtocol: 'classic',
  groupInstanceId: 'the-receiver',
  autoCommitIntervalMs: 100,
});
let count = 0;
for await (const { value } of consumer) {
  if (value === 'end') break;
  appendFileSync(file, `${value}\n`);
  count++;
}
console.log(`received ${count}`);
