/** node sender.ts PORT: 5,000 messages, the first 1,000 of them while nobody is connected. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Publisher } from './link.ts';

const publisher = new Publisher();
const port = await publisher.listen(Number(process.argv[2] ?? 7000));
let n = 0;
for (; n < 1000; n++) publisher.publish(`message ${n}`);
console.log(`listening on ${port}`);
while (publisher.peers === 0) await sleep(5);
for (; n < 5000; n++) {
  publisher.publish(`message ${n}`);
  if (n % 50 === 0) await sleep(2);
}
publisher.publish('end');
console.log(`sent ${n}, dropped ${publisher.dropped}`);
publisher.close();
