// Produces the records of a file (see capture.ts) with @platformatic/kafka: produce.mjs BOOTSTRAP TASKS
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Installed by capture.ts beside the tasks, not in the project.
const require = createRequire(join(process.cwd(), 'package.json'));
const { Producer } = await import(pathToFileURL(require.resolve('@platformatic/kafka')).href);

const bytesOf = (field) => (field === '-' ? null : Buffer.from(field.slice(1), 'base64'));
const lines = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean);

const producer = new Producer({ clientId: 'golden', bootstrapBrokers: [process.argv[2]] });
for (const task of lines(process.argv[3])) {
  const [path, topic, compression] = task.split(' ');
  const messages = lines(path).map((line) => {
    const [timestamp, key, value, ...rest] = line.split('\t');
    const headers = new Map();
    // Buffers are different keys of a Map even when they hold the same bytes.
    for (let i = 0; i < rest.length; i += 2) headers.set(bytesOf(rest[i]), bytesOf(rest[i + 1]));
    return { topic, partition: 0, timestamp: BigInt(timestamp), key: bytesOf(key), value: bytesOf(value), headers };
  });
  await producer.send({ messages, compression, idempotent: true, acks: -1 });
}
await producer.close();
