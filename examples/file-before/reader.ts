/** node reader.ts FILE: reads the file of a day from its start; where it was yesterday, and what is half written, is its own business. */
import { readFileSync } from 'node:fs';

const bytes = readFileSync(process.argv[2]);
let count = 0;
let at = 0;
while (at + 2 <= bytes.length && at + 2 + bytes.readUInt16LE(at) <= bytes.length) {
  at += 2 + bytes.readUInt16LE(at);
  count++;
}
console.log(`read ${count}${at < bytes.length ? `, and half a record at byte ${at}` : ''}`);
