/** Handlers in threads: order, retries, death of a thread, failures that say what they are. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, type BusError, deadLetterHeaders, serdes } from '../../../src/index.ts';

let bus: Bus;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-threads-'));
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

const module = (name: string): URL => pathToFileURL(join(import.meta.dirname, name));
const ofRecords = module('thread-records.ts');

async function filled(topic: string, partitions: number, values: readonly string[]) {
  await bus.admin().createTopics([{ name: topic, partitions }]);
  const producer = bus.producer({ value: serdes.string });
  for (let i = 0; i < values.length; i++) await producer.send(topic, { value: values[i], partition: i % partitions });
  await producer.close();
  return bus.consumer({ autoOffsetReset: 'earliest' }).assign(topic);
}

function handled(file: string, count: number): Promise<string[]> {
  return expect
    .poll(() => {
      try {
        return readFileSync(file, 'utf8').split('\n').slice(0, -1);
      } catch {
        return [];
      }
    })
    .toHaveLength(count)
    .then(() => readFileSync(file, 'utf8').split('\n').slice(0, -1));
}

test('two threads share the partitions, each of which keeps its order', async () => {
  const file = join(folder, 'order');
  const consumer = await filled(
    'order',
    4,
    Array.from({ length: 40 }, () => `note ${file}`),
  );
  const run = consumer.run({ module: ofRecords, threads: 2 });
  const lines = await handled(file, 40);
  await consumer.close();
  expect(await run).toMatchObject({ retried: 0, unfinished: [] });
  for (const partition of [0, 1, 2, 3]) {
    const mine = lines.filter((line) => line.startsWith(`${partition}:`));
    expect(mine).toEqual(Array.from({ length: 10 }, (_, offset) => `${partition}:${offset}#1`));
  }
});

test('a thread that dies is a failed attempt: another one goes on at the record that killed it', async () => {
  const file = join(folder, 'death');
  const consumer = await filled('death', 1, [`note ${file}`, `die ${file}`, `note ${file}`]);
  const run = consumer.run({ module: ofRecords, backoffMs: 1 });
  expect(await handled(file, 3)).toEqual(['0:0#1', '0:1#2', '0:2#2']);
  await consumer.close();
  expect(await run).toMatchObject({ retried: 1 });
});

test('what a module throws ends the run with its name and message, at the record', async () => {
  const consumer = await filled('failing', 1, ['note', 'note', 'throw']);
  const failure = (await consumer.run({ module: ofRecords, attempts: 2, backoffMs: 1 }).catch((error: unknown) => error)) as BusError;
  expect(failure).toMatchObject({ code: 'USER_CODE_FAILED', details: { offset: 2, attempts: 2 } });
  expect(failure.cause).toMatchObject({ name: 'TypeError', message: 'no luck with 2' });
  expect((failure.cause as Error).stack).toContain('thread-records.ts');
  expect(consumer.position('failing', 0)).toBe(2);
  await consumer.close();
});

test('only the record that failed is put aside; an error of the bus keeps its code, and says that trying again is no use', async () => {
  const file = join(folder, 'aside');
  const consumer = await filled('aside', 1, [`note ${file}`, 'refuse', `note ${file}`]);
  const run = consumer.run({ module: ofRecords, deadLetter: { topic: 'aside-dead' } });
  expect(await handled(file, 2)).toEqual(['0:0#1', '0:2#1']);
  await consumer.close();
  expect(await run).toMatchObject({ deadLettered: 1, retried: 0 });
  const dead = await bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest' }).assign('aside-dead');
  const [record] = await dead.poll({ timeoutMs: 5000 });
  const headers = Object.fromEntries(record.rawHeaders.map(({ key, value }) => [key, String(value)]));
  expect([record.value, headers[deadLetterHeaders.error]]).toEqual(['refuse', 'INVALID_DATA: it will never do']);
  await dead.close();
});

test('batches: what was marked is not handed over again', async () => {
  const file = join(folder, 'batches');
  await bus.admin().createTopics([{ name: 'batches', partitions: 1 }]);
  const producer = bus.producer({ value: serdes.string });
  await producer.send(
    'batches',
    Array.from({ length: 5 }, () => ({ value: file })),
  );
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('batches');
  const run = consumer.run({ module: module('thread-batches.ts'), backoffMs: 1 });
  expect(await handled(file, 2)).toEqual(['0-5#1', '2-5#2']);
  await consumer.close();
  await run;
});

test('closing aborts the signal in the thread, and the run ends', async () => {
  const consumer = await filled('hanging', 1, ['hang']);
  const run = consumer.run({ module: ofRecords, stopDeadlineMs: 20_000 });
  await expect.poll(() => consumer.queuedBytes === 0 && consumer.position('hanging', 0) === 1, { timeout: 10_000 }).toBe(true);
  await consumer.close({ deadlineMs: 20_000 });
  expect(await run).toMatchObject({ handled: 1, unfinished: [] });
});

test.each([
  ['test/x.js', 'module is a URL or an absolute path'],
  [module('rig.ts'), 'exports neither of eachRecord and eachBatch'],
  [module('not-there.ts'), 'Cannot find module'],
])('refuses %s', async (wrong, message) => {
  const topic = `wrong-${message.length}`;
  const consumer = await filled(topic, 1, ['note']);
  await expect(consumer.run({ module: wrong, attempts: 1 })).rejects.toThrow(message);
  await consumer.close();
});
