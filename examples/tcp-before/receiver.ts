/** node receiver.ts PORT FILE: notes each message in a file, which stands for its work. */
import { appendFileSync } from 'node:fs';
import { receive } from './link.ts';

const [port = '7000', file = 'received.txt'] = process.argv.slice(2);
let count = 0;
await receive(Number(port), (message) => {
  if (message === 'end') return;
  appendFileSync(file, `${message}\n`);
  count++;
});
console.log(`received ${count}`);
