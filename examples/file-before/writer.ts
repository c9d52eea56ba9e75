/** node writer.ts FOLDER: appends records to a file of the day, two bytes of length (low byte first) and the record. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.', day = new Date().toISOString().slice(0, 10), count = '2000'] = process.argv.slice(2);
for (let n = 0; n < Number(count); n++) {
  const record = Buffer.from(`${day} record ${n} ${'x'.repeat(n % 40)}`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(record.length);
  // Two writes: who reads in between finds half a record.
  appendFileSync(join(folder, `feed-${day}.bin`), length);
  appendFileSync(join(folder, `feed-${day}.bin`), record);
}
console.log(`wrote ${count}`);
